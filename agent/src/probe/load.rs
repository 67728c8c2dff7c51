//! Loads the programs, attaches them, and says for each whether it works.

use std::fs::File;
use std::path::PathBuf;

use aya::maps::MapError;
use aya::programs::{CgroupAttachMode, CgroupSkbAttachType, Program};
use aya::{Ebpf, EbpfLoader};
use thiserror::Error;

use super::btf::{Btf, BtfError};
use super::{calls, offsets};

/// Where the kernel shows its type information.
const KERNEL_BTF: &str = "/sys/kernel/btf/vmlinux";

static OBJECT: &[u8] = aya::include_bytes_aligned!(concat!(env!("OUT_DIR"), "/picket-ebpf"));

/// Programs on tracepoints, by their tracepoint's name.
const TRACEPOINTS: [&str; 7] = [
    "cgroup_mkdir",
    "cgroup_rmdir",
    "sched_process_fork",
    "sched_process_exec",
    "sched_process_exit",
    "sys_exit",
    "inet_sock_set_state",
];

/// Programs on the root of the cgroup v2 hierarchy.
const CGROUP_HOOKS: [&str; 6] = [
    "connect4",
    "connect6",
    "sendmsg4",
    "sendmsg6",
    "skb_ingress",
    "skb_egress",
];

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
    for probe in TRACEPOINTS.into_iter().chain(CGROUP_HOOKS) {
        let error = attach(programs, probe, &btf, cgroup).err();
        attachments.push(Attachment { probe, error });
    }
    Ok(attachments)
}

/// Loads one program and, with a cgroup given, attaches it.
fn attach(
    programs: &mut Ebpf,
    probe: &str,
    btf: &aya::Btf,
    cgroup: Option<&File>,
) -> Result<(), String> {
    let program = programs
        .program_mut(probe)
        .ok_or("the object has no such program")?;
    let result = match program {
        Program::BtfTracePoint(program) => program.load(probe, btf).and_then(|()| match cgroup {
            Some(_) => program.attach().map(drop),
            None => Ok(()),
        }),
        Program::CgroupSockAddr(program) => program.load().and_then(|()| match cgroup {
            Some(cgroup) => program.attach(cgroup, CgroupAttachMode::Single).map(drop),
            None => Ok(()),
        }),
        Program::CgroupSkb(program) => program.load().and_then(|()| match cgroup {
            Some(cgroup) => {
                let direction = if probe == "skb_ingress" {
                    CgroupSkbAttachType::Ingress
                } else {
                    CgroupSkbAttachType::Egress
                };
                program
                    .attach(cgroup, direction, CgroupAttachMode::Single)
                    .map(drop)
            }
            None => Ok(()),
        }),
        _ => return Err("the program is of an unexpected type".to_owned()),
    };
    result.map_err(|error| chain(&error))
}

/// Loads every program without attaching any: what `picket check` asks. The result names each program.
#[must_use]
pub fn trial() -> Vec<(String, Result<(), String>)> {
    let settings = Settings {
        cgroup_root: PathBuf::new(),
        rows: 1,
    };
    let outcome = load_object(&settings).and_then(|mut programs| attach_all(&mut programs, None));
    match outcome {
        Ok(attachments) => attachments
            .into_iter()
            .map(|attachment| {
                (
                    attachment.probe.to_owned(),
                    attachment.error.map_or(Ok(()), Err),
                )
            })
            .collect(),
        Err(error) => vec![("probe".to_owned(), Err(error.to_string()))],
    }
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
