//! The hooks that a process holds programs at, as the kernel shows them, and empty programs in their places.

use std::collections::BTreeMap;
use std::ffi::CString;
use std::fmt;
use std::fs::{self, File};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};

use super::{EmptyTracepoint, bpf, load_empty, own};

// `include/uapi/linux/bpf.h`, enum bpf_cmd.
const BPF_LINK_CREATE: libc::c_int = 28;

/// The part of `union bpf_attr` that attaches a program.
#[repr(C)]
struct LinkCreate {
    program: u32,
    target: u32,
    attach_type: u32,
    flags: u32,
}

/// Hooks of cgroups by their number in `enum bpf_attach_type`.
const CGROUP_HOOKS: [(u32, &str); 11] = [
    (0, "ingress"),
    (1, "egress"),
    (2, "sock_create"),
    (3, "sock_ops"),
    (10, "connect4"),
    (11, "connect6"),
    (12, "post_bind4"),
    (13, "post_bind6"),
    (14, "sendmsg4"),
    (15, "sendmsg6"),
    (34, "sock_release"),
];

/// A place in the kernel that programs are attached to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hook {
    /// A tracepoint, by name.
    Tracepoint(CString),
    /// A hook of a cgroup: types of the program and of its attachment, as the kernel numbers them.
    Cgroup {
        /// `enum bpf_prog_type`.
        program: u32,
        /// `enum bpf_attach_type`.
        attach: u32,
    },
}

impl Hook {
    /// The hooks that a process holds programs at.
    ///
    /// # Errors
    /// When the kernel does not tell, or with a kind of hook that is not known here.
    pub fn of_process(pid: u32) -> Result<Vec<Self>> {
        let folder = format!("/proc/{pid}/fdinfo");
        let entries = fs::read_dir(&folder).with_context(|| format!("cannot list {folder}"))?;
        // A descriptor may be closed meanwhile.
        let infos: Vec<String> = entries
            .filter_map(|entry| fs::read_to_string(entry.ok()?.path()).ok())
            .collect();
        let hooks = hooks(&infos)?;
        ensure!(!hooks.is_empty(), "process {pid} has no programs attached");
        Ok(hooks)
    }
}

impl fmt::Display for Hook {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tracepoint(name) => formatter.write_str(&name.to_string_lossy()),
            Self::Cgroup { attach, .. } => {
                match CGROUP_HOOKS.iter().find(|(number, _)| number == attach) {
                    Some((_, name)) => write!(formatter, "cgroup {name}"),
                    None => write!(formatter, "cgroup hook {attach}"),
                }
            }
        }
    }
}

/// The hooks of links, from what the kernel shows of all descriptors of their process: `bpf_link_show_fdinfo` and
/// `bpf_prog_show_fdinfo` in kernel/bpf/syscall.c.
fn hooks(infos: &[String]) -> Result<Vec<Hook>> {
    let program_types: BTreeMap<&str, &str> = infos
        .iter()
        .filter_map(|info| Some((field(info, "prog_id")?, field(info, "prog_type")?)))
        .collect();
    let links = infos
        .iter()
        .filter_map(|info| Some((field(info, "link_type")?, info)));
    links
        .map(|(kind, info)| match kind {
            "raw_tracepoint" => {
                let name = field(info, "tp_name").context("a link without its tracepoint")?;
                Ok(Hook::Tracepoint(CString::new(name)?))
            }
            "cgroup" => {
                let id = field(info, "prog_id").context("a link without its program")?;
                let program = program_types.get(id);
                let attach = field(info, "attach_type").context("a link without its type")?;
                Ok(Hook::Cgroup {
                    program: program.context("a program is not open")?.parse()?,
                    attach: attach.parse()?,
                })
            }
            other => bail!("links of the kind {other} are not known"),
        })
        .collect()
}

fn field<'a>(info: &'a str, name: &str) -> Option<&'a str> {
    let mut fields = info.lines().filter_map(|line| line.split_once(':'));
    fields.find_map(|(key, value)| (key == name).then(|| value.trim()))
}

/// Empty programs at a probe's hooks; gone when dropped.
pub struct EmptyHooks {
    _tracepoints: Vec<EmptyTracepoint>,
    _cgroup: Vec<OwnedFd>,
}

impl EmptyHooks {
    /// Attaches them; those of cgroups to the hierarchy at `root`.
    ///
    /// # Errors
    /// When the kernel refuses one.
    pub fn attach(hooks: &[Hook], root: &Path) -> Result<Self> {
        let root_directory =
            File::open(root).with_context(|| format!("cannot open {}", root.display()))?;
        let (mut tracepoints, mut cgroup) = (Vec::new(), Vec::new());
        for hook in hooks {
            match hook {
                Hook::Tracepoint(name) => tracepoints.push(EmptyTracepoint::attach(name)?),
                Hook::Cgroup { program, attach } => cgroup.push(
                    attach_to_cgroup(*program, *attach, &root_directory).with_context(|| {
                        format!("the kernel refused an empty program at {hook:?}")
                    })?,
                ),
            }
        }
        Ok(Self {
            _tracepoints: tracepoints,
            _cgroup: cgroup,
        })
    }
}

fn attach_to_cgroup(program: u32, attach_type: u32, cgroup: &File) -> io::Result<OwnedFd> {
    let program = load_empty(program, attach_type)?;
    let mut create = LinkCreate {
        program: program.as_raw_fd() as u32,
        target: cgroup.as_raw_fd() as u32,
        attach_type,
        flags: 0,
    };
    // SAFETY: this command reads the request alone.
    unsafe { bpf(BPF_LINK_CREATE, &mut create) }.map(own)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    const FILE: &str = "pos:\t0\nflags:\t0100000\nmnt_id:\t30\n";
    const PROGRAM: &str = "pos:\t0\nprog_type:\t18\nprog_jited:\t1\nprog_id:\t71\n";

    fn found(infos: &[&str]) -> Result<Vec<Hook>> {
        hooks(&infos.iter().map(|&it| it.to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn reads_links_as_the_kernel_shows_them() {
        let tracepoint =
            "link_type:\traw_tracepoint\nlink_id:\t4\nprog_id:\t70\ntp_name:\tsys_exit\n";
        let cgroup =
            "link_type:\tcgroup\nlink_id:\t5\nprog_id:\t71\ncgroup_id:\t1\nattach_type:\t10\n";
        assert_eq!(
            found(&[FILE, tracepoint, cgroup, PROGRAM]).unwrap(),
            [
                Hook::Tracepoint(c"sys_exit".to_owned()),
                Hook::Cgroup {
                    program: 18,
                    attach: 10
                }
            ]
        );
    }

    #[test]
    fn hooks_have_names() {
        let cgroup = |attach| Hook::Cgroup { program: 8, attach };
        assert_eq!(
            Hook::Tracepoint(c"sys_exit".to_owned()).to_string(),
            "sys_exit"
        );
        assert_eq!(cgroup(1).to_string(), "cgroup egress");
        assert_eq!(cgroup(99).to_string(), "cgroup hook 99");
    }

    #[test]
    fn refuses_what_it_does_not_know() {
        let unknown = found(&["link_type:\titer\nprog_id:\t71\n", PROGRAM]);
        assert!(unknown.unwrap_err().to_string().contains("iter"));
        let closed = found(&[
            "link_type:\tcgroup\nprog_id:\t9\nattach_type:\t10\n",
            PROGRAM,
        ]);
        assert!(closed.unwrap_err().to_string().contains("not open"));
    }
}
