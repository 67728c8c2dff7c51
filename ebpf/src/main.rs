//! The probe for kernels with cgroup local storage (6.2 and later).
//!
//! On any other target than BPF this is an empty program, so that the workspace builds and tests everywhere.
#![cfg_attr(target_arch = "bpf", no_std, no_main)]

#[cfg(target_arch = "bpf")]
mod programs;
#[cfg(target_arch = "bpf")]
#[path = "watch_storage.rs"]
mod watch;

#[cfg(not(target_arch = "bpf"))]
fn main() {}
