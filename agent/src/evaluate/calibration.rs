//! Whether what is foretold comes true: each recording is learned up to a point, what the rest will bring is foretold
//! from that alone, and the rest is judged and counted.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::Serialize;

use super::material::{self, Material, MaterialError, Piece};
use crate::baseline::decision::Decision;
use crate::baseline::key::Key;
use crate::baseline::model::Baseline;
use crate::baseline::neighbours::judge_of;
use crate::detect::finding::{Method, Severity};
use crate::detect::gamma::poisson_interval;
use crate::detect::outlook::{self, Ahead};
use crate::detect::reporting::Bar;
use crate::engine::{Engine, Input, Settings, Time, Watch};
use crate::observe::event::Moment;
use crate::observe::fact::{Family, Origin, Phase};

/// The parts of a recording that are learned.
const PARTS: [f64; 4] = [0.125, 0.25, 0.5, 0.75];

/// The budgets tried.
const BUDGETS: [f64; 4] = [0.1, 1.0, 10.0, 100.0];

/// A number foretold and what came, with the 95 % interval of the mean that what came allows.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Line {
    /// Expected.
    pub expected: f64,
    /// What came.
    pub came: u64,
    /// The interval.
    pub interval: (f64, f64),
}

impl Line {
    fn add(&mut self, expected: f64, came: u64) {
        self.expected += expected;
        self.came += came;
        self.interval = poisson_interval(self.came);
    }
}

/// What came of all recordings.
#[derive(Debug, Default, Serialize)]
pub struct Report {
    /// Recordings.
    pub recordings: u64,
    /// Container-hours judged, by the part learned.
    pub judged_hours: BTreeMap<String, f64>,
    /// News that came, whether or not they were findings, by the part learned.
    pub by_part: BTreeMap<String, Line>,
    /// The same by family, all parts together.
    pub by_family: BTreeMap<&'static str, Line>,
    /// The same by recording.
    pub by_recording: BTreeMap<String, Line>,
    /// Findings of novelty by budget, all parts together.
    pub by_budget: BTreeMap<String, Line>,
    /// Findings of all layers by budget and severity, all parts together; `expected` is what the budget allows.
    pub all_layers: BTreeMap<String, BTreeMap<&'static str, u64>>,
    /// What the news were, most of the first part.
    pub examples: Vec<String>,
}

/// Learns and judges every recording of a directory.
///
/// # Errors
/// When they cannot be read.
pub fn calibration(directory: &Path) -> Result<Report, MaterialError> {
    let materials = material::read(directory)?;
    let mut report = Report {
        recordings: materials.len() as u64,
        ..Report::default()
    };
    for material in &materials {
        for part in PARTS {
            for budget in BUDGETS {
                let trial = Trial::run(material, part, budget)?;
                report.add(material, part, budget, &trial);
            }
        }
    }
    report.examples.truncate(60);
    Ok(report)
}

impl Report {
    fn add(&mut self, material: &Material, part: f64, budget: f64, trial: &Trial) {
        let told = self.by_budget.entry(format!("{budget:>5}")).or_default();
        told.add(trial.told_expected, trial.told);
        let layers = self.all_layers.entry(format!("{budget:>5}")).or_default();
        for (severity, count) in &trial.findings {
            *layers.entry(severity).or_default() += count;
        }
        // What is new does not depend on the budget.
        if (budget - 1.0).abs() > 1e-9 {
            return;
        }
        let part = format!("{part:.3}");
        *self.judged_hours.entry(part.clone()).or_default() += trial.judged_s / 3600.0;
        for (family, (expected, came)) in &trial.families {
            self.by_part
                .entry(part.clone())
                .or_default()
                .add(*expected, *came);
            self.by_family
                .entry(family.name())
                .or_default()
                .add(*expected, *came);
            let name = material
                .path
                .parent()
                .and_then(Path::file_name)
                .unwrap_or_default();
            let name = name.to_string_lossy().into_owned();
            self.by_recording
                .entry(name)
                .or_default()
                .add(*expected, *came);
        }
        let named = trial
            .examples
            .iter()
            .map(|example| format!("learned {part}: {example}"));
        self.examples.extend(named);
    }
}

/// One recording, learned up to a point.
#[derive(Default)]
struct Trial {
    judged_s: f64,
    families: BTreeMap<Family, (f64, u64)>,
    told_expected: f64,
    told: u64,
    findings: BTreeMap<&'static str, u64>,
    examples: Vec<String>,
}

