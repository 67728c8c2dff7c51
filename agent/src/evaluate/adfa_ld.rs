//! ADFA-LD (Creech and Hu 2013): system call traces of a Linux server, ordinary and under six kinds of attack.
//!
//! Everything is learned from `Training_Data_Master` alone, thresholds too. `Validation_Data_Master` is ordinary and
//! `Attack_Data_Master` is not; both are only scored, each trace for itself, and no trace is left out. A trace is to the
//! model what a window of a container is to it live: the calls made, and how many pairs of them were new.

mod pairs;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use serde::Serialize;

use super::roc::{auc, share_above, threshold};
use crate::detect::sequence::{MIN_BAGS, SequenceModel};
use pairs::Pairs;

const TRAINING: &str = "Training_Data_Master";
const VALIDATION: &str = "Validation_Data_Master";
const ATTACKS: &str = "Attack_Data_Master";

/// Shares of false alarms at which detection is told, with their names in JSON.
pub const SHARES: [(&str, f64); 4] = [
    ("0.001", 0.001),
    ("0.01", 0.01),
    ("0.05", 0.05),
    ("0.15", 0.15),
];

/// Why the set cannot be evaluated.
#[derive(Debug, thiserror::Error)]
pub enum AdfaError {
    /// One of the three directories is not there.
    #[error(
        "{} has no directory {name}: name the directory that holds {TRAINING}, {VALIDATION} and {ATTACKS} (an archive is to be unpacked first)",
        directory.display()
    )]
    Missing {
        /// Where it was looked for.
        directory: PathBuf,
        /// The directory's name.
        name: &'static str,
    },
    /// A file or directory cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// What.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// A trace holds something that is no system call number.
    #[error("{}: {word:?} is no system call number", path.display())]
    Trace {
        /// The file.
        path: PathBuf,
        /// What it holds.
        word: String,
    },
    /// There is too little to learn from or to judge.
    #[error("{} holds {found} traces, at least {needed} are needed", directory.display())]
    TooFew {
        /// Where.
        directory: PathBuf,
        /// How many there are.
        found: usize,
        /// How many there must be.
        needed: usize,
    },
}

/// Values by share of false alarms, in the order of [`SHARES`].
type ByShare = BTreeMap<&'static str, f64>;

/// How the attacks of one family are found.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Family {
    /// Traces.
    pub traces: usize,
    /// Probability that one scores higher than an ordinary trace.
    pub auc: f64,
    /// Share found where this share of all validation traces scores as high.
    pub dr: ByShare,
}

/// Traces of each kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Traces {
    /// Learned from.
    pub training: usize,
    /// Ordinary, judged.
    pub validation: usize,
    /// Attacks, judged.
    pub attacks: usize,
}

/// The result.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// Probability that an attack scores higher than an ordinary trace.
    pub auc: f64,
    /// Share of attacks found where this share of the validation traces scores as high.
    pub dr: ByShare,
    /// Share of validation traces above the threshold that training alone sets for this share.
    pub realised_fa: ByShare,
    /// Share of attacks above that threshold.
    pub realised_dr: ByShare,
    /// By kind of attack.
    pub families: BTreeMap<String, Family>,
    /// How many there are of each.
    pub traces: Traces,
    /// System calls scored, and the time that took, learning included.
    pub calls: u64,
    /// Seconds that reading, learning and scoring took.
    pub seconds: f64,
}

