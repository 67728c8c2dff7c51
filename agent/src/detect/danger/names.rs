//! What a question to DNS says by its form.

use super::Category;
use crate::baseline::model::Baseline;
use crate::observe::fact::{Family, Phase, Sighting};

/// Longest label that says little, and longest name, bytes: what carries data takes longer ones, as many questions are noticed
/// as an amount.
const SHORT_LABEL: usize = 16;
const SHORT_NAME: usize = 64;

/// Whether the address of a host was asked for that does not exist, by a name that hardly carried anything.
pub(super) fn is_missing_host(sighting: &Sighting) -> bool {
    let mut words = sighting.raw.split([' ', ':']);
    let of_address = matches!(words.next(), Some("A" | "AAAA"));
    let name = words.next().unwrap_or_default();
    sighting.marks.unanswered
        && of_address
        && name.len() <= SHORT_NAME
        && name.split('.').all(|label| label.len() <= SHORT_LABEL)
}

/// Further labels of a name that the resolver's settings put behind those that a program asks for (resolv.conf(5), search).
const SEARCH_LABELS: usize = 6;

/// Whether a host that does not exist is one that the workload knows, with a domain behind it in which it was looked for.
#[must_use]
pub fn is_search(category: Category, baseline: &Baseline, sighting: &Sighting) -> bool {
    let name = sighting.raw.split([' ', ':']).nth(1).unwrap_or_default();
    let known = Phase::ALL
        .into_iter()
        .filter_map(|phase| baseline.family(phase, Family::DnsName))
        .flat_map(|family| family.facts.iter());
    category == Category::MissingHost
        && known
            .filter_map(|(fact, _)| name.strip_prefix(fact.value.as_str())?.strip_prefix('.'))
            .any(|domain| domain.split('.').count() <= SEARCH_LABELS)
}

#[cfg(test)]
mod tests {
    use super::is_search;
    use crate::baseline::key::Key;
    use crate::baseline::model::Baseline;
    use crate::detect::danger::{Category, categorise};
    use crate::detect::detector::testing::sight;
    use crate::observe::fact::Family;

    #[test]
    fn a_known_host_looked_for_in_other_domains_is_none_that_is_missing() {
        let key = Key {
            namespace: "docker".into(),
            workload: "w".into(),
            container: "w".into(),
            image_digest: "sha256:0".into(),
        };
        let mut baseline = Baseline::new(key, 0);
        let known = sight(Family::DnsName, "llm.example.com").0;
        baseline.learn_sighting(&known, "r", 1);
        let is_search = |name: &str, category| {
            let mut asked = sight(Family::DnsName, "x").0;
            asked.raw = format!("A {name}: NXDOMAIN from 10.0.0.2");
            is_search(category, &baseline, &asked)
        };
        let searched = "llm.example.com.models.svc.cluster.local";
        assert!(is_search(searched, Category::MissingHost));
        assert!(!is_search(searched, Category::DnsName));
        for other in [
            "llm.example.com",
            "xllm.example.com.svc",
            "other.example.com",
            "llm.example.com.a.b.c.d.e.f.g",
        ] {
            assert!(!is_search(other, Category::MissingHost), "{other}");
        }
    }

    #[test]
    fn a_host_that_is_not_there_is_a_small_matter_unless_its_name_may_carry_something() {
        let category = |raw: &str, unanswered: bool| {
            let mut asked = sight(Family::DnsName, "x")
                .mark(|m| m.unanswered = unanswered)
                .0;
            asked.raw = raw.to_owned();
            categorise(&asked, |_| false)
        };
        let dead = "A pictures7.example.net: NXDOMAIN from 10.0.0.2";
        assert_eq!(category(dead, true), Some(Category::MissingHost));
        assert_eq!(category(dead, false), Some(Category::DnsName));
        for other in [
            "A 2xzqezga4alrewzasjmidkx4ob.example.net: NXDOMAIN from 10.0.0.2",
            &format!("A {}net: NXDOMAIN from 10.0.0.2", "pictures7.".repeat(7)),
            "TXT pictures7.example.net: NXDOMAIN from 10.0.0.2",
            "a question to 10.0.0.2 that cannot be read",
        ] {
            assert_eq!(category(other, true), Some(Category::DnsName), "{other}");
        }
    }
}
