//! `cargo xtask`: set-up, build, run, demo, test and benchmarks.
fn main() {}
