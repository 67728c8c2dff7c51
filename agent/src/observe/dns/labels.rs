//! Names in comparable form: what machines make up anew each time becomes `*`.
//!
//! Only labels that look machine-made fold, and never those that somebody had to register: whoever hides data or an
//! address in labels of his own choice still shows under which domain.

use crate::observe::path;

/// Names by address; one fact for each says more about the addresses than about the workload.
const REVERSE_ZONES: [&str; 2] = ["in-addr.arpa", "ip6.arpa"];

/// Does this, generalised, ask for the name of an address?
#[must_use]
pub fn is_reverse(value: &str) -> bool {
    let zone = value.strip_prefix("*.");
    zone.is_some_and(|zone| REVERSE_ZONES.contains(&zone))
}

/// The name with its machine-made labels replaced by `*`; several in a row are one.
#[must_use]
pub fn generalise(name: &str) -> String {
    for zone in REVERSE_ZONES {
        if name
            .strip_suffix(zone)
            .is_some_and(|rest| rest.ends_with('.'))
        {
            return format!("*.{zone}");
        }
    }
    let labels: Vec<&str> = name.split('.').collect();
    let foldable = labels.len() - registered(&labels);
    let mut out = String::with_capacity(name.len());
    for (position, label) in labels.iter().enumerate() {
        let label = if position < foldable {
            let folded = fold(label);
            match position {
                0 => member_of_pool(&folded).unwrap_or(folded),
                _ => folded,
            }
        } else {
            (*label).to_owned()
        };
        if label == "*" && (out == "*" || out.ends_with(".*")) {
            continue;
        }
        if position > 0 {
            out.push('.');
        }
        out.push_str(&label);
    }
    out
}

/// A numbered host of several, `media12`, `redis-0`, without its number. Only a host's own label is a number of a pool;
/// further right stand regions and shards, which somebody chose.
fn member_of_pool(label: &str) -> Option<String> {
    let stem = label.trim_end_matches(|c: char| c.is_ascii_digit());
    let digits = label.len() - stem.len();
    let letters = stem.bytes().filter(u8::is_ascii_lowercase).count();
    ((1..=4).contains(&digits) && letters >= 3 && !stem.ends_with('*')).then(|| format!("{stem}*"))
}

/// How many of the last labels look as if they had to be registered: `example.com`, `example.co.uk`. A name of one
/// label is some machine's in the same network.
fn registered(labels: &[&str]) -> usize {
    match labels {
        [] | [_] => 0,
        [_, _] => 2,
        [.., second, country] if country.len() == 2 && second.len() <= 3 => 3,
        _ => 2,
    }
}

/// The label with its machine-made parts replaced. Replacing one can lay open another; each round leaves fewer
/// characters that are no star, so this ends.
fn fold(label: &str) -> String {
    let mut current = label.to_owned();
    loop {
        let next = fold_once(&current);
        if next == current {
            return current;
        }
        current = next;
    }
}

fn fold_once(label: &str) -> String {
    let mut out = String::with_capacity(label.len());
    let mut after_random = false;
    for (position, piece) in label.split('-').enumerate() {
        let random = is_random(piece) || (after_random && is_generated_suffix(piece));
        after_random = random;
        if random && (out == "*" || out.ends_with("-*")) {
            continue;
        }
        if position > 0 {
            out.push('-');
        }
        out.push_str(if random { "*" } else { piece });
    }
    let out = path::generalise_name(&out);
    // What stands beside a random part is mostly random too: the pieces of one identifier, or of data.
    if out.bytes().all(|byte| matches!(byte, b'*' | b'-')) && out.contains('*') {
        return "*".to_owned();
    }
    out
}

/// Has nobody thought of this word? Data in labels is base32 or hexadecimal, identifiers mix letters and digits.
fn is_random(word: &str) -> bool {
    let letters = word.bytes().filter(u8::is_ascii_lowercase).count();
    let digits = word.bytes().filter(u8::is_ascii_digit).count();
    let changes = word
        .as_bytes()
        .windows(2)
        .filter(|pair| matches!(pair, [a, b] if a.is_ascii_digit() != b.is_ascii_digit()))
        .count();
    match word.len() {
        // Escapes: bytes that no host name has.
        _ if word.contains('\\') => true,
        28.. => true,
        16.. if digits == 0 => consonants_in_a_row(word) >= 5,
        16.. => letters > 0 && changes >= 2,
        8.. => letters > 0 && digits >= 2 && changes >= 3,
        _ => false,
    }
}

