//! What the tests of `deploy/` need: Prometheus and Alertmanager out of Debian's packages, the schemas of Kubernetes.

use std::fs;
use std::process::Command;

use anyhow::{Context, Result};
use picket_tests::tools::{self, KUBERNETES};

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
    for (program, package) in PROGRAMS {
        if tools::find(program).is_none() {
            apt::unpack(package, "for the tests of deploy/")?;
        }
    }
    if tools::kubernetes_python().is_none() {
        schemas()?;
    }
    Ok(())
}

/// The schemas come as a Python package.
fn schemas() -> Result<()> {
    let place = ebpf_build::workspace_root().join(KUBERNETES);
    eprintln!(
        "setup: installing the Python packages kubernetes-validate and cyclonedx-python-lib into {}: the schemas of Kubernetes and CycloneDX",
        place.display()
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
                    .args(["kubernetes-validate==1.37.0", "jsonschema", "PyYAML"])
                    .arg("cyclonedx-python-lib[json-validation]==11.12.0"),
            )
        })
        .context("the manifests of deploy/ cannot be checked");
    // Half of it must not be taken for all of it.
    made.inspect_err(|_| drop(fs::remove_dir_all(&place)))
}
