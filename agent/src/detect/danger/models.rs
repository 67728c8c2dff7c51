//! Whether a write to a model store adds a model or alters one.

use std::path::Path;

use super::Category;
use crate::baseline::model::{Baseline, FamilyBaseline};
use crate::observe::fact::{Fact, Family, Sighting};
use crate::observe::path;

/// The category with what the baseline knows: a model that is put where the workload puts its others, in the same way and
/// under a name that nothing had, is a further one, and so is what is put into a folder in which nothing was, as adapters
/// and a hub's cache are kept, unless it is code. Served weights do not change by that, nor when such a one is removed again.
#[must_use]
pub fn added(category: Category, baseline: &Baseline, sighting: &Sighting) -> Category {
    let fact = &sighting.fact;
    if category != Category::ModelWrite {
        return category;
    }
    let is_further = match Put::of(fact) {
        Some(put) if put.is_usual(baseline, fact.family) => is_unknown(baseline, put.target),
        Some(put) if put.is_code() => false,
        Some(put) => {
            let folder = put.target.parent();
            folder.is_some_and(|it| is_unknown(baseline, it))
        }
        None => match fact.value.split_once(' ') {
            Some(("mkdir", name)) => is_unknown(baseline, Path::new(name)),
            Some(("unlink" | "rmdir", name)) => {
                is_unknown(baseline, Path::new(name)) && was_put(baseline, Path::new(name))
            }
            _ => false,
        },
    };
    if is_further {
        Category::FurtherModel
    } else {
        category
    }
}

/// Kinds of files that are run or loaded as code.
const CODE: [&str; 12] = [
    "class", "dll", "exe", "jar", "js", "lua", "pl", "py", "pyc", "pyd", "sh", "so",
];

/// Whether a change removes a file that has only a temporary name.
pub(super) fn removes_temporary(change: &str) -> bool {
    change
        .strip_prefix("unlink ")
        .is_some_and(path::is_temporary)
}

/// A file that gets its name.
struct Put<'a> {
    /// How: from where, for a rename.
    how: &'a str,
    target: &'a Path,
}

impl<'a> Put<'a> {
    fn of(fact: &'a Fact) -> Option<Self> {
        let value = fact.value.as_str();
        let (how, target) = match fact.family {
            Family::FileWrite => ("", value),
            Family::FileChange if value.starts_with("rename ") => value.split_once(" -> ")?,
            Family::FileChange => {
                let (name, _) = value.strip_prefix("symlink ")?.split_once(" -> ")?;
                ("symlink", name)
            }
            _ => return None,
        };
        let target = Path::new(target);
        target.is_absolute().then_some(Self { how, target })
    }

    fn is_like(&self, other: &Put<'_>) -> bool {
        self.how == other.how
            && self.target.parent() == other.target.parent()
            && self.target.extension() == other.target.extension()
    }

    /// Whether the workload puts files of this kind there.
    fn is_usual(&self, baseline: &Baseline, family: Family) -> bool {
        facts(baseline, family).any(|known| Put::of(known).is_some_and(|put| self.is_like(&put)))
    }

    /// Whether it is code by its name, a library with its version included.
    fn is_code(&self) -> bool {
        let name = self.target.file_name().and_then(|it| it.to_str());
        let mut kinds = name.into_iter().flat_map(|it| it.split('.').skip(1));
        kinds.any(|it| CODE.contains(&it.to_ascii_lowercase().as_str()))
    }
}

/// Whether nothing was known under this name, nor in a folder of this name.
fn is_unknown(baseline: &Baseline, path: &Path) -> bool {
    [Family::FileRead, Family::FileWrite, Family::FileChange]
        .into_iter()
        .flat_map(|family| facts(baseline, family))
        .all(|known| !names(known, path))
}

/// Whether the workload put something under this name, or into a folder of this name, since it was learned.
fn was_put(baseline: &Baseline, path: &Path) -> bool {
    [Family::FileWrite, Family::FileChange]
        .into_iter()
        .flat_map(|family| families(baseline, family))
        .flat_map(|family| family.pending.iter())
        .any(|(put, _)| !put.value.starts_with("unlink ") && names(put, path))
}