impl Trial {
    fn run(material: &Material, part: f64, budget: f64) -> Result<Self, MaterialError> {
        let mut settings: Settings = material.settings.clone();
        settings.budget.findings_per_container_month = budget;
        let mut engine = Engine::new(&settings, material.boot_ms, BTreeMap::new())?;
        let mut pieces: Vec<(Moment, usize, usize, &Piece)> = Vec::new();
        for (life, it) in material.lives.iter().enumerate() {
            // A life that began before the recording is known only from its middle.
            if it.birth.is_some() {
                let own = it.pieces.iter().enumerate();
                pieces.extend(own.map(|(number, piece)| (piece.end, life, number, piece)));
            }
        }
        pieces.sort_by_key(|(end, life, number, _)| (*end, *life, *number));
        let first = pieces.first().map_or(Moment(0), |it| it.3.begin);
        let last = pieces.last().map_or(Moment(0), |it| it.0);
        let cut = Moment(first.0 + (last.since(first) as f64 * part) as u64);
        let mut trial = Self::default();
        let mut is_cut = false;
        let mut seen: BTreeSet<(Family, Phase, String)> = BTreeSet::new();
        let mut last_s: BTreeMap<Family, i64> = BTreeMap::new();
        for (at, life, number, piece) in &pieces {
            if !is_cut && *at > cut {
                is_cut = true;
                trial.foretell(&mut engine, material, &pieces, cut, budget);
            }
            let Some(it) = material.lives.get(*life) else {
                continue;
            };
            tell_time(&mut engine, *at, material.boot_ms);
            if *number == 0 {
                engine.take(Input::Watch(Box::new(Watch {
                    container: it.container.clone(),
                    key: it.key.clone(),
                    birth: it
                        .birth
                        .clone()
                        .unwrap_or(crate::engine::Birth::Seen(piece.begin)),
                    lossy: it.lossy,
                })));
            }
            for input in &piece.inputs {
                let effects = engine.take(input.clone());
                if !is_cut {
                    continue;
                }
                for (_, sighting) in effects.news {
                    let fact = &sighting.fact;
                    let phase = judge_of(sighting.phase);
                    if fact.origin == Origin::Server
                        && seen.insert((fact.family, phase, fact.value.clone()))
                    {
                        let now_s = engine.seconds(sighting.at);
                        let before_s = last_s.insert(fact.family, now_s);
                        // What comes in one go counts once, as in learning.
                        if before_s.is_none_or(|before_s| now_s - before_s > 5) {
                            trial.families.entry(fact.family).or_default().1 += 1;
                        }
                        trial.examples.push(format!(
                            "{} {} {} {}",
                            it.key.container,
                            sighting.phase.name(),
                            fact.family.name(),
                            fact.value
                        ));
                    }
                }
                for reported in effects.findings {
                    let finding = reported.finding;
                    let severity: Severity = finding.severity;
                    *trial.findings.entry(severity.name()).or_default() += 1;
                    trial.told += u64::from(finding.method == Method::Novelty);
                }
            }
            if it.ended && *number + 1 == it.pieces.len() {
                let cgroup = it.container.cgroup;
                engine.take(Input::End { cgroup });
            }
        }
        Ok(trial)
    }

    /// Ends learning, and foretells what the rest of the recording will bring.
    fn foretell(
        &mut self,
        engine: &mut Engine<BTreeMap<Key, Baseline>>,
        material: &Material,
        pieces: &[(Moment, usize, usize, &Piece)],
        cut: Moment,
        budget: f64,
    ) {
        let baselines: Vec<Baseline> = engine.baselines_mut().values().cloned().collect();
        for mut baseline in baselines {
            let own = |life: usize| {
                let life = material.lives.get(life);
                life.is_some_and(|it| it.key == baseline.key)
            };
            let rest: Vec<_> = pieces.iter().filter(|it| it.0 > cut && own(it.1)).collect();
            let serves = |piece: &Piece| {
                piece
                    .phase
                    .is_some_and(|phase| judge_of(phase) == Phase::Serve)
            };
            let seconds: f64 = rest
                .iter()
                .filter(|it| serves(it.3))
                .map(|it| it.3.end.since(it.3.begin) as f64 / 1e9)
                .sum();
            let ahead = Ahead {
                seconds,
                passes: rest.iter().filter(|it| it.2 == 0).count() as f64,
            };
            self.judged_s += seconds;
            baseline.set_frozen(true, Decision::default());
            for phase in Phase::ALL
                .into_iter()
                .filter(|phase| judge_of(*phase) == *phase)
            {
                for family in Family::ALL {
                    let expected =
                        outlook::of_family(&baseline, phase, family, Origin::Server, ahead).mean;
                    self.families.entry(family).or_default().0 += expected;
                }
            }
            let prospects = outlook::prospects(&baseline);
            let bar = Bar::new(&prospects, budget);
            let told = prospects.iter().filter(|it| bar.reports(it));
            let told = told.map(|it| {
                let family =
                    outlook::of_family(&baseline, it.phase, it.family, Origin::Server, ahead);
                family.mean * outlook::share(it.family, it.category)
            });
            self.told_expected += told.sum::<f64>();
            engine.take(Input::Baseline(Box::new(baseline)));
        }
    }
}

fn tell_time(engine: &mut Engine<BTreeMap<Key, Baseline>>, at: Moment, boot_ms: i64) {
    let ms = i64::try_from(at.0 / 1_000_000).unwrap_or(i64::MAX);
    engine.take(Input::Time(Time {
        wall_ms: boot_ms.saturating_add(ms),
        boot_ms,
    }));
}
