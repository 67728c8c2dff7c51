//! The probe. On any other target than BPF this is an empty program, so that the workspace builds and tests everywhere.
#![cfg_attr(target_arch = "bpf", no_std, no_main)]
// For the one atomic addition: core has none on this target.
#![cfg_attr(target_arch = "bpf", feature(asm_experimental_arch))]

#[cfg(target_arch = "bpf")]
mod programs;

#[cfg(not(target_arch = "bpf"))]
fn main() {}
