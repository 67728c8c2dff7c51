//! `cargo xtask servers`: the tests that need every real model server, also those that `cargo xtask test` leaves out.

use std::process::ExitCode;

use anyhow::{Result, ensure};
use picket_tests::servers::{ALL, SERVERS_VARIABLE};
use picket_tests::suite::REQUIRED_VARIABLE;

use crate::cargo::{build_agent, cargo, is_root};
use crate::setup;
use crate::supervise::{self, Interrupt};

/// Makes every server's image and runs the tests of all of them.
pub fn servers() -> Result<ExitCode> {
    ensure!(
        is_root(),
        "these tests load eBPF programs and start containers: run `cargo xtask servers` as root"
    );
    let interrupt = Interrupt::install()?;
    setup::probe()?;
    let _engine = setup::containers()?;
    build_agent()?;
    interrupt.check()?;
    let mut tests = cargo(&["test", "--package", "picket-tests", "--no-fail-fast"]);
    tests
        .args(["--test", "phases", "--test", "normal"])
        .env("AYA_BUILD_SKIP", "1")
        .env(SERVERS_VARIABLE, ALL)
        .env(REQUIRED_VARIABLE, "1");
    let status = supervise::run(&mut tests, &interrupt, |_| ())?;
    Ok(if status.success() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
