//! The outcomes as tables for people.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use super::outcome::{Outcome, Verdict, rank};
use super::scenario::{Class, Kind, Scenario};

/// A line a class: how many runs were as they should be.
#[must_use]
pub fn summary(outcomes: &[Outcome]) -> String {
    let mut text = String::from(
        "| class | runs | as it should be | class named | median seconds | other findings | failed runs |\n\
         |---|---|---|---|---|---|---|\n",
    );
    for class in Class::ALL {
        let of_class: Vec<&Outcome> = outcomes.iter().filter(|it| it.class == class).collect();
        if of_class.is_empty() {
            continue;
        }
        let count = |verdict| of_class.iter().filter(|it| it.verdict() == verdict).count();
        let broken = count(Verdict::Broken);
        let runs = of_class.len() - broken;
        let good = count(Verdict::Good);
        let notes = count(Verdict::Note);
        let noted = if notes > 0 {
            format!(" (and {notes} with notes alone)")
        } else {
            String::new()
        };
        let named = if class.is_attack() {
            let named = of_class.iter().filter(|it| it.named).count();
            format!("{named} of {good}")
        } else {
            "–".to_owned()
        };
        let others: usize = of_class.iter().map(|it| it.other_findings).sum();
        let _ = writeln!(
            text,
            "| {} | {runs} | {good}{noted}{} | {named} | {} | {} | {broken} |",
            class.name(),
            share(good, runs),
            median(of_class.iter().filter_map(|it| it.seconds)),
            if class.is_attack() {
                others.to_string()
            } else {
                "–".to_owned()
            },
        );
    }
    text
}

/// Every scenario with what came of its runs.
#[must_use]
pub fn markdown(scenarios: &[Scenario], outcomes: &[Outcome]) -> String {
    let mut text = summary(outcomes);
    let kinds: BTreeSet<Kind> = outcomes.iter().map(|it| it.server).collect();
    for class in Class::ALL {
        let of_class: Vec<&Scenario> = scenarios
            .iter()
            .filter(|it| it.class == class && outcomes.iter().any(|outcome| outcome.id == it.id))
            .collect();
        if of_class.is_empty() {
            continue;
        }
        let _ = write!(text, "\n## {}\n\n", title(class));
        let columns: Vec<&str> = kinds.iter().map(|kind| kind.name()).collect();
        let _ = writeln!(
            text,
            "| scenario | {} | seconds | named | severity | other findings |",
            columns.join(" | ")
        );
        let _ = writeln!(
            text,
            "|---|{}---|---|---|---|",
            "---|".repeat(columns.len())
        );
        for scenario in &of_class {
            row(&mut text, scenario, outcomes, &kinds);
        }
        text.push('\n');
        for scenario in of_class {
            let _ = writeln!(
                text,
                "- **{}** {}{}",
                scenario.id,
                scenario.what.trim(),
                remark(scenario)
            );
        }
    }
    let broken: Vec<&Outcome> = outcomes.iter().filter(|it| it.error.is_some()).collect();
    if !broken.is_empty() {
        text.push_str("\n## Runs that failed\n\n");
    }
    for outcome in broken {
        let reason = outcome.error.as_deref().unwrap_or_default();
        let reason = reason.lines().next().unwrap_or_default();
        let (id, server, seed) = (&outcome.id, outcome.server.name(), outcome.seed);
        let _ = writeln!(text, "- {id} on {server}, seed {seed}: {reason}");
    }
    text
}

/// What else is to be said of a scenario.
fn remark(scenario: &Scenario) -> String {
    let mut text = String::new();
    if let Some(limit) = &scenario.limit {
        let _ = write!(text, " DETECTION.md says why nothing is seen: “{limit}”.");
    }
    if let Some(missed) = &scenario.missed {
        let _ = write!(text, " Missed: {}", missed.trim());
    }
    if !scenario.techniques.is_empty() {
        let _ = write!(text, " ({})", scenario.techniques.join(", "));
    }
    text
}

fn title(class: Class) -> &'static str {
    match class {
        Class::Loud => "Loud: a program that was never executed",
        Class::Quiet => "Quiet: something else that is new",
        Class::Mimicry => "Mimicry: nothing new but amount, order or direction",
        Class::Null => "The trigger without a payload",
        Class::Blind => "What cannot be seen",
        Class::Poisoned => "While it is being learned",
        Class::Benign => "Benign",
    }
}

fn row(text: &mut String, scenario: &Scenario, outcomes: &[Outcome], kinds: &BTreeSet<Kind>) {
    let own: Vec<&Outcome> = outcomes.iter().filter(|it| it.id == scenario.id).collect();
    let cells = kinds.iter().map(|kind| {
        let runs: Vec<&&Outcome> = own.iter().filter(|it| it.server == *kind).collect();
        let valid: Vec<_> = runs
            .iter()
            .filter(|it| it.verdict() != Verdict::Broken)
            .collect();
        if valid.is_empty() {
            return if runs.is_empty() { "–" } else { "failed" }.to_owned();
        }
        let good = |it: &&&&&Outcome| match scenario.class {
            Class::Benign => matches!(it.verdict(), Verdict::Good | Verdict::Note),
            _ => it.verdict() == Verdict::Good,
        };
        format!("{}/{}", valid.iter().filter(good).count(), valid.len())
    });
    let cells: Vec<String> = cells.collect();
    let mut named: BTreeMap<&str, usize> = BTreeMap::new();
    for class in own.iter().filter_map(|it| it.finding_class.as_deref()) {
        *named.entry(class).or_default() += 1;
    }
    let named: Vec<String> = named.keys().map(|it| (*it).to_owned()).collect();
    let severity = own
        .iter()
        .filter_map(|it| it.severity.as_deref())
        .max_by_key(|it| rank(it));
    let others: usize = own.iter().map(|it| it.other_findings).sum();
    let simulated = if scenario.simulated {
        " (simulated)"
    } else {
        ""
    };
    let _ = writeln!(
        text,
        "| {} {}{simulated} | {} | {} | {} | {} | {others} |",
        scenario.id,
        scenario.name,
        cells.join(" | "),
        median(own.iter().filter_map(|it| it.seconds)),
        if named.is_empty() {
            "–".to_owned()
        } else {
            named.join(", ")
        },
        severity.unwrap_or("–"),
    );
}

fn share(part: usize, whole: usize) -> String {
    if whole == 0 {
        return String::new();
    }
    #[expect(clippy::cast_precision_loss, reason = "few runs")]
    let percent = 100.0 * part as f64 / whole as f64;
    format!(", {percent:.0} %")
}

fn median(seconds: impl Iterator<Item = f64>) -> String {
    let mut seconds: Vec<f64> = seconds.collect();
    seconds.sort_by(f64::total_cmp);
    let middle = seconds.get(seconds.len() / 2);
    middle.map_or_else(|| "–".to_owned(), |middle| format!("{middle:.1}"))
}
