//! A scenario's ground truth, read from the docstring of its file.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use serde::{Deserialize, Serialize};

use super::folder;
use super::step::Step;
use crate::image;
use crate::servers::Make;

/// How well a scenario hides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Class {
    /// A program that was never executed.
    Loud,
    /// No new program: something else is new.
    Quiet,
    /// Only known programs and peers, or what the server does anyway; in other amounts, order or directions.
    Mimicry,
    /// The trigger without a payload.
    Null,
    /// What cannot be seen, as the documentation says.
    Blind,
    /// Deeds during learning.
    Poisoned,
    /// What ordinary servers and operators do.
    Benign,
}

impl Class {
    /// All of them, in the order of reports.
    pub const ALL: [Self; 7] = [
        Self::Loud,
        Self::Quiet,
        Self::Mimicry,
        Self::Poisoned,
        Self::Null,
        Self::Blind,
        Self::Benign,
    ];

    /// Whether the agent should find it.
    #[must_use]
    pub const fn is_attack(self) -> bool {
        matches!(
            self,
            Self::Loud | Self::Quiet | Self::Mimicry | Self::Poisoned
        )
    }

    /// Its name in files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Loud => "loud",
            Self::Quiet => "quiet",
            Self::Mimicry => "mimicry",
            Self::Null => "null",
            Self::Blind => "blind",
            Self::Poisoned => "poisoned",
            Self::Benign => "benign",
        }
    }
}

/// Whether the detector was made in sight of it.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum Set {
    /// On the list that the detector was made with.
    #[default]
    Listed,
    /// Of the same families, but not on that list: it shows whether behaviour is known or only scenarios are.
    HeldOut,
}

impl Set {
    /// Both, in the order of reports.
    pub const ALL: [Self; 2] = [Self::Listed, Self::HeldOut];

    /// Its name in files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Listed => "listed",
            Self::HeldOut => "held-out",
        }
    }
}

/// What sets a scenario off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Trigger {
    /// A request that looks like any other.
    Request,
    /// A model that the registry hands out.
    Model,
    /// Nothing in the server: the harness takes the steps.
    Harness,
    /// Requests, while the agent learns.
    Learning,
}

/// A server that carries scenarios.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// FastAPI, uvicorn with uvloop and onnxruntime: one process.
    FastApi,
    /// The same with an interface that runs jobs in a shell.
    Jobs,
    /// The same without uvloop, so without `io_uring`.
    Asyncio,
    /// BentoML: an arbiter and its workers.
    BentoMl,
    /// NVIDIA Triton: a C++ server that Python answers.
    Triton,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Self; 5] = [
        Self::FastApi,
        Self::Jobs,
        Self::Asyncio,
        Self::BentoMl,
        Self::Triton,
    ];

    /// Its name in files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::FastApi => "fastapi",
            Self::Jobs => "jobs",
            Self::Asyncio => "asyncio",
            Self::BentoMl => "bentoml",
            Self::Triton => "triton",
        }
    }

    /// What it is made with.
    #[must_use]
    pub const fn make(self) -> Make {
        match self {
            Self::FastApi | Self::Jobs | Self::Asyncio => Make::FastApi,
            Self::BentoMl => Make::BentoMl,
            Self::Triton => Make::Triton,
        }
    }

    /// The recipe of its image.
    #[must_use]
    pub const fn image(self) -> &'static str {
        match self {
            Self::FastApi | Self::Jobs | Self::Asyncio => image::CORPUS,
            Self::BentoMl => "corpus-bentoml",
            Self::Triton => "corpus-triton",
        }
    }
}

/// What is true about a scenario.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// `S14`
    pub id: String,
    /// A short name.
    pub name: String,
    /// How well it hides.
    pub class: Class,
    /// Whether the detector was made in sight of it.
    #[serde(default)]
    pub set: Set,
    /// The phase it happens in.
    pub phase: String,
    /// What sets it off.
    pub trigger: Trigger,
    /// Classes of findings that name it rightly.
    #[serde(default)]
    pub evidence: Vec<String>,
    /// Techniques of ATT&CK and ATLAS.
    #[serde(default)]
    pub techniques: Vec<String>,
    /// Servers it makes sense on.
    #[serde(default = "plain")]
    pub servers: Vec<Kind>,
    /// How long the payload takes at most.
    #[serde(default)]
    pub seconds: f64,
    /// A sentence or two for the documentation.
    pub what: String,
    /// Whether the payload runs within the load of the model, not beside it.
    #[serde(default)]
    pub inline: bool,
    /// What the harness does.
    #[serde(default)]
    pub steps: Vec<Step>,
    /// Payloads of other scenarios that this one sets off.
    #[serde(default)]
    pub performs: Vec<String>,
    /// Whether it changes its peers, and so needs peers of its own.
    #[serde(default)]
    pub own_peers: bool,
    /// Whether it happens in learning too.
    #[serde(default)]
    pub learned: bool,
    /// Whether a stand-in is used for what this machine lacks.
    #[serde(default)]
    pub simulated: bool,
    /// Why it cannot be run here.
    #[serde(default)]
    pub skipped: Option<String>,
    /// Why it is missed, where that is known.
    #[serde(default)]
    pub missed: Option<String>,
    /// The sentence of docs/DETECTION.md that says it cannot be seen.
    #[serde(default)]
    pub limit: Option<String>,
}

