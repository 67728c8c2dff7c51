//! The probe's programs and maps, as the kernel takes them.

use serde::Serialize;

use super::{Level, Line};
use crate::probe::programs::{self, PROGRAMS, Part};
use crate::probe::{Attachment, MapSize, ProbeError, Trial};

/// One program of the probe, for machines to read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ProgramReport {
    /// Its name.
    pub name: &'static str,
    /// Where it runs.
    pub hook: String,
    /// The evidence that depends on it.
    pub serves: &'static str,
    /// What the agent does without it.
    pub without: &'static str,
    /// The kernel loads it.
    pub loads: bool,
}

/// The tried programs.
pub(super) fn programs(trial: &Trial) -> Vec<ProgramReport> {
    let loads = |name| {
        let mut tried = trial.programs.iter();
        tried.any(|it| it.probe == name && it.error.is_none())
    };
    let reports = PROGRAMS.iter().map(|program| ProgramReport {
        name: program.name,
        hook: program.hook.to_string(),
        serves: program.serves,
        without: program.without,
        loads: loads(program.name),
    });
    reports.collect()
}

/// A program that the kernel refuses costs what it would have seen; without an essential one there is nothing left.
pub(super) fn check(trial: &Result<Trial, ProbeError>) -> Vec<Line> {
    let trial = match trial {
        Ok(trial) => trial,
        Err(error) => {
            return vec![Line::fail(
                "probe",
                error.to_string(),
                "see the kernel and capability lines above",
            )];
        }
    };
    let tried = trial.programs.iter().filter_map(program);
    let idle = trial.idle.iter().map(|name| {
        Line::warn(
            &format!("probe {name}"),
            "nothing attaches this program",
            "please report it: this agent and its probe do not belong together",
        )
    });
    tried.chain(idle).chain([maps(&trial.maps)]).collect()
}

fn program(tried: &Attachment) -> Option<Line> {
    let row = programs::named(tried.probe)?;
    let what = format!("probe {}", row.name);
    let purpose = format!(
        "{} for {}; without it: {}",
        row.hook, row.serves, row.without
    );
    let Some(cause) = &tried.error else {
        return Some(Line::ok(&what, purpose));
    };
    let level = match row.part {
        Part::Essential => Level::Fail,
        Part::System | Part::Network => Level::Warn,
    };
    Some(Line::new(
        level,
        &what,
        format!("the kernel refuses {purpose}; its reason: {cause}"),
        "see the kernel and capability lines above",
    ))
}

fn maps(maps: &[MapSize]) -> Line {
    let bytes: u64 = maps.iter().map(|map| map.kernel_bytes).sum();
    Line::ok(
        "probe maps",
        format!("{}, {} MiB of kernel memory", maps.len(), bytes >> 20),
    )
}
