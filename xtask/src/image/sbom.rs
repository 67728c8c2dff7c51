//! The agent's bill of materials: all that is linked into it, as CycloneDX 1.5: crates, Rust's standard library, glibc.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::cargo::{FEATURES, cargo};

/// What `cargo metadata` says, as far as it matters here.
#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    resolve: Resolve,
}

#[derive(Deserialize)]
struct Package {
    id: String,
    name: String,
    version: String,
    license: Option<String>,
    source: Option<String>,
    description: Option<String>,
}

#[derive(Deserialize)]
struct Resolve {
    nodes: Vec<Node>,
}

#[derive(Deserialize)]
struct Node {
    id: String,
    deps: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    pkg: String,
    dep_kinds: Vec<Kind>,
}

#[derive(Deserialize)]
struct Kind {
    kind: Option<String>,
}

/// The agent's bill of materials.
///
/// # Errors
/// When cargo does not tell it.
pub fn of_agent(workspace: &Path) -> Result<String> {
    let output = cargo(&["metadata", "--format-version=1", "--locked"])
        .args(["--features", FEATURES])
        .args(["--filter-platform", super::TARGET])
        .current_dir(workspace)
        .output()
        .context("cannot run cargo metadata")?;
    ensure!(
        output.status.success(),
        "cargo metadata failed: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    let metadata: Metadata = serde_json::from_slice(&output.stdout)?;
    let bill = bill(&metadata, "picket", &[standard_library()?, c_library()?])?;
    Ok(serde_json::to_string_pretty(&bill)? + "\n")
}

fn bill(metadata: &Metadata, root: &str, others: &[Value]) -> Result<Value> {
    let packages: BTreeMap<&str, &Package> = metadata
        .packages
        .iter()
        .map(|package| (package.id.as_str(), package))
        .collect();
    let mut own = packages.values().filter(|package| package.name == root);
    let own = own.next().with_context(|| format!("there is no {root}"))?;
    let mut components: Vec<(&str, &str, Value)> = linked(&metadata.resolve, &own.id)
        .into_iter()
        .filter_map(|id| packages.get(id))
        .map(|package| {
            (
                package.name.as_str(),
                package.version.as_str(),
                component(package),
            )
        })
        .collect();
    components.sort_by_key(|(name, version, _)| (*name, *version));
    let crates = components.into_iter().map(|(_, _, it)| it);
    let components: Vec<Value> = crates.chain(others.iter().cloned()).collect();
    Ok(json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": { "component": {
            "type": "application",
            "name": own.name,
            "version": own.version,
            "description": own.description,
        } },
        "components": components,
    }))
}

/// What `root` is linked with: neither build scripts nor tests.
fn linked<'m>(resolve: &'m Resolve, root: &'m str) -> BTreeSet<&'m str> {
    let nodes: BTreeMap<&str, &Node> = resolve
        .nodes
        .iter()
        .map(|node| (node.id.as_str(), node))
        .collect();
    let mut found = BTreeSet::new();
    let mut open = vec![root];
    while let Some(node) = open.pop().and_then(|id| nodes.get(id)) {
        for dependency in &node.deps {
            let normal = dependency.dep_kinds.iter().any(|it| it.kind.is_none());
            if normal && found.insert(dependency.pkg.as_str()) {
                open.push(&dependency.pkg);
            }
        }
    }
    found
}

/// Rust's standard library comes with the compiler.
fn standard_library() -> Result<Value> {
    let version = printed(Command::new("rustc").arg("--version"))?;
    let version = version.split_whitespace().nth(1).unwrap_or("unknown");
    Ok(json!({
        "type": "library",
        "name": "rust-std",
        "version": version,
        "purl": format!("pkg:generic/rust-std@{version}"),
        "licenses": [{ "expression": "MIT OR Apache-2.0" }],
    }))
}

/// glibc is linked statically, so that its version here is the one in the image.
fn c_library() -> Result<Value> {
    let package = ["--show", "--showformat=${Version}", "libc6-dev"];
    let (version, purl) = match printed(Command::new("dpkg-query").args(package)) {
        Ok(version) => {
            let purl = format!("pkg:deb/debian/libc6-dev@{version}?arch=amd64");
            (version, purl.replace('+', "%2B"))
        }
        Err(_) => {
            let version = printed(Command::new("getconf").arg("GNU_LIBC_VERSION"))?;
            let version = version.trim_start_matches("glibc ").to_owned();
            let purl = format!("pkg:generic/glibc@{version}");
            (version, purl)
        }
    };
    Ok(json!({
        "type": "library",
        "name": "glibc",
        "version": version,
        "purl": purl,
        "licenses": [{ "expression": "LGPL-2.1-or-later" }],
    }))
}

/// What a command prints, without the end of its line.
fn printed(command: &mut Command) -> Result<String> {
    let output = command.output();
    let output =
        output.with_context(|| format!("cannot run {}", command.get_program().display()))?;
    ensure!(
        output.status.success(),
        "{command:?} failed: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}

fn component(package: &Package) -> Value {
    let Package {
        name,
        version,
        license,
        source,
        ..
    } = package;
    let mut component = json!({ "type": "library", "name": name, "version": version });
    if let Some(fields) = component.as_object_mut() {
        if source.is_some() {
            fields.insert(
                "purl".to_owned(),
                json!(format!("pkg:cargo/{name}@{version}")),
            );
        }
        if let Some(license) = license {
            let expression = license.replace('/', " OR ");
            fields.insert("licenses".to_owned(), json!([{ "expression": expression }]));
        }
    }
    component
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::indexing_slicing,
        reason = "indexing JSON yields null, not a panic"
    )]

    use super::*;

    #[test]
    fn the_agents_crates_are_listed_and_those_of_its_build_are_not() -> Result<()> {
        let bill: Value = serde_json::from_str(&of_agent(&ebpf_build::workspace_root())?)?;
        let components = bill["components"].as_array().cloned().unwrap_or_default();
        let names: Vec<&str> = components
            .iter()
            .filter_map(|component| component["name"].as_str())
            .collect();
        assert!(names.contains(&"aya") && names.contains(&"picket-ebpf"));
        assert!(!names.contains(&"ebpf-build") && !names.contains(&"proptest"));
        assert!(names.ends_with(&["rust-std", "glibc"]));
        let aya = components
            .iter()
            .find(|component| component["name"] == "aya");
        let aya = aya.context("aya")?;
        assert!(
            aya["purl"]
                .as_str()
                .is_some_and(|purl| purl.starts_with("pkg:cargo/aya@0.14"))
        );
        assert_eq!(aya["licenses"][0]["expression"], "MIT OR Apache-2.0");
        Ok(())
    }
}
