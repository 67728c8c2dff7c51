//! The outcomes as tables for people.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use super::outcome::{Outcome, Verdict, rank};
use super::scenario::{Class, Kind, Scenario, Set};

/// What the page says of scenarios that are not on the list.
const HELD_OUT: &str = "## Not in the list

Behaviours of the same families with other objects, phases, directions and tools. They were written without a look at the detector:
their rates tell whether it knows behaviour or only the scenarios above. One that has led to a change of it counts as listed.
";

/// A line a class: how many runs were as they should be. What is not on the list has lines of its own.
#[must_use]
pub fn summary(outcomes: &[Outcome]) -> String {
    let mut text = String::new();
    for (set, of_set) in by_set(outcomes) {
        if set == Set::HeldOut {
            text.push_str("\nNot in the list:\n\n");
        }
        text.push_str(&rates(&of_set));
    }
    text
}

/// Every scenario with what came of its runs. What is not on the list has a part of its own.
#[must_use]
pub fn markdown(scenarios: &[Scenario], outcomes: &[Outcome]) -> String {
    let mut text = String::new();
    for (set, of_set) in by_set(outcomes) {
        let level = match set {
            Set::Listed => "##",
            Set::HeldOut => "###",
        };
        if set == Set::HeldOut {
            let _ = writeln!(text, "\n{HELD_OUT}");
        }
        text.push_str(&rates(&of_set));
        details(&mut text, scenarios, &of_set, level);
    }
    failed(&mut text, outcomes);
    text
}

/// The outcomes of each set that has any.
fn by_set(outcomes: &[Outcome]) -> Vec<(Set, Vec<&Outcome>)> {
    let of = |set| outcomes.iter().filter(|it| it.set == set).collect();
    let sets = Set::ALL.into_iter().map(|set| (set, of(set)));
    sets.filter(|(_, outcomes): &(_, Vec<_>)| !outcomes.is_empty())
        .collect()
}

/// The rates of each class, and how long it took.
fn rates(outcomes: &[&Outcome]) -> String {
    let mut text = String::from(
        "| class | runs | as it should be | behaviours so in each run | class named | median seconds | other findings | failed runs |\n\
         |---|---|---|---|---|---|---|---|\n",
    );
    for class in Class::ALL {
        let of_class: Vec<&Outcome> = outcomes
            .iter()
            .copied()
            .filter(|it| it.class == class)
            .collect();
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
            "| {} | {runs} | {good}{noted}{} | {} | {named} | {} | {} | {broken} |",
            class.name(),
            share(good, runs),
            behaviours(&of_class),
            median(of_class.iter().filter_map(|it| it.seconds)),
            if class.is_attack() {
                others.to_string()
            } else {
                "–".to_owned()
            },
        );
    }
    let found = |counted| {
        let seconds = outcomes
            .iter()
            .filter(|it| it.was_counted() == counted)
            .filter_map(|it| it.seconds);
        (seconds.clone().count(), median(seconds))
    };
    let ((acts, at_once), (amounts, by_windows)) = (found(false), found(true));
    let _ = writeln!(
        text,
        "\nMedian seconds to the first finding: {at_once} where an act told of it ({acts} runs), {by_windows} where only amounts did, \
         which are counted over windows of 5 s ({amounts} runs)."
    );
    text
}

/// How many behaviours, each on each server, were as they should be in every run that did not fail.
fn behaviours(of_class: &[&Outcome]) -> String {
    let mut all = BTreeMap::new();
    for outcome in of_class {
        let verdict = outcome.verdict();
        if verdict != Verdict::Broken {
            let so = all.entry((&outcome.id, outcome.server)).or_insert(true);
            *so &= verdict == Verdict::Good;
        }
    }
    let so = all.values().filter(|it| **it).count();
    format!("{so} of {}{}", all.len(), share(so, all.len()))
}

/// A table of scenarios for each class, under a heading of this level.
fn details(text: &mut String, scenarios: &[Scenario], outcomes: &[&Outcome], level: &str) {
    let kinds: BTreeSet<Kind> = outcomes.iter().map(|it| it.server).collect();
    for class in Class::ALL {
        let of_class: Vec<&Scenario> = scenarios
            .iter()
            .filter(|it| it.class == class && outcomes.iter().any(|outcome| outcome.id == it.id))
            .collect();
        if of_class.is_empty() {
            continue;
        }
        let _ = write!(text, "\n{level} {}\n\n", title(class));
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
            row(text, scenario, outcomes, &kinds);
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
}

fn failed(text: &mut String, outcomes: &[Outcome]) {
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

fn row(text: &mut String, scenario: &Scenario, outcomes: &[&Outcome], kinds: &BTreeSet<Kind>) {
    let own: Vec<&Outcome> = outcomes
        .iter()
        .copied()
        .filter(|it| it.id == scenario.id)
        .collect();
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

#[cfg(test)]
mod tests {
    use super::*;

    /// A scenario of a set with a run on FastAPI, found or missed.
    fn run(id: &str, set: Set, found: bool) -> (Scenario, Outcome) {
        let scenario = Scenario {
            id: id.to_owned(),
            set,
            ..Scenario::example(Class::Quiet)
        };
        let outcome = Outcome {
            detected: found,
            ..Outcome::judge(&scenario, Kind::FastApi, 1, &[(1.0, 2.0)], Vec::new())
        };
        (scenario, outcome)
    }

    #[test]
    fn what_is_not_in_the_list_has_rates_of_its_own() {
        let runs = [
            run("S01", Set::Listed, true),
            run("V01", Set::HeldOut, false),
            run("V01", Set::HeldOut, true),
            run("V02", Set::HeldOut, true),
        ];
        let (mut scenarios, outcomes): (Vec<_>, Vec<_>) = runs.into_iter().unzip();
        scenarios.dedup_by(|one, other| one.id == other.id);
        for page in [summary(&outcomes), markdown(&scenarios, &outcomes)] {
            let (listed, held_out) = page.split_once("Not in the list").unwrap_or_default();
            let rates = "| quiet | 1 | 1, 100 % | 1 of 1, 100 % |";
            assert!(listed.contains(rates), "{page}");
            let rates = "| quiet | 3 | 2, 67 % | 1 of 2, 50 % |";
            assert!(held_out.contains(rates), "{page}");
        }
        let page = markdown(&scenarios, &outcomes);
        let (listed, held_out) = page.split_once("## Not in the list").unwrap_or_default();
        assert!(
            listed.contains("| S01 post |") && !listed.contains("V0"),
            "{page}"
        );
        assert!(
            held_out.contains("\n### Quiet") && held_out.contains("| V01 post |"),
            "{page}"
        );
    }
}
