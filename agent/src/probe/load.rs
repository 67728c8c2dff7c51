//! Loads the programs, attaches them, and says for each whether it works.

use std::fs::File;
use std::path::PathBuf;

use aya::maps::MapError;
use aya::programs::{CgroupAttachMode, CgroupSkbAttachType, Program};
use aya::{Ebpf, EbpfLoader};
use thiserror::Error;

use super::btf::{Btf, BtfError};
use super::memory::{self, MapSize};
use super::programs::{self, Hook, PROGRAMS};
use super::{calls, offsets};

/// Where the kernel shows its type information.
const KERNEL_BTF: &str = "/sys/kernel/btf/vmlinux";

static OBJECT: &[u8] = aya::include_bytes_aligned!(concat!(env!("OUT_DIR"), "/picket-ebpf"));

/// What the probe needs to know.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Mount point of the cgroup v2 hierarchy.
    pub cgroup_root: PathBuf,
    /// Containers that can be watched at a time.
    pub rows: u32,
}

/// Why there is no probe.
#[derive(Debug, Error)]
pub enum ProbeError {
    /// The agent was built without the kernel programs.
    #[error(
        "this agent was built without its probe (AYA_BUILD_SKIP was set); build it with `cargo xtask build`"
    )]
    NotBuilt,
    /// The kernel shows no type information.
    #[error(
        "{KERNEL_BTF} cannot be read ({0}); Picket needs a kernel with CONFIG_DEBUG_INFO_BTF=y, 5.8 or later"
    )]
    NoBtf(std::io::Error),
    /// The kernel's type information lacks something.
    #[error("{0}; this kernel is not supported, please report it with `uname -r`")]
    Btf(#[from] BtfError),
    /// The kernel refused to load the maps.
    #[error("the kernel refused the probe: {0}; run `picket check` for what is missing")]
    Refused(String),
    /// A map is not as this agent expects it.
    #[error("the probe's map {0} cannot be used: {1}")]
    Map(&'static str, MapError),
    /// The hierarchy cannot be opened.
    #[error("the cgroup v2 hierarchy {} cannot be opened: {error}", path.display())]
    Cgroup {
        /// Its path.
        path: PathBuf,
        /// The cause.
        error: std::io::Error,
    },
}

/// Whether one program of the probe works, and if not, why.
#[derive(Clone, Debug)]
pub struct Attachment {
    /// Program name, the metric label.
    pub probe: &'static str,
    /// `None` when it is attached.
    pub error: Option<String>,
}

/// Creates the maps and makes the programs fit this kernel. `PICKET_PROBE_TASKS=untyped` has them work as on kernels
/// before 5.11, to test and measure that anywhere.
pub(super) fn load_object(settings: &Settings) -> Result<Ebpf, ProbeError> {
    if OBJECT.is_empty() {
        return Err(ProbeError::NotBuilt);
    }
    let data = std::fs::read(KERNEL_BTF).map_err(ProbeError::NoBtf)?;
    let btf = Btf::parse(&data)?;
    let untyped = std::env::var("PICKET_PROBE_TASKS").is_ok_and(|tasks| tasks == "untyped");
    let typed_task = u32::from(btf.knows("BPF_FUNC_get_current_task_btf") && !untyped);
    let offsets = offsets::resolve(&btf)?;
    let flags = calls::flags();
    let mut loader = EbpfLoader::new();
    for (global, offset) in &offsets {
        loader.override_global(global, offset, false);
    }
    loader
        .override_global("CALL_FLAGS", flags.as_slice(), true)
        .override_global("COMPAT_BIT", &offsets::COMPAT_BIT, true)
        .override_global("TYPED_TASK", &typed_task, true)
        .map_max_entries("ROW", settings.rows)
        .map_max_entries("FREE_ROWS", settings.rows)
        .map_max_entries("EPOCH", settings.rows);
    loader
        .load(OBJECT)
        .map_err(|error| ProbeError::Refused(chain(&error)))
}

pub(super) fn attach_all(
    programs: &mut Ebpf,
    cgroup: Option<&File>,
) -> Result<Vec<Attachment>, ProbeError> {
    let btf = aya::Btf::from_sys_fs().map_err(|error| ProbeError::Refused(error.to_string()))?;
    let mut attachments = Vec::new();
    for program in PROGRAMS {
        let error = attach(programs, program, &btf, cgroup).err();
        attachments.push(Attachment {
            probe: program.name,
            error,
        });
    }
    Ok(attachments)
}

/// Loads one program and, with a cgroup given, attaches it.
fn attach(
    programs: &mut Ebpf,
    row: &programs::Program,
    btf: &aya::Btf,
    cgroup: Option<&File>,
) -> Result<(), String> {
    let program = programs
        .program_mut(row.name)
        .ok_or("the object has no such program")?;
    let result = match (program, row.hook) {
        (Program::BtfTracePoint(program), Hook::Tracepoint(name)) => {
            program.load(name, btf).and_then(|()| match cgroup {
                Some(_) => program.attach().map(drop),
                None => Ok(()),
            })
        }
        (Program::CgroupSockAddr(program), Hook::Socket(_)) => {
            program.load().and_then(|()| match cgroup {
                Some(cgroup) => program.attach(cgroup, CgroupAttachMode::Single).map(drop),
                None => Ok(()),
            })
        }
        (Program::CgroupSkb(program), Hook::Ingress | Hook::Egress) => {
            program.load().and_then(|()| match cgroup {
                Some(cgroup) => {
                    let direction = match row.hook {
                        Hook::Ingress => CgroupSkbAttachType::Ingress,
                        _ => CgroupSkbAttachType::Egress,
                    };
                    program
                        .attach(cgroup, direction, CgroupAttachMode::Single)
                        .map(drop)
                }
                None => Ok(()),
            })
        }
        _ => return Err("the program is of another type than its hook".to_owned()),
    };
    result.map_err(|error| chain(&error))
}

/// What [`trial`] found.
#[derive(Clone, Debug)]
pub struct Trial {
    /// Each program, and why it is refused where it is.
    pub programs: Vec<Attachment>,
    /// Programs of the object that nothing attaches: a mistake in this agent.
    pub idle: Vec<String>,
    /// The maps.
    pub maps: Vec<MapSize>,
}

/// Makes the maps and loads every program without attaching any: what `picket check` asks.
///
/// # Errors
///
/// When nothing can be loaded at all.
pub fn trial(rows: u32) -> Result<Trial, ProbeError> {
    let settings = Settings {
        cgroup_root: PathBuf::new(),
        rows,
    };
    let mut object = load_object(&settings)?;
    let idle = object
        .programs()
        .filter(|(name, _)| programs::named(name).is_none())
        .map(|(name, _)| name.to_owned());
    Ok(Trial {
        idle: idle.collect(),
        maps: memory::sizes(&object),
        programs: attach_all(&mut object, None)?,
    })
}

/// An error and its causes in one line; the verifier's log only by its first and last lines.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    // aya shows the verifier's log also where there was none.
    let text = text
        .replace(". Verifier output: :", ":")
        .replace(". Verifier output: ", ": ");
    let lines: Vec<&str> = text
        .lines()
        .filter(|line| !line.trim().is_empty())
        .collect();
    match lines.as_slice() {
        [first, .., before, last] if std::env::var_os("PICKET_PROBE_LOG").is_none() => {
            format!("{first} … {before} {last}")
        }
        _ => text.trim_end_matches([':', ' ', '\n']).to_owned(),
    }
}
