//! `picket baseline diff`.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use anyhow::bail;
use clap::Args;

use super::{fetch, learned};
use crate::baseline::diff::{Change, Diff as Difference, Side, diff};
use crate::cli::table::Table;
use crate::cli::{Format, Global, output};
use crate::export::text::{count, duration, printable};
use crate::observe::fact::Family;
use crate::observe::features;

/// Facts of one family that are listed one by one without `--all`.
const LISTED: usize = 12;

/// Families whose facts are many and tell little one by one: without `--all` they are counted.
const COUNTED: [Family; 7] = [
    Family::FileRead,
    Family::FileAttempt,
    Family::CodeMap,
    Family::Syscall,
    Family::Sequence,
    Family::Outcome,
    Family::Exit,
];

/// Show in what two baselines differ, or a baseline from that of the image before
#[derive(Args)]
pub(in crate::cli) struct Diff {
    /// Id of a baseline of the running agent, or a file that was exported: the one before, or, without the second, the
    /// one to compare with its predecessor
    #[arg(value_name = "ID|FILE")]
    one: String,
    /// The one after
    #[arg(value_name = "ID|FILE")]
    other: Option<String>,
    /// List every fact of every family
    #[arg(long)]
    all: bool,
}

impl Diff {
    pub(super) fn run(&self, global: &Global) -> anyhow::Result<()> {
        let one = learned(global, &self.one)?;
        let (before, after) = match &self.other {
            Some(other) => (one, learned(global, other)?),
            None => match &one.predecessor {
                Some(predecessor) => (fetch(global, &predecessor.id)?, one),
                None => bail!(
                    "baseline {} has no predecessor: no other image of this workload was known when it began; name two baselines",
                    one.id()
                ),
            },
        };
        let difference = diff(&before, &after, &features::NAMES);
        match global.output {
            Format::Json => output::json(&difference),
            Format::Text => output::text(&text(&difference, self.all)),
        }
    }
}

fn text(difference: &Difference, all: bool) -> String {
    let mut text = String::new();
    for (label, side) in [
        ("before", &difference.before),
        ("after ", &difference.after),
    ] {
        let _ = writeln!(text, "{label}  {}", printable(&line(side)));
    }
    if difference.facts.is_empty() && difference.rates.is_empty() {
        text += "no difference\n";
        return text;
    }
    let mut families: BTreeMap<Family, Vec<&Change>> = BTreeMap::new();
    for change in &difference.facts {
        families.entry(change.family).or_default().push(change);
    }
    for (family, changes) in families {
        let gained = changes.iter().filter(|change| change.gained).count();
        let lost = changes.len() - gained;
        let _ = writeln!(text, "\n{}: {gained} gained, {lost} lost", family.name());
        let listed = match all {
            true => usize::MAX,
            false if COUNTED.contains(&family) => 0,
            false => LISTED,
        };
        text += &table(changes.iter().take(listed));
        if listed > 0 && changes.len() > listed {
            let _ = writeln!(
                text,
                "and {} more; --all lists them",
                changes.len() - listed
            );
        }
    }
    if !difference.rates.is_empty() {
        text += "\nrates:\n";
        let mut moved = Table::new(["PHASE", "FEATURE", "NOW"]);
        for shift in &difference.rates {
            moved.row([
                shift.phase.name().to_owned(),
                shift.feature.clone(),
                format!("{:.2} times its former median", shift.times),
            ]);
        }
        text += &moved.to_text();
    }
    text
}

fn table<'a>(changes: impl Iterator<Item = &'a &'a Change>) -> String {
    let mut table = Table::new(["", "PHASE", "VALUE", "EVIDENCE"]);
    for change in changes {
        let mut evidence = format!(
            "seen {} on {}",
            count(change.seen, "time"),
            count(change.replicas as u64, "replica")
        );
        if change.elsewhere {
            evidence += ", known in another phase";
        }
        if let Some(danger) = &change.danger {
            let _ = write!(evidence, ", dangerous: {danger}");
        }
        let sign = if change.gained { "+" } else { "-" };
        table.row([
            sign.to_owned(),
            change.phase.name().to_owned(),
            change.value.clone(),
            evidence,
        ]);
    }
    match table.is_empty() {
        true => String::new(),
        false => table.to_text(),
    }
}

fn line(side: &Side) -> String {
    format!(
        "{} of image {}, version {}: {} observed, {}, {}, {} lost",
        side.id,
        side.image_digest,
        side.version,
        duration(side.container_seconds),
        count(side.requests, "request"),
        count(side.replicas, "replica"),
        count(side.events_lost, "event")
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::baseline::key::Key;
    use crate::baseline::model::Baseline;
    use crate::observe::fact::{Fact, Origin, Phase};

    #[test]
    fn what_matters_is_listed_and_the_rest_is_counted() {
        let baseline = |digest: &str| {
            Baseline::new(
                Key {
                    namespace: "models".into(),
                    workload: "iris".into(),
                    container: "server".into(),
                    image_digest: digest.into(),
                },
                0,
            )
        };
        let (before, mut after) = (baseline("sha256:1"), baseline("sha256:2"));
        for (family, value) in [
            (Family::Executable, "/bin/sh <- /bin/py"),
            (Family::FileRead, "/usr/lib/libz.so"),
        ] {
            let fact = Fact {
                family,
                origin: Origin::Server,
                value: value.into(),
            };
            after.learn(Phase::Serve, &fact, "r", 1);
        }
        let difference = diff(&before, &after, &[]);
        let short = text(&difference, false);
        assert!(short.contains("executable: 1 gained, 0 lost"), "{short}");
        assert!(short.contains("/bin/sh <- /bin/py"), "{short}");
        assert!(short.contains("file_read: 1 gained"), "{short}");
        assert!(!short.contains("libz"), "{short}");
        assert!(text(&difference, true).contains("libz"));
        let same = diff(&after, &after, &[]);
        assert!(text(&same, false).contains("no difference"));
    }
}
