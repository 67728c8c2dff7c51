//! The operator's list of what is always normal.

use std::net::IpAddr;

use crate::observe::endpoint::NAMED;
use crate::observe::fact::{Family, Sighting};

/// Patterns over facts. A match ends judgement and learning of that fact.
///
/// An entry is either a network, `10.0.0.0/8:443`, `fd00::/8` (any port), with an optional protocol before it, or a
/// glob over a path, an endpoint (`tcp registry.example:443`, `10.0.0.7:443`), an executable (`/usr/bin/git`, or with its
/// parent as in findings: `/usr/bin/git <- /usr/bin/python3`), a listener or a system call. In globs `?` stands for
/// one character, `*` for any within a path component, `**` for any.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Allow {
    entries: Vec<Entry>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Entry {
    Network(Network),
    Glob(Vec<Token>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Network {
    protocol: Option<String>,
    address: IpAddr,
    bits: u8,
    port: Option<u16>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Token {
    Char(char),
    One,
    Component,
    All,
}

/// An entry of the list that cannot mean anything.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("allow: entry {entry:?}: {cause}")]
pub struct BadEntry {
    entry: String,
    cause: &'static str,
}

impl Allow {
    /// The list as configured.
    ///
    /// # Errors
    /// Names the first entry that is empty or a network with an impossible prefix length or port.
    pub fn parse<S: AsRef<str>>(list: impl IntoIterator<Item = S>) -> Result<Self, BadEntry> {
        let entry = |text: S| {
            let text = text.as_ref().trim();
            parse_entry(text).map_err(|cause| BadEntry {
                entry: text.to_owned(),
                cause,
            })
        };
        let entries = list.into_iter().map(entry).collect::<Result<_, _>>()?;
        Ok(Self { entries })
    }

    /// Whether the operator declared this normal.
    #[must_use]
    pub fn covers(&self, sighting: &Sighting) -> bool {
        self.entries.iter().any(|entry| match entry {
            Entry::Network(network) => network.covers(sighting),
            Entry::Glob(glob) => spellings(sighting)
                .into_iter()
                .any(|text| matches(glob, text)),
        })
    }
}

fn parse_entry(text: &str) -> Result<Entry, &'static str> {
    if text.is_empty() {
        return Err("it is empty; remove it");
    }
    if let Some(network) = parse_network(text)? {
        return Ok(Entry::Network(network));
    }
    let mut tokens = Vec::new();
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        tokens.push(match c {
            '*' if chars.next_if_eq(&'*').is_some() => Token::All,
            '*' => Token::Component,
            '?' => Token::One,
            c => Token::Char(c),
        });
    }
    Ok(Entry::Glob(tokens))
}

/// `None` when the text is no network but a glob.
fn parse_network(text: &str) -> Result<Option<Network>, &'static str> {
    let (protocol, rest) = match text.split_once(' ') {
        Some((protocol, rest)) => (Some(protocol.to_owned()), rest),
        None => (None, text),
    };
    let Some((address, rest)) = rest.split_once('/') else {
        return Ok(None);
    };
    let address = address.trim_start_matches('[').trim_end_matches(']');
    let Ok(address) = address.parse::<IpAddr>() else {
        return Ok(None);
    };
    let (bits, port) = match rest.split_once(':') {
        Some((bits, "*")) => (bits, None),
        Some((bits, port)) => {
            let port = port
                .parse()
                .map_err(|_| "the port must be 0 to 65535 or *")?;
            (bits, Some(port))
        }
        None => (rest, None),
    };
    let most = if address.is_ipv4() { 32 } else { 128 };
    match bits.trim_end_matches(']').parse() {
        Ok(bits) if bits <= most => Ok(Some(Network {
            protocol,
            address,
            bits,
            port,
        })),
        _ => Err("the prefix length must be 0 to 32, or to 128 for IPv6"),
    }
}

