//! What the tests and pictures of `deploy/` need: Prometheus and Alertmanager out of Debian's packages, Python packages.

use std::fs;
use std::process::Command;

use anyhow::{Context, Result};
use picket_tests::tools::{self, KUBERNETES, PLOTS};

use crate::apt;
use crate::cargo::complete;

/// Programs, and the packages that they are in.
const PROGRAMS: [(&str, &str); 2] = [
    ("prometheus", "prometheus"),
    ("prometheus-alertmanager", "prometheus-alertmanager"),
];

/// Provides what the tests of `deploy/` need. Those that lack something skip themselves.
///
/// # Errors
/// When something is missing and cannot be provided.
pub fn provide() -> Result<()> {
    programs()?;
    if tools::kubernetes_python().is_none() {
        environment(
            KUBERNETES,
            &[
                "kubernetes-validate==1.37.0",
                "jsonschema",
                "PyYAML",
                "cyclonedx-python-lib[json-validation]==11.12.0",
            ],
            "the schemas of Kubernetes and CycloneDX",
        )?;
    }
    Ok(())
}

/// Provides Prometheus and Alertmanager.
///
/// # Errors
/// When one is missing and cannot be provided.
pub fn programs() -> Result<()> {
    for (program, package) in PROGRAMS {
        if tools::find(program).is_none() {
            apt::unpack(package, "for the tests of deploy/")?;
        }
    }
    Ok(())
}

/// Provides what draws the dashboards.
///
/// # Errors
/// When it is missing and cannot be provided.
pub fn plots() -> Result<()> {
    if tools::plots_python().is_none() {
        environment(
            PLOTS,
            &["matplotlib==3.11.2"],
            "the pictures of the dashboards",
        )?;
    }
    Ok(())
}

/// Makes a Python environment with packages, below the workspace.
fn environment(place: &str, packages: &[&str], purpose: &str) -> Result<()> {
    let place = ebpf_build::workspace_root().join(place);
    eprintln!(
        "setup: installing Python packages into {}, for {purpose}: {}",
        place.display(),
        packages.join(", ")
    );
    let made = complete(Command::new("python3").args(["-m", "venv"]).arg(&place))
        .and_then(|()| {
            complete(
                Command::new(place.join("bin/python"))
                    .args([
                        "-m",
                        "pip",
                        "install",
                        "--quiet",
                        "--disable-pip-version-check",
                    ])
                    .args(packages),
            )
        })
        .with_context(|| format!("cannot provide {purpose}"));
    // Half of it must not be taken for all of it.
    made.inspect_err(|_| drop(fs::remove_dir_all(&place)))
}
