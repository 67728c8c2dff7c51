//! The probe for kernels without cgroup local storage (5.8 to 6.1): the same programs, containers found by a hash of
//! the cgroup id.
#![cfg_attr(target_arch = "bpf", no_std, no_main)]

#[cfg(target_arch = "bpf")]
mod programs;
#[cfg(target_arch = "bpf")]
#[path = "watch_hash.rs"]
mod watch;

#[cfg(not(target_arch = "bpf"))]
fn main() {}
