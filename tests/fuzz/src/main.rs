//! The fuzzer: libFuzzer's own `main`, with the target that the environment names.
#![cfg_attr(fuzzing, no_main)]

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|input: &[u8]| picket_fuzz::run(input));

#[cfg(not(fuzzing))]
fn main() {
    for target in picket_fuzz::TARGETS {
        println!("{}", target.name);
    }
}
