//! The probe as it is on this kernel, against what docs/PROBE.md says of it.
#![allow(
    clippy::indexing_slicing,
    reason = "indexing JSON yields null, not a panic"
)]

use std::process::ExitCode;

use anyhow::{Context, Result, ensure};
use picket_tests::agent::{self, Agent, Home};
use picket_tests::suite::{Fixture, Suite};
use serde_json::Value;

const PAGE: &str = include_str!("../../docs/PROBE.md");

/// An ordinary array that has as many entries as the machine has CPUs.
const ENTRY_PER_CPU: &str = "CALLER";

fn main() -> ExitCode {
    Suite::<Checked>::default()
        .test("every_program_of_the_object_is_in_the_table", programs)
        .test("every_program_is_attached_and_told", attached)
        .test("the_page_has_every_map_with_its_bound", maps)
        .run()
}

/// What `picket check` says.
struct Checked {
    report: Value,
}

impl Fixture for Checked {
    fn create() -> Result<Self> {
        let output = agent::command(&[], &["check", "-o", "json"])?;
        let report = serde_json::from_slice(&output.stdout)
            .with_context(|| String::from_utf8_lossy(&output.stderr).into_owned())?;
        Ok(Self { report })
    }

    /// Each failure says itself what is wrong.
    fn evidence(&self) -> String {
        String::new()
    }
}

impl Checked {
    fn list(&self, name: &str) -> Result<&[Value]> {
        let list = self.report[name].as_array();
        let list = list.with_context(|| format!("check tells no {name}"))?;
        ensure!(!list.is_empty(), "check tells no {name}");
        Ok(list)
    }
}

fn programs(checked: &mut Checked) -> Result<()> {
    for program in checked.list("programs")? {
        ensure!(program["loads"] == true, "refused: {program:#}");
        ensure!(!text(program, "serves").is_empty(), "{program:#}");
        ensure!(!text(program, "without").is_empty(), "{program:#}");
    }
    // A program of the object without a row is a warning of its own.
    for check in checked.list("checks")? {
        let of_probe = text(check, "what").starts_with("probe");
        ensure!(!of_probe || check["level"] == "ok", "{check:#}");
    }
    Ok(())
}

fn attached(checked: &mut Checked) -> Result<()> {
    let home = Home::create()?;
    let agent = Agent::start(&home)?;
    let metrics = agent.metrics()?;
    for program in checked.list("programs")? {
        let name = text(program, "name");
        let told = metrics.sum("picket_probe_attached", &[("probe", name)]);
        ensure!(told == Some(1.0), "{name}: {told:?}\n{}", home.evidence());
    }
    Ok(())
}

fn maps(checked: &mut Checked) -> Result<()> {
    let (_, table) = PAGE
        .split_once("| map | type |")
        .context("docs/PROBE.md has no table of maps")?;
    let (table, _) = table.split_once("\n\n").unwrap_or((table, ""));
    let shown: Vec<&str> = table.lines().skip(2).collect();
    let maps = checked.list("maps")?;
    let rows = maps.iter().map(row).collect::<Result<Vec<_>>>()?;
    let missing: Vec<&str> = rows
        .iter()
        .filter(|start| {
            let full = shown
                .iter()
                .find_map(|row| row.strip_prefix(start.as_str()));
            full.is_none_or(|full| full.trim().len() < 3)
        })
        .map(String::as_str)
        .collect();
    ensure!(
        missing.is_empty(),
        "docs/PROBE.md lacks these rows, or what happens when the map is full:\n{}",
        missing.join("\n")
    );
    ensure!(
        shown.len() == maps.len(),
        "docs/PROBE.md has {} maps, the probe {}: {shown:#?}",
        shown.len(),
        maps.len()
    );
    Ok(())
}

/// The map's row as the page has it, up to what happens when it is full.
fn row(map: &Value) -> Result<String> {
    let number = |name: &str| map[name].as_u64().with_context(|| format!("{map:#}"));
    let (name, kind) = (text(map, "name"), text(map, "type"));
    let (entries, entry_bytes) = (number("entries")?, number("entry_bytes")?);
    let (entries, bytes) = match kind {
        "ringbuf" => ("-".to_owned(), size(entries)),
        _ if name == ENTRY_PER_CPU => ("a CPU".to_owned(), format!("{entry_bytes} B each")),
        _ if entries == 0 => ("-".to_owned(), format!("{entry_bytes} B each")),
        _ if map["per_cpu"] == true => (
            entries.to_string(),
            format!("{} per CPU", size(entries * entry_bytes)),
        ),
        _ => (entries.to_string(), size(entries * entry_bytes)),
    };
    Ok(format!("| {name} | {kind} | {entries} | {bytes} |"))
}

fn size(bytes: u64) -> String {
    match bytes {
        0..4096 => format!("{bytes} B"),
        _ if bytes.is_multiple_of(1 << 20) => format!("{} MiB", bytes >> 20),
        _ => format!("{} KiB", bytes >> 10),
    }
}

fn text<'v>(value: &'v Value, field: &str) -> &'v str {
    value[field].as_str().unwrap_or_default()
}
