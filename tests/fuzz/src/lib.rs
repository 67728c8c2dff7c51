//! Fuzz targets: for every parser of what the kernel or a container hands over, one function that feeds it any bytes
//! and asserts what must hold whatever they are.
//!
//! `cargo xtask fuzz` runs them under libFuzzer. Their seeds, inputs that once failed among them, are ordinary tests
//! too.

mod cgroups;
mod kernel;
mod names;
mod paths;
mod processes;
mod runtimes;
mod stored;

use std::env;
use std::sync::OnceLock;

/// Names the target that the fuzzer runs.
pub const TARGET_VARIABLE: &str = "PICKET_FUZZ_TARGET";

/// A parser under test.
#[derive(Debug)]
pub struct Target {
    /// Its name, and that of its folder of seeds.
    pub name: &'static str,
    /// Parses any bytes.
    ///
    /// # Panics
    /// When something does not hold that must.
    pub run: fn(&[u8]),
}

/// All targets.
pub const TARGETS: &[Target] = &[
    target("record", kernel::record),
    target("window", kernel::window),
    target("btf", kernel::btf),
    target("dns", names::dns),
    target("tls", names::tls),
    target("path", paths::path),
    target("cgroup_path", paths::cgroup_path),
    target("command", processes::command),
    target("redact", processes::redact),
    target("proc", processes::proc),
    target("resources", cgroups::resources),
    target("bundle", runtimes::bundle),
    target("docker", runtimes::docker),
    target("baseline", stored::baseline),
    target("config", stored::config),
    target("allow", stored::allow),
    target("recording", stored::recording),
];

const fn target(name: &'static str, run: fn(&[u8])) -> Target {
    Target { name, run }
}

/// Runs the target that the environment names on one input.
///
/// # Panics
/// When there is no such target, or it fails.
pub fn run(input: &[u8]) {
    static CHOSEN: OnceLock<fn(&[u8])> = OnceLock::new();
    let run = CHOSEN.get_or_init(|| {
        let name = env::var(TARGET_VARIABLE).unwrap_or_default();
        let found = TARGETS.iter().find(|target| target.name == name);
        match found {
            Some(target) => target.run,
            None => panic!("{TARGET_VARIABLE} names no target: {name:?}"),
        }
    });
    run(input);
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use std::collections::BTreeSet;
    use std::fs;
    use std::path::Path;

    use super::TARGETS;

    #[test]
    fn every_seed_passes() {
        let seeds = Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds");
        for target in TARGETS {
            for seed in fs::read_dir(seeds.join(target.name)).unwrap() {
                let path = seed.unwrap().path();
                println!("{}", path.display());
                (target.run)(&fs::read(path).unwrap());
            }
        }
        let folders = fs::read_dir(seeds).unwrap();
        let folders: BTreeSet<_> = folders
            .map(|folder| folder.unwrap().file_name().into_string().unwrap())
            .collect();
        let targets: BTreeSet<_> = TARGETS.iter().map(|it| it.name.to_owned()).collect();
        assert_eq!(folders, targets);
    }
}
