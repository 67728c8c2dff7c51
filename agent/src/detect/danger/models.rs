//! Whether a write to a model store adds a model or alters one.

use std::path::Path;

use super::Category;
use crate::baseline::model::Baseline;
use crate::observe::fact::{Fact, Family, Sighting};
use crate::observe::path;

/// The category with what the baseline knows: a model that is put where the workload puts its others, in the same way and
/// under a name that nothing had, is a further one. Served weights do not change by that.
#[must_use]
pub fn added(category: Category, baseline: &Baseline, sighting: &Sighting) -> Category {
    let fact = &sighting.fact;
    match (category, Put::of(fact)) {
        (Category::ModelWrite, Some(put)) if put.is_usual(baseline, fact.family) => {
            if put.is_unknown(baseline) {
                Category::FurtherModel
            } else {
                category
            }
        }
        _ => category,
    }
}

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

    /// Whether nothing was known under this name.
    fn is_unknown(&self, baseline: &Baseline) -> bool {
        [Family::FileRead, Family::FileWrite, Family::FileChange]
            .into_iter()
            .flat_map(|family| facts(baseline, family))
            .all(|known| {
                let mut names = known.value.split(' ');
                names.all(|name| Path::new(name) != self.target)
            })
    }
}

fn facts(baseline: &Baseline, family: Family) -> impl Iterator<Item = &Fact> {
    baseline
        .phases
        .values()
        .filter_map(move |phase| phase.families.get(&family))
        .flat_map(|known| known.facts.iter().map(|(fact, _)| fact))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::baseline::key::Key;
    use crate::detect::danger::tests::sighting;
    use crate::observe::fact::Origin;

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
        let category = |value: &str| {
            let change = sighting(Family::FileChange, Origin::Server, value);
            added(Category::ModelWrite, &baseline, &change)
        };
        assert_eq!(
            category("rename /models/tmp* -> /models/c.onnx"),
            Category::FurtherModel
        );
        for value in [
            "rename /models/tmp* -> /models/b.onnx",
            "rename /tmp/tmp* -> /models/c.onnx",
            "rename /models/tmp* -> /models/c.joblib",
            "rename /models/tmp* -> /models/x/c.onnx",
            "unlink /models/c.onnx",
        ] {
            assert_eq!(category(value), Category::ModelWrite, "{value}");
        }
        let write = sighting(Family::FileWrite, Origin::Server, "/models/c.onnx");
        assert_eq!(
            added(Category::ModelWrite, &baseline, &write),
            Category::ModelWrite
        );
    }
}
