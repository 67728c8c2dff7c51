//! Loads the programs, attaches them, and says for each whether it works.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read as _;
use std::path::PathBuf;

use aya::maps::MapError;
use aya::programs::links::{FdLink, LinkError};
use aya::programs::{CgroupAttachMode, CgroupSkbAttachType, Program, ProgramError};
use aya::{Ebpf, EbpfLoader};
use thiserror::Error;

use super::btf::{Btf, BtfError};
use super::memory::{self, MapSize};
use super::pin::{PinError, Pins, Shape};
use super::programs::{self, Hook, PROGRAMS};
use super::{calls, offsets};

/// The generation of programs that nothing is handed over to.
pub(super) const UNPINNED_GENERATION: u32 = 1;

/// Where the kernel shows its type information.
const KERNEL_BTF: &str = "/sys/kernel/btf/vmlinux";

const WRONG_HOOK: &str = "the program is of another type than its hook";

static OBJECT: &[u8] = aya::include_bytes_aligned!(concat!(env!("OUT_DIR"), "/picket-ebpf"));

/// Maps with one entry for each row of a container.
const CONTAINER_MAPS: [&str; 2] = ["FREE_ROWS", "TAKEN"];
/// Maps with one entry for each row, that of the agent's own cgroup included.
const ROW_MAPS: [&str; 6] = ["ROW", "EPOCH", "USED", "HELD", "PEERS_HELD", "SEQUENCE"];

/// Maps that each generation of programs has for itself, besides those of the programs' constants: call sequences, whose
/// places in their set depend on the generation's secret numbers, threads, which are soon known again, and what means
/// something to one program alone.
const OWN_MAPS: [&str; 8] = [
    "SEQUENCE",
    "THREAD",
    "CALLER",
    "LATEST",
    "OPEN_SCRATCH",
    "NAME_SCRATCH",
    "CALL_SCRATCH",
    "SOCKET_SCRATCH",
];