/// Whether a fact names the path, or something in a folder of this name. Paths may have blanks, so that they are not taken
/// apart at them.
fn names(fact: &Fact, path: &Path) -> bool {
    let path = path.to_str().unwrap_or_default();
    let mut found = fact.value.match_indices(path);
    found.any(|(at, _)| {
        let before = fact.value.get(..at).unwrap_or_default();
        let after = fact.value.get(at + path.len()..).unwrap_or_default();
        (before.is_empty() || before.ends_with(' '))
            && (after.is_empty() || after.starts_with(['/', ' ']))
    })
}

fn facts(baseline: &Baseline, family: Family) -> impl Iterator<Item = &Fact> {
    families(baseline, family).flat_map(|known| known.facts.iter().map(|(fact, _)| fact))
}

fn families(baseline: &Baseline, family: Family) -> impl Iterator<Item = &FamilyBaseline> {
    let phases = baseline.phases.values();
    phases.filter_map(move |phase| phase.families.get(&family))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::baseline::key::Key;
    use crate::detect::danger::tests::sighting;
    use crate::observe::fact::{Origin, Phase};

    #[test]
    fn another_name_is_a_further_model_and_a_known_one_is_a_change() {
        let key = Key {
            namespace: "docker".into(),
            workload: "w".into(),
            container: "w".into(),
            image_digest: "sha256:0".into(),
        };
        let mut baseline = Baseline::new(key, 0);
        let mut learn = |family, value: &str| {
            baseline.learn_sighting(&sighting(family, Origin::Server, value), "r", 1);
        };
        learn(Family::FileChange, "rename /models/tmp* -> /models/a.onnx");
        learn(Family::FileRead, "/models/b.onnx");
        learn(Family::FileRead, "/models/our best/d.onnx");
        let category = |value: &str| {
            let change = sighting(Family::FileChange, Origin::Server, value);
            added(Category::ModelWrite, &baseline, &change)
        };
        assert_eq!(
            category("rename /models/tmp* -> /models/c.onnx"),
            Category::FurtherModel
        );
        for value in [
            "mkdir /models/x",
            "rename /models/x/tmp* -> /models/x/c.safetensors",
            "symlink /models/x/c.safetensors -> /models/blobs/0f3c",
            "rename /models/.locks/x.incomplete -> /models/.locks/x",
        ] {
            assert_eq!(category(value), Category::FurtherModel, "{value}");
        }
        for value in [
            "rename /models/tmp* -> /models/b.onnx",
            "rename /tmp/tmp* -> /models/c.onnx",
            "rename /models/tmp* -> /models/c.joblib",
            "rename /models/x/tmp* -> /models/x/c.py",
            "rename /models/our best/tmp* -> /models/our best/d.onnx",
            "mkdir /models/our best",
            "symlink /models/x/libc.so.6 -> /models/blobs/0f3c",
            "symlink /models/a.onnx -> /models/x/c.onnx",
            "mkdir /models",
            "unlink /models/c.onnx",
        ] {
            assert_eq!(category(value), Category::ModelWrite, "{value}");
        }
        // What was put there since may go again.
        let put = "rename /models/x/tmp* -> /models/x/c.onnx";
        let put = sighting(Family::FileChange, Origin::Server, put).fact;
        baseline.set_pending(Phase::Serve, &put, "r", 2);
        for (value, expected) in [
            ("unlink /models/x/c.onnx", Category::FurtherModel),
            ("rmdir /models/x", Category::FurtherModel),
            ("unlink /models/y/c.onnx", Category::ModelWrite),
        ] {
            let change = sighting(Family::FileChange, Origin::Server, value);
            assert_eq!(
                added(Category::ModelWrite, &baseline, &change),
                expected,
                "{value}"
            );
        }
        let write = sighting(Family::FileWrite, Origin::Server, "/models/c.onnx");
        assert_eq!(
            added(Category::ModelWrite, &baseline, &write),
            Category::ModelWrite
        );
    }
}
