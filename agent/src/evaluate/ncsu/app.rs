//! The applications of the data set: counts of system calls per 0.1 s of four containers each.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use zip::ZipArchive;

use super::npz::{self, Array, Elements, NpzError};
use crate::observe::syscall;
use crate::observe::window::CallCount;

/// Containers of an application.
pub const CONTAINERS: usize = 4;

/// Training segments of a container.
pub const SEGMENTS: usize = 3;

/// Rows from the start of a container's training to the start of its test.
const TRAINING_ROWS: u64 = 1800;

/// From this number on stand calls that this architecture does not have, in the order of an application's columns.
const FOREIGN: u16 = 600;

/// Columns that are other kernel events, which no probe of system calls counts.
const NO_CALLS: &[&str] = &["drop", "page_fault", "procexit", "signaldeliver", "switch"];

/// Why the data set cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum NcsuError {
    /// The directory or a file in it cannot be read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// What was read.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// A file is no archive of arrays.
    #[error("{path} is not an npz file: {source}")]
    Archive {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: zip::result::ZipError,
    },
    /// An array of a file is missing or odd.
    #[error("{path} does not have the layout of the NCSU container attacks: {source}")]
    Array {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: NpzError,
    },
    /// There is nothing to evaluate.
    #[error(
        "{path} holds no application (a file NAME.npz each): give the directory of the data set"
    )]
    Empty {
        /// The directory.
        path: PathBuf,
    },
}

/// Counts per 0.1 s, one row after the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rows {
    columns: usize,
    counts: Vec<u64>,
}

impl Rows {
    /// Sums of every `rows` rows; the last window may have fewer.
    pub fn windows(&self, rows: usize) -> impl Iterator<Item = (usize, Vec<u64>)> {
        let columns = self.columns.max(1);
        self.counts.chunks(columns * rows.max(1)).map(move |chunk| {
            let mut sums = vec![0_u64; columns];
            for row in chunk.chunks(columns) {
                for (sum, count) in sums.iter_mut().zip(row) {
                    *sum = sum.saturating_add(*count);
                }
            }
            (chunk.len() / columns, sums)
        })
    }

    fn is_zero(&self) -> bool {
        self.counts.iter().all(|count| *count == 0)
    }
}

/// One application.
#[derive(Clone, Debug)]
pub struct App {
    /// The name of the vulnerability.
    pub name: String,
    /// Call numbers by column; `None` for columns that are no system calls.
    calls: Vec<Option<u16>>,
    /// Training segments by container.
    pub training: Vec<Vec<Rows>>,
    /// Tests by container.
    pub tests: Vec<Rows>,
    /// First and last row of the attack in each test.
    pub attacks: Vec<(usize, usize)>,
    timing: Vec<u64>,
}

impl App {
    /// A window's sums as counts of calls.
    #[must_use]
    pub fn counts(&self, sums: &[u64]) -> Vec<CallCount> {
        let calls = self.calls.iter().zip(sums);
        let mut counts: Vec<_> = calls
            .filter_map(|(call, calls)| {
                call.map(|call| CallCount {
                    call,
                    calls: *calls,
                    errors: 0,
                })
            })
            .collect();
        counts.sort_by_key(|count| count.call);
        counts
    }

    fn read(path: &Path, name: &str) -> Result<Self, NcsuError> {
        let file = File::open(path).map_err(|source| NcsuError::Read {
            path: path.to_owned(),
            source,
        })?;
        let archive = ZipArchive::new(file).map_err(|source| NcsuError::Archive {
            path: path.to_owned(),
            source,
        });
        let mut archive = archive?;
        let mut array = |name: &str| {
            npz::array(&mut archive, name).map_err(|source| NcsuError::Array {
                path: path.to_owned(),
                source,
            })
        };
        let calls = call_numbers(array("cols")?.elements);
        let rows = |array: Array| Rows {
            columns: calls.len(),
            counts: match array.elements {
                Elements::Numbers(counts) if array.shape.get(1) == Some(&calls.len()) => counts,
                _ => Vec::new(),
            },
        };
        let mut training = Vec::new();
        let mut tests = Vec::new();
        for container in 0..CONTAINERS {
            let mut segments = Vec::new();
            for segment in 1..=SEGMENTS {
                segments.push(rows(array(&format!(
                    "seg{}",
                    container * SEGMENTS + segment
                ))?));
            }
            training.push(segments);
            tests.push(rows(array(&format!("test{}", container + 1))?));
        }
        let timing = match array("timing")?.elements {
            Elements::Numbers(timing) => timing,
            Elements::Texts(_) => Vec::new(),
        };
        let (pairs, _) = timing.as_chunks::<2>();
        let row = |at: u64| usize::try_from(at.saturating_sub(TRAINING_ROWS)).unwrap_or(usize::MAX);
        Ok(Self {
            name: name.to_owned(),
            calls,
            training,
            tests,
            attacks: pairs
                .iter()
                .map(|[first, last]| (row(*first), row(*last)))
                .collect(),
            timing,
        })
    }