/// What the probe needs to know.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Mount point of the cgroup v2 hierarchy.
    pub cgroup_root: PathBuf,
    /// Containers that can be watched at a time.
    pub rows: u32,
    /// Whether sequences of system calls are reported.
    pub sequences: bool,
    /// Whether system calls are watched for a part of the time only.
    pub sampled: bool,
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
    /// There are no random numbers.
    #[error("/dev/urandom cannot be read ({0}); mount /dev into the agent's container")]
    NoRandomness(std::io::Error),
    /// The kernel refused to load the maps.
    #[error("the kernel refused the probe: {0}; run `picket check` for what is missing")]
    Refused(String),
    /// A map is not as this agent expects it.
    #[error("the probe's map {0} cannot be used: {1}")]
    Map(&'static str, MapError),
    /// What should outlive the agent cannot be pinned.
    #[error(transparent)]
    Pin(#[from] PinError),
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
/// before 5.11, to test and measure that anywhere. With `pins` the maps are those found there, or are pinned there.
pub(super) fn load_object(
    settings: &Settings,
    pins: Option<&mut Pins>,
) -> Result<Ebpf, ProbeError> {
    if OBJECT.is_empty() {
        return Err(ProbeError::NotBuilt);
    }
    let data = std::fs::read(KERNEL_BTF).map_err(ProbeError::NoBtf)?;
    let btf = Btf::parse(&data)?;
    let untyped = std::env::var("PICKET_PROBE_TASKS").is_ok_and(|tasks| tasks == "untyped");
    let typed_task = u32::from(btf.knows("BPF_FUNC_get_current_task_btf") && !untyped);
    let offsets = offsets::resolve(&btf)?;
    let flags = calls::flags();
    let shapes = calls::shapes();
    let [key0, key1, key2] = secret_numbers().map_err(ProbeError::NoRandomness)?;
    let cpus = aya::util::nr_cpus().map_err(|(_, error)| ProbeError::Refused(error.to_string()))?;
    let sequences = u32::from(settings.sequences);
    let mut loader = EbpfLoader::new();
    for (global, offset) in &offsets {
        loader.override_global(global, offset, false);
    }
    loader
        .override_global("CALL_FLAGS", flags.as_slice(), true)
        .override_global("CALL_SHAPES", shapes.as_slice(), true)
        .override_global("COMPAT_BIT", &offsets::COMPAT_BIT, true)
        .override_global("TYPED_TASK", &typed_task, true)
        .override_global("SEQUENCES", &sequences, true)
        .override_global("SEQUENCE_KEY0", &key0, true)
        .override_global("SEQUENCE_KEY1", &key1, true)
        .override_global("SEQUENCE_KEY2", &key2, true)
        .map_max_entries("CALLER", u32::try_from(cpus).unwrap_or(u32::MAX));
    for map in CONTAINER_MAPS.into_iter().chain(ROW_MAPS) {
        if let Some(entries) = entries(map, settings) {
            loader.map_max_entries(map, entries);
        }
    }
    let mut generation = UNPINNED_GENERATION;
    let shapes;
    if let Some(pins) = pins {
        shapes = shapes_of(settings)?;
        pins.prepare(&shapes)?;
        generation = pins.generation();
        for name in shapes.keys() {
            loader.map_pin_path(name, pins.map(name));
        }
    }
    loader.override_global("GENERATION", &generation, true);
    loader
        .load(OBJECT)
        .map_err(|error| ProbeError::Refused(chain(&error)))
}

/// What nobody who is watched can guess.
fn secret_numbers() -> std::io::Result<[u64; 3]> {
    let mut bytes = [[0; 8]; 3];
    File::open("/dev/urandom")?.read_exact(bytes.as_flattened_mut())?;
    Ok(bytes.map(u64::from_ne_bytes))
}

/// Entries of a map that has one for each row; `None` for others.
fn entries(map: &str, settings: &Settings) -> Option<u32> {
    match map {
        "SEQUENCE" if !settings.sequences => None,
        map if CONTAINER_MAPS.contains(&map) => Some(settings.rows),
        map if ROW_MAPS.contains(&map) => Some(settings.rows.saturating_add(1)),
        _ => None,
    }
}

/// The maps of the object, as the kernel will make them with these settings; without those that are each generation's own.
fn shapes_of(settings: &Settings) -> Result<BTreeMap<String, Shape>, ProbeError> {
    let object =
        aya_obj::Object::parse(OBJECT).map_err(|error| ProbeError::Refused(error.to_string()))?;
    let shapes = object.maps.into_iter().map(|(name, map)| {
        let shape = Shape {
            kind: map.map_type(),
            key: map.key_size(),
            value: map.value_size(),
            entries: entries(&name, settings).unwrap_or_else(|| map.max_entries()),
        };
        (name, shape)
    });
    let outlive = |name: &str| !name.starts_with('.') && !OWN_MAPS.contains(&name);
    Ok(shapes.filter(|(name, _)| outlive(name)).collect())
}

/// Where a program is attached.
#[derive(Clone, Copy)]
pub(super) struct Target<'a> {
    /// The root of the cgroup v2 hierarchy.
    pub cgroup: &'a File,
    /// Where the links get their names, if they shall outlive the agent.
    pub pins: Option<&'a Pins>,
    /// [`Settings::sampled`].
    pub sampled: bool,
}

/// The program that is on for a part of the time only where system calls are sampled.
pub(super) const SAMPLED: &str = "sys_exit";

/// Loads every program and, with a target given, attaches it. Says of each whether that works, and hands out the links
/// that have no pin: where one is dropped, its program is detached.
pub(super) fn attach_all(
    programs: &mut Ebpf,
    target: Option<Target<'_>>,
) -> Result<(Vec<Attachment>, Vec<FdLink>), ProbeError> {
    let btf = aya::Btf::from_sys_fs().map_err(|error| ProbeError::Refused(error.to_string()))?;
    let (mut attachments, mut links) = (Vec::new(), Vec::new());
    for program in PROGRAMS {
        let attached = load_program(programs, program, &btf).and_then(|loaded| match target {
            Some(target) if target.sampled && program.name == SAMPLED => Ok(None),
            Some(target) => attach(loaded, program, target),
            None => Ok(None),
        });
        let error = match attached {
            Ok(link) => {
                links.extend(link);
                None
            }
            Err(error) => Some(error),
        };
        attachments.push(Attachment {
            probe: program.name,
            error,
        });
    }
    Ok((attachments, links))
}

fn load_program<'a>(
    programs: &'a mut Ebpf,
    row: &programs::Program,
    btf: &aya::Btf,
) -> Result<&'a mut Program, String> {
    let program = programs
        .program_mut(row.name)
        .ok_or("the object has no such program")?;
    match (&mut *program, row.hook) {
        (Program::BtfTracePoint(program), Hook::Tracepoint(name)) => program.load(name, btf),
        (Program::CgroupSockAddr(program), Hook::Socket(_)) => program.load(),
        (Program::CgroupSkb(program), Hook::Ingress | Hook::Egress) => program.load(),
        _ => return Err(WRONG_HOOK.to_owned()),
    }
    .map_err(|error| chain(&error))?;
    Ok(program)
}

/// Attaches a loaded program. `None` for a link that was pinned.
fn attach(
    program: &mut Program,
    row: &programs::Program,
    target: Target<'_>,
) -> Result<Option<FdLink>, String> {
    let (cgroup, mode) = (target.cgroup, CgroupAttachMode::Single);
    let refused = |error: ProgramError| chain(&error);
    let unlinked = |error: LinkError| chain(&error);
    let link = match program {
        Program::BtfTracePoint(program) => {
            let id = program.attach().map_err(refused)?;
            program.take_link(id).map_err(refused)?.into()
        }
        Program::CgroupSockAddr(program) => {
            let id = program.attach(cgroup, mode).map_err(refused)?;
            let link = program.take_link(id).map_err(refused)?;
            link.try_into().map_err(unlinked)?
        }
        Program::CgroupSkb(program) => {
            let direction = match row.hook {
                Hook::Ingress => CgroupSkbAttachType::Ingress,
                _ => CgroupSkbAttachType::Egress,
            };
            let id = program.attach(cgroup, direction, mode).map_err(refused)?;
            let link = program.take_link(id).map_err(refused)?;
            link.try_into().map_err(unlinked)?
        }
        _ => return Err(WRONG_HOOK.to_owned()),
    };
    let Some(pins) = target.pins else {
        return Ok(Some(link));
    };
    let path = pins.link(row.name);
    link.pin(&path)
        .map(|_| None)
        .map_err(|error| format!("cannot pin {}: {}", path.display(), chain(&error)))
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
        sequences: true,
        sampled: false,
    };
    let mut object = load_object(&settings, None)?;
    let idle = object
        .programs()
        .filter(|(name, _)| programs::named(name).is_none())
        .map(|(name, _)| name.to_owned());
    Ok(Trial {
        idle: idle.collect(),
        maps: memory::sizes(&object),
        programs: attach_all(&mut object, None)?.0,
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