/// Evaluates the set in a directory.
///
/// # Errors
/// When one of its directories is missing, a file cannot be read or is no trace, or there is too little to learn from.
pub fn evaluate(directory: &Path) -> Result<Report, AdfaError> {
    let began = Instant::now();
    let root = root(directory)?;
    let traces_in = |name, needed| {
        let directory = root.join(name);
        let traces = files_in(&directory)?;
        let found = traces.len();
        match found < needed {
            true => Err(AdfaError::TooFew {
                directory,
                found,
                needed,
            }),
            false => Ok(traces),
        }
    };
    let training = traces_in(TRAINING, MIN_BAGS)?;
    let validation = traces_in(VALIDATION, 1)?;
    let attacks = traces_in(ATTACKS, 1)?;

    let learned = training
        .iter()
        .map(|file| trace(file))
        .collect::<Result<Vec<_>, _>>()?;
    let (pairs, bags) = Pairs::learn(&learned);
    let model =
        SequenceModel::fit(&bags.iter().collect::<Vec<_>>()).ok_or_else(|| AdfaError::TooFew {
            directory: root.join(TRAINING),
            found: learned.len(),
            needed: MIN_BAGS,
        })?;
    let mut calls = 0_u64;
    let mut score = |file: &PathBuf| {
        let trace = trace(file)?;
        calls = calls.saturating_add(trace.len() as u64);
        Ok(model.score(&pairs.bag(&trace)))
    };
    let ordinary = validation
        .iter()
        .map(&mut score)
        .collect::<Result<Vec<_>, AdfaError>>()?;
    let mut families: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    for file in &attacks {
        let family = family_of(&root.join(ATTACKS), file);
        families.entry(family).or_default().push(score(file)?);
    }
    let all: Vec<f64> = families.values().flatten().copied().collect();

    let above = |scores: &[f64], limit: &dyn Fn(f64) -> f64| {
        let shares = SHARES.iter();
        shares
            .map(|(name, share)| (*name, share_above(scores, limit(*share))))
            .collect::<ByShare>()
    };
    let limit = |share| threshold(&ordinary, share);
    let learned_limit = |share| model.threshold(share);
    Ok(Report {
        auc: auc(&ordinary, &all),
        dr: above(&all, &limit),
        realised_fa: above(&ordinary, &learned_limit),
        realised_dr: above(&all, &learned_limit),
        traces: Traces {
            training: learned.len(),
            validation: ordinary.len(),
            attacks: all.len(),
        },
        families: families
            .into_iter()
            .map(|(name, scores)| {
                let family = Family {
                    traces: scores.len(),
                    auc: auc(&ordinary, &scores),
                    dr: above(&scores, &limit),
                };
                (name, family)
            })
            .collect(),
        calls,
        seconds: began.elapsed().as_secs_f64(),
    })
}

/// The directory that holds the three: the one named, or the only one within it that does.
fn root(directory: &Path) -> Result<PathBuf, AdfaError> {
    let holds = |place: &Path| place.join(TRAINING).is_dir();
    if directory.is_dir() && !holds(directory) {
        let within = entries(directory)?;
        if let Some(place) = within.into_iter().find(|place| holds(place)) {
            return root(&place);
        }
    }
    for name in [TRAINING, VALIDATION, ATTACKS] {
        if !directory.join(name).is_dir() {
            return Err(AdfaError::Missing {
                directory: directory.to_owned(),
                name,
            });
        }
    }
    Ok(directory.to_owned())
}

/// What a directory holds, by name.
fn entries(directory: &Path) -> Result<Vec<PathBuf>, AdfaError> {
    let failed = |source| AdfaError::Read {
        path: directory.to_owned(),
        source,
    };
    let mut paths = Vec::new();
    for entry in fs::read_dir(directory).map_err(failed)? {
        paths.push(entry.map_err(failed)?.path());
    }
    paths.sort();
    Ok(paths)
}

/// The text files in a directory and those below it, by path. Hidden ones are what some archivers add.
fn files_in(directory: &Path) -> Result<Vec<PathBuf>, AdfaError> {
    let mut files = Vec::new();
    for path in entries(directory)? {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.starts_with('.') {
            continue;
        }
        if path.is_dir() {
            files.extend(files_in(&path)?);
        } else if name.ends_with(".txt") {
            files.push(path);
        }
    }
    Ok(files)
}

fn trace(path: &Path) -> Result<Vec<u16>, AdfaError> {
    let text = fs::read_to_string(path).map_err(|source| AdfaError::Read {
        path: path.to_owned(),
        source,
    })?;
    text.split_whitespace()
        .map(|word| {
            word.parse().map_err(|_| AdfaError::Trace {
                path: path.to_owned(),
                word: word.to_owned(),
            })
        })
        .collect()
}

/// The family of an attack: its directory's name without the number of the attack.
fn family_of(attacks: &Path, file: &Path) -> String {
    let within = file.strip_prefix(attacks).unwrap_or(file);
    let directory = within.components().next().map(|part| part.as_os_str());
    let name = directory.unwrap_or_default().to_string_lossy();
    match name.rsplit_once('_') {
        Some((family, number)) if number.bytes().all(|b| b.is_ascii_digit()) => family.to_owned(),
        _ => name.into_owned(),
    }
}

#[cfg(test)]
mod tests;
