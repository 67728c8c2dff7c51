//! `cargo xtask test`: every check and test, with an honest count.

use std::process::{ExitCode, Stdio};

use anyhow::{Result, ensure};
use picket_tests::agent::AGENT_VARIABLE;
use picket_tests::image::{BUSYBOX, CORPUS};
use picket_tests::servers::Make;
use picket_tests::suite::REQUIRED_VARIABLE;

use crate::aarch64::{self, Outcome};
use crate::cargo::{FEATURES, cargo, complete, is_root};
use crate::fuzz;
use crate::image;
use crate::monitoring;
use crate::setup;
use crate::supervise::{self, Interrupt};

/// Runs every check and test. The last line says how many tests passed, failed and were skipped; each skipped one is
/// named with its reason.
pub fn test() -> Result<ExitCode> {
    let interrupt = Interrupt::install()?;
    setup::probe()?;
    // Tests that need containers skip themselves, naming their reason, where there can be none.
    let engine = setup::containers()
        .inspect_err(|error| eprintln!("setup: {error:#}"))
        .ok();
    if engine.is_some() {
        setup::images(&[BUSYBOX, CORPUS])?;
        let servers: Vec<&str> = Make::tested().into_iter().map(Make::image).collect();
        setup::images(&servers)?;
    }
    // Those tests too.
    let _ = setup::pods().inspect_err(|error| eprintln!("setup: {error:#}"));
    let _ = monitoring::provide().inspect_err(|error| eprintln!("setup: {error:#}"));
    interrupt.check()?;

    complete(&mut cargo(&["fmt", "--all", "--check"]))?;
    complete(
        cargo(&["clippy", "--workspace", "--all-targets", "--quiet"])
            .args(["--features", FEATURES])
            .args(["--", "--deny", "warnings"])
            .env("AYA_BUILD_SKIP", "1"),
    )?;
    interrupt.check()?;
    // The tests run what users run: the agent of the image.
    let agent = image::image()?;
    interrupt.check()?;

    let mut tally = Tally::default();
    for (name, step) in aarch64::STEPS {
        tally.step(name, step());
        interrupt.check()?;
    }
    let units = ["test", "--workspace", "--exclude", "picket-tests"];
    let units = [units.as_slice(), &["--features", FEATURES]].concat();
    let end_to_end = ["test", "--package", "picket-tests"];
    for tests in [units.as_slice(), &end_to_end] {
        let mut command = cargo(tests);
        command
            .arg("--no-fail-fast")
            .env("AYA_BUILD_SKIP", "1")
            .stdout(Stdio::piped());
        if tests == end_to_end {
            command.env(AGENT_VARIABLE, &agent);
        }
        if engine.is_some() && is_root() {
            command.env(REQUIRED_VARIABLE, "1");
        }
        let status = supervise::run(&mut command, &interrupt, |line| {
            println!("{line}");
            tally.read(line);
        })?;
        ensure!(
            status.success() || tally.failed > 0,
            "cargo {} failed ({status}) without a failed test; its messages are above",
            tests.join(" ")
        );
    }
    drop(engine);
    fuzz::briefly(&interrupt, |line| {
        println!("{line}");
        tally.read(line);
    })?;
    tally.report();
    Ok(if tally.failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// What the test programs reported, summed up.
#[derive(Debug, Default, PartialEq, Eq)]
struct Tally {
    passed: u64,
    failed: u64,
    skipped: u64,
    reasons: Vec<String>,
}

impl Tally {
    /// Reads one line that a test program printed.
    fn read(&mut self, line: &str) {
        if let Some(counts) = line.strip_prefix("test result: ") {
            let count = |name: &str| {
                let before = counts.split(name).next().unwrap_or_default();
                let number = before.trim_end().rsplit([' ', '.']).next();
                number.and_then(|number| number.parse().ok()).unwrap_or(0)
            };
            self.passed += count("passed");
            self.failed += count("failed");
            self.skipped += count("ignored");
        } else if let Some((name, reason)) = skipped(line) {
            self.reasons.push(format!("SKIPPED {name}: {reason}"));
        }
    }

    /// Takes up a step that is no test program, and tells how it ended as one would.
    fn step(&mut self, name: &str, outcome: Result<Outcome>) {
        match outcome {
            Ok(Outcome::Passed) => {
                self.passed += 1;
                println!("test {name} ... ok");
            }
            Ok(Outcome::Skipped(reason)) => {
                self.skipped += 1;
                println!("test {name} ... ignored, {reason}");
                self.reasons.push(format!("SKIPPED {name}: {reason}"));
            }
            Err(error) => {
                self.failed += 1;
                println!("test {name} ... FAILED: {error:#}");
            }
        }
    }

    fn report(&self) {
        println!();
        for reason in &self.reasons {
            println!("{reason}");
        }
        println!(
            "{} passed, {} failed, {} skipped",
            self.passed, self.failed, self.skipped
        );
    }
}

/// A skipped test's name and reason. The standard harness gives the reason after a comma, libtest-mimic in brackets.
fn skipped(line: &str) -> Option<(&str, &str)> {
    let (name, outcome) = line.strip_prefix("test ")?.split_once(" ... ignored")?;
    let reason = outcome.trim_start_matches([',', ' ']);
    let bracketed = reason
        .strip_prefix('(')
        .and_then(|rest| rest.strip_suffix(')'));
    let reason = bracketed.unwrap_or(reason);
    let reason = if reason.is_empty() {
        "marked as ignored"
    } else {
        reason
    };
    Some((name.trim_end(), reason))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_up_what_test_programs_report() {
        let mut tally = Tally::default();
        for line in [
            "running 4 tests",
            "test a::passes ... ok",
            "test needs_root       ... ignored (this is not root (uid 1000))",
            "test slow ... ignored, takes an hour",
            "test bare ... ignored",
            "test result: ok. 12 passed; 0 failed; 3 ignored; 0 measured; 0 filtered out; finished in 0.03s",
            "test result: FAILED. 1 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out",
        ] {
            tally.read(line);
        }
        let expected = Tally {
            passed: 13,
            failed: 2,
            skipped: 3,
            reasons: vec![
                "SKIPPED needs_root: this is not root (uid 1000)".to_owned(),
                "SKIPPED slow: takes an hour".to_owned(),
                "SKIPPED bare: marked as ignored".to_owned(),
            ],
        };
        assert_eq!(tally, expected);
    }

    #[test]
    fn steps_count_as_tests() {
        let mut tally = Tally::default();
        tally.step("good", Ok(Outcome::Passed));
        tally.step("bad", Err(anyhow::anyhow!("it does not compile")));
        tally.step("other", Ok(Outcome::Skipped("no toolchain".to_owned())));
        let expected = Tally {
            passed: 1,
            failed: 1,
            skipped: 1,
            reasons: vec!["SKIPPED other: no toolchain".to_owned()],
        };
        assert_eq!(tally, expected);
    }

    #[test]
    fn other_lines_count_nothing() {
        let mut tally = Tally::default();
        for line in [
            "",
            "test",
            "test result",
            "testing ... ignored",
            "3 passed; 1 failed;",
        ] {
            tally.read(line);
        }
        assert_eq!(tally, Tally::default());
    }
}