fn plain() -> Vec<Kind> {
    vec![Kind::FastApi]
}

/// Every scenario, by id.
///
/// # Errors
/// When a file does not say what it must: with its name.
pub fn all() -> Result<Vec<Scenario>> {
    let folder = folder().join("scenarios");
    let mut scenarios = Vec::new();
    let entries = fs::read_dir(&folder).with_context(|| folder.display().to_string())?;
    for entry in entries {
        let path = entry?.path();
        if path.extension().is_some_and(|it| it == "py") && !path.ends_with("__init__.py") {
            scenarios.push(read(&path).with_context(|| path.display().to_string())?);
        }
    }
    scenarios.sort_by(|one, other| one.id.cmp(&other.id));
    for pair in scenarios.windows(2) {
        if let [one, other] = pair {
            ensure!(one.id != other.id, "two scenarios are called {}", one.id);
        }
    }
    Ok(scenarios)
}

fn read(path: &Path) -> Result<Scenario> {
    let text = fs::read_to_string(path)?;
    let scenario = parse(&text)?;
    let stem = path.file_stem().and_then(|it| it.to_str());
    let prefix = format!("{}_", scenario.id.to_lowercase());
    ensure!(
        stem.is_some_and(|stem| stem.starts_with(&prefix)),
        "the file of {} must be called {prefix}….py",
        scenario.id
    );
    Ok(scenario)
}

fn parse(text: &str) -> Result<Scenario> {
    let rest = text.strip_prefix("\"\"\"");
    let Some((truth, _)) = rest.and_then(|rest| rest.split_once("\"\"\"")) else {
        bail!("it must begin with a docstring in three quotation marks, of YAML");
    };
    let scenario: Scenario = serde_saphyr::from_str(truth).context("its docstring")?;
    if scenario.class.is_attack() {
        ensure!(
            !scenario.evidence.is_empty(),
            "an attack needs the classes of findings that name it: `evidence`"
        );
    }
    if scenario.trigger == Trigger::Harness && scenario.skipped.is_none() {
        ensure!(
            !scenario.steps.is_empty(),
            "what no payload does needs `steps`"
        );
    }
    Ok(scenario)
}

#[cfg(test)]
impl Scenario {
    /// One for tests, of a class.
    pub fn example(class: Class) -> Self {
        Self {
            id: "S14".to_owned(),
            name: "post".to_owned(),
            class,
            set: Set::Listed,
            phase: "serve".to_owned(),
            trigger: Trigger::Request,
            evidence: vec!["dns".to_owned()],
            techniques: Vec::new(),
            servers: vec![Kind::FastApi],
            seconds: 1.0,
            what: String::new(),
            inline: false,
            steps: Vec::new(),
            performs: Vec::new(),
            own_peers: false,
            learned: false,
            simulated: false,
            skipped: None,
            missed: None,
            limit: None,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    const TRUTH: &str = "\"\"\"\nid: S01\nname: shell\nclass: loud\nphase: load\ntrigger: model\n\
                         evidence: [process]\nwhat: A shell.\n";

    #[test]
    fn every_scenario_of_the_corpus_says_what_it_must() {
        let scenarios = all().unwrap();
        let has = |set, class| {
            scenarios
                .iter()
                .any(|it| it.set == set && it.class == class)
        };
        for class in Class::ALL {
            assert!(has(Set::Listed, class), "{class:?}");
        }
        for class in [Class::Loud, Class::Quiet, Class::Mimicry, Class::Benign] {
            assert!(has(Set::HeldOut, class), "{class:?}");
        }
    }

    #[test]
    fn a_docstring_is_read() {
        let text = format!(
            "{TRUTH}steps:\n  - load: {{times: 10, seconds: 5}}\n  - reload: {{}}\n\"\"\"\nimport os\n"
        );
        let scenario = parse(&text).unwrap();
        assert_eq!(scenario.class, Class::Loud);
        assert_eq!(scenario.set, Set::Listed);
        assert_eq!(scenario.servers, [Kind::FastApi]);
        let load = Step::Load {
            times: 10.0,
            seconds: 5,
            rows: None,
        };
        assert_eq!(scenario.steps, [load, Step::Reload { version: None }]);
    }

    #[test]
    fn a_scenario_says_that_it_is_held_out() {
        let scenario = parse(&format!("{TRUTH}set: held-out\n\"\"\"\n")).unwrap();
        assert_eq!(scenario.set, Set::HeldOut);
    }

    #[test]
    fn what_is_missing_or_unknown_is_an_error() {
        for text in [
            "import os\n".to_owned(),
            format!("{TRUTH}colour: red\n\"\"\"\n"),
            format!("{}\"\"\"\n", TRUTH.replace("evidence: [process]\n", "")),
            format!(
                "{}\"\"\"\n",
                TRUTH.replace("trigger: model", "trigger: harness")
            ),
        ] {
            assert!(parse(&text).is_err(), "{text}");
        }
    }
}