impl Network {
    /// By the address, which the raw form has also where a name explains it.
    fn covers(&self, sighting: &Sighting) -> bool {
        if sighting.fact.family != Family::Endpoint {
            return false;
        }
        let Some((protocol, peer)) = sighting.raw.split_once(' ') else {
            return false;
        };
        let peer = peer.split(' ').next().unwrap_or(peer);
        let Some((address, port)) = peer.rsplit_once(':') else {
            return false;
        };
        let address = address.trim_start_matches('[').trim_end_matches(']');
        self.protocol.as_deref().is_none_or(|p| p == protocol)
            && self.port.is_none_or(|p| port.parse() == Ok(p))
            && address.parse().is_ok_and(|a| self.contains(a))
    }

    fn contains(&self, address: IpAddr) -> bool {
        let left = |address: IpAddr| match address {
            IpAddr::V4(v4) => u128::from(v4.to_bits()) << 96,
            IpAddr::V6(v6) => v6.to_bits(),
        };
        let differing = left(self.address) ^ left(address);
        self.address.is_ipv4() == address.is_ipv4()
            && differing.leading_zeros() >= u32::from(self.bits)
    }
}

/// The texts an operator may have written for a fact. The raw form counts only where the kernel vouches for it: a
/// command line is the caller's own words.
fn spellings(sighting: &Sighting) -> Vec<&str> {
    let value = sighting.fact.value.as_str();
    let mut texts = vec![value];
    match sighting.fact.family {
        Family::Executable | Family::Device | Family::Exit => {
            let exe = value.split(" <- ").next().unwrap_or(value);
            texts.push(exe);
            texts.extend(exe.split(' ').next());
        }
        Family::FileRead | Family::FileWrite | Family::CodeMap => texts.push(&sighting.raw),
        Family::FileChange | Family::FileAttempt | Family::UnixSocket | Family::Outcome => {
            texts.extend(value.split(' ').nth(1));
        }
        Family::DnsName | Family::TlsName | Family::Sequence => {}
        Family::Contact => texts.extend(value.split(" <- ")),
        Family::Endpoint | Family::Listener => {
            let address = sighting.raw.split(NAMED).next().unwrap_or_default();
            for text in [value, address] {
                texts.push(text);
                texts.extend(text.split_once(' ').map(|(_, address)| address));
            }
        }
        Family::Syscall | Family::Privileged | Family::Socket | Family::IoUring => {
            texts.extend(value.split(' ').next());
        }
    }
    texts
}

/// Whether the whole text matches. `reach` holds, for the text so far, which prefixes of the pattern match it.
fn matches(glob: &[Token], text: &str) -> bool {
    let star = |token: &Token| matches!(token, Token::Component | Token::All);
    let skip_stars = |reach: &mut Vec<bool>| {
        for (i, token) in glob.iter().enumerate() {
            if star(token) && reach.get(i) == Some(&true) {
                set(reach, i + 1);
            }
        }
    };
    let mut reach = vec![false; glob.len() + 1];
    set(&mut reach, 0);
    skip_stars(&mut reach);
    for c in text.chars() {
        let mut next = vec![false; glob.len() + 1];
        for (i, token) in glob.iter().enumerate() {
            if reach.get(i) != Some(&true) {
                continue;
            }
            match token {
                Token::Char(wanted) if *wanted == c => set(&mut next, i + 1),
                Token::One => set(&mut next, i + 1),
                Token::Component if c != '/' => set(&mut next, i),
                Token::All => set(&mut next, i),
                Token::Char(_) | Token::Component => {}
            }
        }
        skip_stars(&mut next);
        reach = next;
    }
    reach.last() == Some(&true)
}

