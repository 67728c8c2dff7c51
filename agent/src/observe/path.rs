//! Paths in comparable form, and what a path by itself says about danger.
//!
//! A server opens `/tmp/tmpk3x9_a2b` today and `/tmp/tmp81_kqzu0` tomorrow; a baseline must know both as one. But what
//! is folded together here is also where an intruder can hide, so folding is narrow: `*` stands within one component
//! and only for what machines make (process ids, hashes, counters, dates, temporary names), and directories stay. Only
//! reads of system trees fold whole trees: thousands of library files are one fact.

mod class;
mod glob;
mod marks;
mod name;
mod replaced;

#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::ops::RangeInclusive;

use sha2::{Digest, Sha256};

use super::event::Access;
use super::fact::Marks;

pub use class::{class_of, device};
pub use marks::marks;
pub use replaced::replaced;

/// Longest generalised path in bytes.
pub const MAX_LENGTH: usize = 256;

/// Letters of the digest that closes a path that was cut, and the letters it is spelled in.
const DIGEST: usize = 16;
const DIGITS: RangeInclusive<u8> = b'g'..=b'v';

/// Trees that the image brings along, folded for reads.
const SYSTEM_TREES: &[&str] = &[
    "/lib",
    "/lib32",
    "/lib64",
    "/libx32",
    "/usr/include",
    "/usr/lib",
    "/usr/lib32",
    "/usr/lib64",
    "/usr/libexec",
    "/usr/libx32",
    "/usr/local/include",
    "/usr/local/lib",
    "/usr/local/lib64",
    "/usr/local/share",
    "/usr/share",
];

/// Directories that package managers fill, wherever they are, folded for reads.
const PACKAGE_DIRECTORIES: &[&str] = &["site-packages", "dist-packages", "node_modules"];

/// Directories in whose names numbers and random parts are the rule, so that shorter ones count as such.
const VOLATILE_TREES: &[&str] = &[
    "/tmp", "/var/tmp", "/dev/shm", "/run", "/var/run", "/var/log",
];

/// The comparable form of a path: deterministic, idempotent and at most [`MAX_LENGTH`] bytes long.
#[must_use]
pub fn generalise(path: &str, access: Access) -> String {
    comparable(path, access, || marks(path, access))
}

/// The same of a path whose marks, of a file opened in this way, are known already.
#[must_use]
pub fn generalise_marked(path: &str, access: Access, marks: Marks) -> String {
    comparable(path, access, || marks)
}

fn comparable(path: &str, access: Access, marks: impl FnOnce() -> Marks) -> String {
    if access == Access::Read
        && let Some(tree) = path.strip_suffix("/**")
    {
        // Folded already: the tree's own name, generalised, need no longer tell that it is one.
        return bounded(format!("{}/**", components(tree)));
    }
    if access == Access::Read
        && !is_cut(path)
        && let Some(tree) = folded_tree(path)
    {
        let marks = marks();
        if !marks.model_file && !marks.secret_file {
            return bounded(format!("{}/**", components(tree)));
        }
    }
    bounded(components(path))
}

/// The comparable form of one name that is no file's, as a host's.
pub(super) fn generalise_name(name: &str) -> String {
    name::generalise(name, false).into_owned()
}

/// Whether the last name of a path is one that makers of temporary files give.
#[must_use]
pub fn is_temporary(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or_default();
    name::is_temporary(name, is_volatile(path))
}

/// Does the path lie in `tree`, below it and not beside it?
fn is_below(path: &str, tree: &str) -> bool {
    path.strip_prefix(tree)
        .is_some_and(|rest| rest.starts_with('/'))
}

/// The part of the path that stands for all files below it, if it lies in such a tree.
fn folded_tree(path: &str) -> Option<&str> {
    if let Some(tree) = SYSTEM_TREES.iter().find(|tree| is_below(path, tree)) {
        return Some(tree);
    }
    // One level below /sys keeps devices, file systems and kernel settings apart.
    if let Some(rest) = path.strip_prefix("/sys/") {
        let (subsystem, _) = rest.split_once('/')?;
        return path.get(.."/sys/".len() + subsystem.len());
    }
    package_tree(path)
}

/// The part of the path up to and with its outermost package directory: `…/site-packages`, `…/lib/python3.11`.
fn package_tree(path: &str) -> Option<&str> {
    let mut end = 0;
    let mut previous = "";
    for component in path.split('/') {
        end += component.len();
        let is_last = end == path.len();
        let is_library = previous == "lib" && component.starts_with("python3");
        if !is_last && (is_library || PACKAGE_DIRECTORIES.contains(&component)) {
            return path.get(..end);
        }
        previous = component;
        end += 1;
    }
    None
}

/// Do numbers and random parts make up the names there?
fn is_volatile(path: &str) -> bool {
    VOLATILE_TREES.iter().any(|tree| is_below(path, tree))
        || path.split('/').any(|component| component == ".cache")
}

/// The path with each component generalised.
fn components(path: &str) -> String {
    let in_proc = is_below(path, "/proc");
    let volatile = is_volatile(path);
    let raw: Vec<&str> = path.split('/').collect();
    let mut names: Vec<Cow<'_, str>> = raw
        .iter()
        .map(|name| name::generalise(name, volatile))
        .collect();
    if in_proc
        && let Some(process) = names.get_mut(2)
        && (*process == "self" || *process == "thread-self")
    {
        *process = Cow::Borrowed("*");
    }
    // Stores keyed by hash spread their entries over directories named after the hash's first characters.
    for position in 1..names.len() {
        let is_hash = raw.get(position).is_some_and(|name| name.len() >= 16)
            && names
                .get(position)
                .is_some_and(|name| name.starts_with('*'));
        if is_hash
            && let Some(shard) = names.get_mut(position - 1)
            && shard.len() == 2
            && shard.chars().all(|c| c.is_ascii_alphanumeric())
        {
            *shard = Cow::Borrowed("*");
        }
    }
    names.join("/")
}

/// Did [`bounded`] cut this path? What it was the path of can no longer be seen by its end.
fn is_cut(path: &str) -> bool {
    path.rsplit('/')
        .next()
        .and_then(|name| name.strip_prefix('…'))
        .is_some_and(|digest| {
            digest.len() == DIGEST && digest.bytes().all(|letter| DIGITS.contains(&letter))
        })
}

/// Cuts a long path after a whole component and closes it with a digest of all of it, so that two long paths never
/// become one. The digest is spelled in letters that [`name`] takes for no number and no hash.
fn bounded(path: String) -> String {
    if path.len() <= MAX_LENGTH {
        return path;
    }
    let digest: String = Sha256::digest(path.as_bytes())
        .iter()
        .take(DIGEST / 2)
        .flat_map(|byte| [byte >> 4, byte & 0xf])
        .map(|nibble| char::from(DIGITS.start() + nibble))
        .collect();
    let room = MAX_LENGTH - "/…".len() - digest.len();
    let mut head = String::new();
    for (position, component) in path.split('/').enumerate() {
        let separator = usize::from(position > 0);
        if head.len() + separator + component.len() > room {
            break;
        }
        if position > 0 {
            head.push('/');
        }
        head.push_str(component);
    }
    format!("{head}/…{digest}")
}
