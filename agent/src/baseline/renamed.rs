//! Facts about hosts that an older agent wrote in a form of its own: taken over in the form of this one, so that an upgrade
//! makes no old habit news.

use std::net::{IpAddr, SocketAddr};

use super::facts::{FactSet, cap};
use super::model::Baseline;
use super::support::host_hash;
use crate::observe::dns;
use crate::observe::fact::{Fact, Family};

impl Baseline {
    /// Writes every fact about a host as this version does.
    pub(super) fn take_over_hosts(&mut self) {
        for phase in self.phases.values_mut() {
            for family in phase.families.values_mut() {
                family.facts.take_over_hosts();
                family.pending.take_over_hosts();
                family.inherited.take_over_hosts();
            }
        }
    }
}

impl FactSet {
    fn take_over_hosts(&mut self) {
        let renamed: Vec<_> = self
            .iter()
            .filter_map(|(fact, _)| Some((fact.clone(), current(fact)?)))
            .collect();
        for (old, (new, name)) in renamed {
            if let Some(seen) = self.remove(&old) {
                self.put(&new, seen, cap(new.family));
                if let Some(name) = name {
                    self.set_name(&new, name);
                }
            }
        }
    }
}

/// A fact about a host as it is written now, with the name behind its wildcard; `None` where that is how it is written.
fn current(fact: &Fact) -> Option<(Fact, Option<u64>)> {
    let (before, host, after) = match fact.family {
        Family::DnsName => ("", fact.value.as_str(), ""),
        Family::TlsName => split_port("", &fact.value)?,
        Family::Endpoint => {
            let (protocol, peer) = fact.value.split_once(' ')?;
            let is_address = peer.parse::<SocketAddr>().is_ok() || peer.starts_with("loopback:");
            let before = fact.value.get(..=protocol.len())?;
            split_port(before, peer).filter(|_| !is_address)?
        }
        _ => return None,
    };
    if host.parse::<IpAddr>().is_ok() {
        return None;
    }
    let generalised = dns::generalise(host);
    if generalised == host {
        return None;
    }
    // What stood behind a wildcard that is only now wider is not known.
    let name = (!host.contains('*'))
        .then(|| host_hash(fact.family, host, after))
        .flatten();
    let value = format!("{before}{generalised}{after}");
    let fact = Fact {
        value,
        ..fact.clone()
    };
    Some((fact, name))
}

/// What stands before a host, the host, and its port with the colon.
fn split_port<'a>(before: &'a str, peer: &'a str) -> Option<(&'a str, &'a str, &'a str)> {
    let colon = peer.rfind(':')?;
    let (host, port) = peer.split_at(colon);
    Some((before, host, port))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;
    use crate::baseline::key::Key;
    use crate::baseline::knowledge::Knowledge;
    use crate::observe::fact::{Origin, Phase, Sighting};

    fn fact(family: Family, value: &str) -> Fact {
        Fact {
            family,
            origin: Origin::Server,
            value: value.to_owned(),
        }
    }

    #[test]
    fn hosts_are_written_as_now_and_addresses_stay() {
        for (family, old, new) in [
            (
                Family::DnsName,
                "media7.images.example",
                Some("media*.images.example"),
            ),
            (Family::DnsName, "registry.example", None),
            (Family::DnsName, "*.images.example", None),
            (
                Family::TlsName,
                "cdn12.images.example:443",
                Some("cdn*.images.example:443"),
            ),
            (
                Family::Endpoint,
                "tcp media7.images.example:80",
                Some("tcp media*.images.example:80"),
            ),
            (Family::Endpoint, "tcp 10.0.0.7:80", None),
            (Family::Endpoint, "tcp [fd00::7]:80", None),
            (Family::Endpoint, "tcp loopback:*", None),
            (Family::FileRead, "/srv/media7.images.example", None),
        ] {
            let now = current(&fact(family, old)).map(|(fact, _)| fact.value);
            assert_eq!(now.as_deref(), new, "{old}");
        }
    }

    #[test]
    fn what_was_known_is_known_after_an_upgrade() {
        let key = Key {
            namespace: "docker".into(),
            workload: "w".into(),
            container: "c".into(),
            image_digest: "sha256:0".into(),
        };
        let mut baseline = Baseline::new(key, 0);
        for host in ["media1", "media2"] {
            let old = fact(Family::Endpoint, &format!("tcp {host}.images.example:80"));
            baseline.learn(Phase::Serve, &old, "r", 1);
        }
        let family = |baseline: &Baseline| {
            baseline
                .family(Phase::Serve, Family::Endpoint)
                .unwrap()
                .facts
                .len()
        };
        assert_eq!(family(&baseline), 2);
        baseline.take_over_hosts();
        assert_eq!(family(&baseline), 1);
        let seen = Sighting {
            raw: "tcp 10.0.0.9:80 as media9.images.example".to_owned(),
            ..Sighting::plain(
                Phase::Serve,
                &fact(Family::Endpoint, "tcp media*.images.example:80"),
            )
        };
        assert_eq!(baseline.knows(&seen), Knowledge::Here);
        let once = baseline.clone();
        baseline.take_over_hosts();
        assert_eq!(baseline, once);
    }
}