fn consonants_in_a_row(word: &str) -> usize {
    word.split(|c: char| "aeiouy_".contains(c))
        .map(str::len)
        .max()
        .unwrap_or(0)
}

/// Could Kubernetes have added this to a name? Five characters without vowels and the digits that look like them
/// (`k8s.io/apimachinery/pkg/util/rand`).
fn is_generated_suffix(word: &str) -> bool {
    word.len() == 5
        && word
            .bytes()
            .all(|byte| b"bcdfghjklmnpqrstvwxz2456789".contains(&byte))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn words_stay_and_machine_made_labels_fold() {
        for (name, expected) in [
            ("registry.example", "registry.example"),
            ("api.eu-west-1.cloud.example", "api.eu-west-1.cloud.example"),
            ("s3.us-east-1.amazonaws.com", "s3.us-east-1.amazonaws.com"),
            (
                "model-7d9f8b6c5d-kqwrt.default.svc.cluster.local",
                "model-*.default.svc.cluster.local",
            ),
            ("ip-10-0-3-7.ec2.internal", "ip-*.ec2.internal"),
            (
                "registry.example.default.svc.cluster.local",
                "registry.example.default.svc.cluster.local",
            ),
            ("7.3.0.10.in-addr.arpa", "*.in-addr.arpa"),
            ("1.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa", "*.ip6.arpa"),
            ("in-addr.arpa", "in-addr.arpa"),
            ("3f2a9b8c7d6e", "*"),
            ("triton", "triton"),
            (".", "."),
            ("_dns._udp.example.com", "_dns._udp.example.com"),
            ("huggingface.co", "huggingface.co"),
            ("cdn-lfs-us-1.hf.co", "cdn-lfs-us-1.hf.co"),
            ("media12.images.example", "media*.images.example"),
            (
                "redis-0.redis.default.svc.cluster.local",
                "redis-*.redis.default.svc.cluster.local",
            ),
            ("media12.example", "media12.example"),
            ("us.shard12.images.example", "us.shard12.images.example"),
            (
                "authentication-gateway.internal.example",
                "authentication-gateway.internal.example",
            ),
        ] {
            assert_eq!(generalise(name), expected);
        }
    }

    #[test]
    fn data_in_labels_folds_to_its_domain() {
        for name in [
            "mfrggzdfmztwq2lknnwg23tpobyxe43ufvzwc3tun5zge4dt.evil.example",
            "4d6f64656c2077656967687473.00c3.evil.example",
            "nbswy3dpeb3w64tmmqqho2lunb2wg33.a2lpnb2wg33s.evil.example",
            "\\001\\002\\255.evil.example",
        ] {
            let folded = generalise(name);
            assert!(
                folded.starts_with('*') && folded.ends_with(".evil.example"),
                "{folded}"
            );
            assert!(folded.len() < 24, "{folded}");
        }
    }

    #[test]
    fn a_registered_domain_never_folds() {
        for name in [
            "3f2a9b8c7d6e.com",
            "a.3f2a9b8c7d6e.com",
            "3f2a9b8c7d6e.co.uk",
        ] {
            assert_eq!(generalise(name), name);
        }
        assert_eq!(
            generalise("a3f2a9b8c7d6e.3f2a9b8c7d6e.com"),
            "*.3f2a9b8c7d6e.com"
        );
    }

    proptest! {
        #[test]
        fn a_folded_name_is_its_own_form(name in "[a-z0-9_.\\\\-]{0,120}") {
            let once = generalise(&name);
            prop_assert_eq!(generalise(&once), once);
        }

        #[test]
        fn folding_never_lengthens_and_never_panics(name in ".{0,300}") {
            prop_assert!(generalise(&name).len() <= name.len().max("*.in-addr.arpa".len()));
        }

        #[test]
        fn hexadecimal_data_of_any_length_is_one_fact(data in "[0-9a-f]{28,63}") {
            prop_assert_eq!(generalise(&format!("{data}.evil.example")), "*.evil.example");
        }
    }
}
