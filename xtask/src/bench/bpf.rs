//! Empty programs, and which programs are loaded.

use std::ffi::CStr;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

use anyhow::{Context, Result};

mod hooks;

pub use hooks::{EmptyHooks, Hook};

// `include/uapi/linux/bpf.h`, enums bpf_cmd and bpf_prog_type.
const BPF_PROG_LOAD: libc::c_int = 5;
const BPF_PROG_GET_NEXT_ID: libc::c_int = 11;
const BPF_RAW_TRACEPOINT_OPEN: libc::c_int = 17;
const BPF_PROG_TYPE_RAW_TRACEPOINT: u32 = 17;

/// `r0 = 1; exit`: to a cgroup hook this says "let it pass", to a tracepoint nothing.
const EMPTY: [[u8; 8]; 2] = [[0xb7, 0, 0, 0, 1, 0, 0, 0], [0x95, 0, 0, 0, 0, 0, 0, 0]];
const LICENSE: &CStr = c"GPL";

/// The part of `union bpf_attr` that loads a program; the kernel takes what is missing as zero.
#[repr(C)]
struct Load {
    program_type: u32,
    instruction_count: u32,
    instructions: u64,
    license: u64,
    log_level: u32,
    log_size: u32,
    log: u64,
    kernel_version: u32,
    flags: u32,
    name: [u8; 16],
    network_device: u32,
    attach_type: u32,
}

#[repr(C)]
struct Open {
    name: u64,
    program: u32,
    _pad: u32,
}

#[repr(C)]
struct NextId {
    start: u32,
    next: u32,
    open_flags: u32,
}

/// An empty program on a tracepoint; gone when dropped.
pub struct EmptyTracepoint {
    _link: OwnedFd,
}

impl EmptyTracepoint {
    /// Loads and attaches it.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn attach(name: &CStr) -> Result<Self> {
        let program = load_empty(BPF_PROG_TYPE_RAW_TRACEPOINT, 0)
            .context("the kernel refused an empty tracepoint program")?;
        let mut open = Open {
            name: name.as_ptr() as u64,
            program: program.as_raw_fd() as u32,
            _pad: 0,
        };
        // SAFETY: the name is a C string that outlives the call.
        let link = unsafe { bpf(BPF_RAW_TRACEPOINT_OPEN, &mut open) }.map(own);
        let link =
            link.with_context(|| format!("the kernel refused an empty program on {name:?}"))?;
        Ok(Self { _link: link })
    }
}

/// Loads an empty program; `attach_type` is where it may be attached, for types that want to know.
fn load_empty(program_type: u32, attach_type: u32) -> io::Result<OwnedFd> {
    let mut load = Load {
        program_type,
        instruction_count: EMPTY.len() as u32,
        instructions: EMPTY.as_ptr() as u64,
        license: LICENSE.as_ptr() as u64,
        log_level: 0,
        log_size: 0,
        log: 0,
        kernel_version: 0,
        flags: 0,
        name: [0; 16],
        network_device: 0,
        attach_type,
    };
    // SAFETY: the program and the license are static, and as long as said.
    unsafe { bpf(BPF_PROG_LOAD, &mut load) }.map(own)
}

/// The ids of all programs loaded on this machine, in ascending order.
///
/// # Errors
/// When the kernel does not tell.
pub fn loaded_programs() -> Result<Vec<u32>> {
    let mut ids = Vec::new();
    let mut request = NextId {
        start: 0,
        next: 0,
        open_flags: 0,
    };
    loop {
        // SAFETY: this command reads and writes the request alone.
        match unsafe { bpf(BPF_PROG_GET_NEXT_ID, &mut request) } {
            Ok(_) => ids.push(request.next),
            Err(error) if error.raw_os_error() == Some(libc::ENOENT) => return Ok(ids),
            Err(error) => return Err(error).context("cannot list the loaded eBPF programs"),
        }
        request.start = request.next;
    }
}

/// `bpf(2)`.
///
/// # Safety
/// `attributes` is what the command expects, and the addresses in it are valid.
unsafe fn bpf<T>(command: libc::c_int, attributes: &mut T) -> io::Result<RawFd> {
    // SAFETY: the size is that of the attributes; the rest is the caller's.
    let result = unsafe {
        libc::syscall(
            libc::SYS_bpf,
            command,
            std::ptr::from_mut(attributes),
            size_of::<T>(),
        )
    };
    if result < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(result as RawFd)
}

fn own(fd: RawFd) -> OwnedFd {
    // SAFETY: the kernel has just made this descriptor, and nothing else knows it.
    unsafe { OwnedFd::from_raw_fd(fd) }
}
