//! `cargo xtask fuzz`: the parsers of what the kernel and containers hand over, under libFuzzer.
//!
//! The instrumentation comes from LLVM's own pass, which every compiler of Rust has, so neither a nightly compiler nor
//! a further cargo command is needed; libFuzzer itself is compiled by the crate `libfuzzer-sys`.

use std::env;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, ExitStatus, Stdio};

use anyhow::{Context, Result, bail, ensure};

use crate::apt;
use crate::cargo::cargo;
use crate::supervise::Interrupt;

/// Names the target that the fuzzer runs; the fuzzer reads it too.
const TARGET_VARIABLE: &str = "PICKET_FUZZ_TARGET";

/// What libFuzzer needs to see where an input leads (cargo-fuzz uses the same).
const INSTRUMENTATION: &str = "--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
     -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
     -Cllvm-args=-sanitizer-coverage-trace-compares";

/// Longest input in bytes: several records of the ring, or a small file.
const LONGEST: u32 = 8192;

/// Seconds after which one input counts as endless.
const PATIENCE: u32 = 10;

/// MiB of memory above which an input counts as too dear.
const MEMORY: u32 = 1024;

/// Inputs of each target in a brief run, about a second.
const BRIEF_RUNS: u32 = 1000;

/// Fuzzes one target, or all, for so many seconds each.
///
/// # Errors
/// When the fuzzer cannot be built, there is no such target, or an input makes one fail: with the input's file.
pub fn fuzz(target: Option<&str>, seconds: u32) -> Result<()> {
    provide_compiler()?;
    let all = targets()?;
    let chosen: Vec<&String> = all
        .iter()
        .filter(|name| target.is_none_or(|wanted| wanted == *name))
        .collect();
    ensure!(
        !chosen.is_empty(),
        "no target {:?}; there are {}",
        target.unwrap_or_default(),
        all.join(", ")
    );
    build(Stdio::inherit())?;
    for name in chosen {
        eprintln!("fuzz: {name} for {seconds} s");
        let corpus = place("corpus")?.join(name);
        fs::create_dir_all(&corpus)?;
        let status = fuzzer(name, &corpus)?
            .arg(format!("-max_total_time={seconds}"))
            .arg("-print_final_stats=1")
            .status()
            .context("cannot run cargo")?;
        check(name, status)?;
    }
    Ok(())
}

/// Fuzzes every target for a moment, and tells each result in a line as test programs do.
///
/// # Errors
/// When the user asked this program to end.
pub fn briefly(interrupt: &Interrupt, mut tell: impl FnMut(&str)) -> Result<()> {
    let prepared = provide_compiler().and_then(|()| build(Stdio::null()));
    let targets = match prepared.and_then(|()| targets()) {
        Ok(targets) => targets,
        Err(error) => {
            tell(&format!("test fuzz ... ignored, {error:#}"));
            tell("test result: ok. 0 passed; 0 failed; 1 ignored");
            return Ok(());
        }
    };
    let mut failed = 0;
    for name in &targets {
        let corpus = tempfile::Builder::new().prefix("picket-").tempdir()?;
        let output = fuzzer(name, corpus.path())?
            .arg(format!("-runs={BRIEF_RUNS}"))
            // The same inputs each time: a test must not fail by chance.
            .arg("-seed=1")
            .output()
            .context("cannot run cargo")?;
        interrupt.check()?;
        match check(name, output.status) {
            Ok(()) => tell(&format!("test fuzz {name} ... ok")),
            Err(error) => {
                failed += 1;
                eprintln!("{}", String::from_utf8_lossy(&output.stderr));
                tell(&format!("test fuzz {name} ... FAILED: {error:#}"));
            }
        }
    }
    let verdict = if failed == 0 { "ok" } else { "FAILED" };
    let passed = targets.len() - failed;
    tell(&format!(
        "test result: {verdict}. {passed} passed; {failed} failed; 0 ignored"
    ));
    Ok(())
}

/// Provides a compiler for libFuzzer, which is C++.
fn provide_compiler() -> Result<()> {
    if env::var_os("CXX").is_some() || apt::on_path("c++") {
        return Ok(());
    }
    apt::install(&["g++"], "a C++ compiler, to build the fuzzer")
}

/// The targets: each has a folder of seeds.
fn targets() -> Result<Vec<String>> {
    let folder = seeds();
    let entries = fs::read_dir(&folder);
    let entries = entries.with_context(|| format!("cannot list {}", folder.display()))?;
    let mut names: Vec<String> = entries
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .collect();
    names.sort();
    Ok(names)
}

fn seeds() -> PathBuf {
    ebpf_build::workspace_root().join("tests/fuzz/seeds")
}

/// A folder that lasts from run to run.
fn place(name: &str) -> Result<PathBuf> {
    let target = env::var_os("CARGO_TARGET_DIR").map_or_else(|| "target".into(), PathBuf::from);
    let place = ebpf_build::workspace_root()
        .join(target)
        .join("fuzz")
        .join(name);
    fs::create_dir_all(&place).with_context(|| format!("cannot make {}", place.display()))?;
    Ok(place)
}

/// Cargo, building the fuzzer apart from everything else: with an explicit target, the flags leave alone what runs
/// during the build.
fn instrumented(verb: &str) -> Result<Command> {
    let mut command = cargo(&[verb, "--quiet", "--package", "picket-fuzz"]);
    command
        .args(["--profile", "fuzz", "--target", "host-tuple"])
        .arg("--target-dir")
        .arg(place("build")?)
        .env("RUSTFLAGS", INSTRUMENTATION)
        .env("AYA_BUILD_SKIP", "1");
    Ok(command)
}

fn build(messages: Stdio) -> Result<()> {
    eprintln!("fuzz: building the fuzzer");
    let status = instrumented("build")?
        .stderr(messages)
        .status()
        .context("cannot run cargo")?;
    ensure!(
        status.success(),
        "the fuzzer cannot be built here; `cargo xtask fuzz` shows why"
    );
    Ok(())
}

fn fuzzer(target: &str, corpus: &std::path::Path) -> Result<Command> {
    let failed = place("failed")?.join(format!("{target}-"));
    let mut command = instrumented("run")?;
    command
        .env(TARGET_VARIABLE, target)
        .arg("--")
        .args([corpus, &seeds().join(target)])
        .arg(format!("-artifact_prefix={}", failed.display()))
        .arg(format!("-max_len={LONGEST}"))
        .arg(format!("-timeout={PATIENCE}"))
        .arg(format!("-rss_limit_mb={MEMORY}"))
        .stdin(Stdio::null());
    Ok(command)
}

fn check(target: &str, status: ExitStatus) -> Result<()> {
    if !status.success() {
        bail!(
            "an input made {target} fail ({status}); it lies in {}: put it into {} together with the fix",
            place("failed")?.display(),
            seeds().join(target).display()
        );
    }
    Ok(())
}