    /// What makes the application unusable, as far as it shows in itself.
    fn fault(&self) -> Option<String> {
        let trained = |segments: &Vec<Rows>| segments.iter().any(|rows| !rows.is_zero());
        if !self.training.iter().all(trained) {
            return Some("no call is counted in a container's training".to_owned());
        }
        if self.attacks.len() != CONTAINERS {
            return Some(format!("{} attacks are timed", self.attacks.len()));
        }
        None
    }
}

fn call_numbers(columns: Elements) -> Vec<Option<u16>> {
    let names = match columns {
        Elements::Numbers(numbers) => {
            let number = |n| u16::try_from(n).ok();
            return numbers.into_iter().map(number).collect();
        }
        Elements::Texts(names) => names,
    };
    let mut foreign = FOREIGN;
    let number = |name: &String| {
        if NO_CALLS.contains(&name.as_str()) {
            return None;
        }
        // The names are those of the tracer that counted, which drops suffixes of the kernel's.
        let known = [
            name.clone(),
            format!("{name}64"),
            format!("rt_{name}"),
            format!("{name}2"),
        ];
        let known = known.iter().find_map(|name| syscall::number(name));
        Some(known.unwrap_or_else(|| {
            foreign = foreign.saturating_add(1);
            foreign
        }))
    };
    names.iter().map(number).collect()
}

/// The data set, and what of it cannot be used.
#[derive(Clone, Debug, Default)]
pub struct DataSet {
    /// Applications in the order of their names.
    pub apps: Vec<App>,
    /// Applications left out, with the reason.
    pub left_out: BTreeMap<String, String>,
    /// Classes of attack with the applications they list.
    pub classes: BTreeMap<String, Vec<String>>,
}

/// Reads a directory with one `NAME.npz` an application and class lists `cves_CLASS.txt`.
///
/// # Errors
/// When something cannot be read, has another layout, or nothing is there.
pub fn read(directory: &Path) -> Result<DataSet, NcsuError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| NcsuError::Read { path, source }
    };
    let mut files: Vec<(String, PathBuf)> = Vec::new();
    for entry in fs::read_dir(directory).map_err(failed(directory))? {
        let path = entry.map_err(failed(directory))?.path();
        if let Some(name) = path.file_name().and_then(|name| name.to_str()) {
            files.push((name.to_owned(), path.clone()));
        }
    }
    files.sort();
    let mut set = DataSet::default();
    for (file, path) in &files {
        if let Some(name) = file.strip_suffix(".npz") {
            set.take(App::read(path, name)?);
        } else if let Some(class) = file
            .strip_prefix("cves_")
            .and_then(|f| f.strip_suffix(".txt"))
        {
            let list = fs::read_to_string(path).map_err(failed(path))?;
            let names = list.split_whitespace().map(str::to_owned).collect();
            set.classes.insert(class.to_owned(), names);
        }
    }
    if set.apps.is_empty() {
        return Err(NcsuError::Empty {
            path: directory.to_owned(),
        });
    }
    Ok(set)
}

impl DataSet {
    fn take(&mut self, app: App) {
        let same = self.apps.iter().find(|known| known.timing == app.timing);
        let fault = app.fault().or_else(|| {
            same.map(|known| format!("its times of attack are a copy of those of {}", known.name))
        });
        match fault {
            Some(reason) => {
                self.left_out.insert(app.name, reason);
            }
            None => self.apps.push(app),
        }
    }
}
