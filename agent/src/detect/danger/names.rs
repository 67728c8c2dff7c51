//! What a question to DNS says by its form.

use crate::observe::fact::Sighting;

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

#[cfg(test)]
mod tests {
    use crate::detect::danger::{Category, categorise};
    use crate::detect::detector::testing::sight;
    use crate::observe::fact::Family;

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