fn set(reach: &mut [bool], i: usize) {
    if let Some(flag) = reach.get_mut(i) {
        *flag = true;
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use proptest::prelude::*;

    use super::*;
    use crate::detect::detector::testing::sight;

    fn covers(entry: &str, family: Family, value: &str) -> bool {
        Allow::parse([entry])
            .unwrap()
            .covers(&sight(family, value).0)
    }

    #[test]
    fn entries_cover_what_they_say() {
        use Family::{Endpoint, Executable, FileWrite, Listener};
        for (entry, family, value, want) in [
            ("10.0.0.0/8:443", Endpoint, "tcp 10.1.2.3:443", true),
            ("10.0.0.0/8:443", Endpoint, "tcp 10.1.2.3:80", false),
            ("10.0.0.0/8:443", Endpoint, "tcp 11.1.2.3:443", false),
            ("10.0.0.0/8", Endpoint, "udp 10.1.2.3:53", true),
            ("tcp 10.0.0.0/8:*", Endpoint, "udp 10.1.2.3:53", false),
            ("0.0.0.0/0:53", Endpoint, "udp 8.8.8.8:53", true),
            ("fd00::/8:443", Endpoint, "tcp [fd12::1]:443", true),
            ("fd00::/8", Endpoint, "tcp [fe12::1]:443", false),
            ("10.0.0.0/8", Endpoint, "tcp [::a00:1]:443", false),
            ("10.0.0.7:443", Endpoint, "tcp 10.0.0.7:443", true),
            ("tcp 10.0.0.*:443", Endpoint, "tcp 10.0.0.7:443", true),
            (
                "registry.local:5000",
                Endpoint,
                "tcp registry.local:5000",
                true,
            ),
            ("*:8001", Listener, "tcp *:8001", true),
            ("/data/*", FileWrite, "/data/x", true),
            ("/data/*", FileWrite, "/data/x/y", false),
            ("/data/**", FileWrite, "/data/x/y", true),
            ("/data/?", FileWrite, "/data/xy", false),
            (
                "/usr/bin/git",
                Executable,
                "/usr/bin/git <- /usr/bin/python3",
                true,
            ),
            (
                "/usr/bin/dash",
                Executable,
                "/usr/bin/dash -c <- /usr/bin/python3",
                true,
            ),
            (
                "** <- /usr/bin/python3",
                Executable,
                "/usr/bin/git <- /usr/bin/python3",
                true,
            ),
            ("/usr/bin/git", Executable, "/tmp/x <- /usr/bin/git", false),
        ] {
            assert_eq!(covers(entry, family, value), want, "{entry} over {value}");
        }
    }

    #[test]
    fn a_named_peer_is_covered_by_its_name_and_by_its_address() {
        let mut sight = sight(Family::Endpoint, "tcp *.cdn.example:443").0;
        sight.raw = "tcp 10.1.2.3:443 as 3f2a9b8c7d6e.cdn.example".into();
        for (entry, want) in [
            ("10.0.0.0/8:443", true),
            ("10.0.0.0/8:80", false),
            ("udp 10.0.0.0/8", false),
            ("11.0.0.0/8", false),
            ("10.1.2.3:443", true),
            ("tcp 10.1.2.*:443", true),
            ("*.cdn.example:443", true),
            ("*.cdn.example", false),
        ] {
            assert_eq!(
                Allow::parse([entry]).unwrap().covers(&sight),
                want,
                "{entry}"
            );
        }
    }

    #[test]
    fn a_command_line_cannot_talk_itself_onto_the_list() {
        let mut sight = sight(Family::Executable, "/tmp/x <- /usr/bin/python3").0;
        sight.raw = "/usr/bin/git".into();
        assert!(!Allow::parse(["/usr/bin/git"]).unwrap().covers(&sight));
    }

    #[test]
    fn impossible_entries_are_named() {
        for (entry, part) in [
            ("", "empty"),
            ("10.0.0.0/33", "prefix length"),
            ("10.0.0.0/8:70000", "port"),
        ] {
            let error = Allow::parse([entry]).unwrap_err().to_string();
            assert!(
                error.contains(part) && error.starts_with("allow: "),
                "{error}"
            );
        }
    }

    proptest! {
        #[test]
        fn any_text_matches_itself_and_the_glob_for_all(text in "[^*?]{1,40}") {
            let tokens: Vec<_> = text.chars().map(Token::Char).collect();
            prop_assert!(matches(&tokens, &text));
            prop_assert!(matches(&[Token::All], &text));
            let longer = format!("{text}x");
            prop_assert!(!matches(&tokens, &longer));
        }

        #[test]
        fn arbitrary_entries_never_panic(entry in ".{0,40}", value in ".{0,40}") {
            if let Ok(allow) = Allow::parse([&entry]) {
                for family in Family::ALL {
                    let _ = allow.covers(&sight(family, &value).0);
                }
            }
        }
    }
}
