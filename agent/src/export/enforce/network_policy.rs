//! A Kubernetes NetworkPolicy (networking.k8s.io/v1) that allows the peers and ports that a baseline holds.
//!
//! A NetworkPolicy knows addresses and labels, no names: a peer known by its name becomes a rule for its port, with the
//! name as a comment for whoever can narrow it. Names of cluster services become rules for their namespace.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr};

use super::{exposure, warning};
use crate::baseline::model::Baseline;
use crate::observe::fact::Family;

/// Port of DNS.
const DNS: u16 = 53;

/// A label of the pods that the policy is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selector {
    key: String,
    value: String,
}

impl Selector {
    /// From `KEY=VALUE`.
    ///
    /// # Errors
    /// When it is no label.
    pub fn parse(text: &str) -> Result<Self, String> {
        let fits = |part: &str, more: &str| {
            part.len() <= 253
                && part
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c) || more.contains(c))
        };
        match text.split_once('=') {
            Some((key, value)) if !key.is_empty() && fits(key, "/") && fits(value, "") => {
                Ok(Self {
                    key: key.to_owned(),
                    value: value.to_owned(),
                })
            }
            _ => Err("a label is written as KEY=VALUE".to_owned()),
        }
    }
}

/// Whom the container contacted.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Peer {
    Address(IpAddr),
    Name(String),
}

type Port = (&'static str, u16);

/// The policy of a baseline, for the pods with these labels; without any, for those labelled `app=<workload>`.
#[must_use]
pub fn policy(baseline: &Baseline, selectors: &[Selector]) -> String {
    let known = Known::of(baseline);
    let key = &baseline.key;
    let mut text = String::new();
    let mut line = |indent: usize, content: &str| {
        let _ = writeln!(text, "{:indent$}{content}", "");
    };
    line(
        0,
        &format!("# What Picket has seen: {}.", comment(&exposure(baseline))),
    );
    let warning = warning(baseline);
    if let Some(warning) = &warning {
        line(0, &format!("# Warning: {}.", comment(warning)));
    }
    line(0, "apiVersion: networking.k8s.io/v1");
    line(0, "kind: NetworkPolicy");
    line(0, "metadata:");
    line(2, &format!("name: {}", quoted(&object_name(&key.workload))));
    line(2, &format!("namespace: {}", quoted(&key.namespace)));
    line(2, "annotations:");
    for (name, value) in [
        ("picket-baseline", baseline.id()),
        ("picket-version", baseline.version().to_string()),
        ("picket-image", key.image_digest.clone()),
        ("picket-exposure", exposure(baseline)),
        (
            "picket-warning",
            warning.unwrap_or_else(|| "none".to_owned()),
        ),
    ] {
        line(4, &format!("{name}: {}", quoted(&value)));
    }
    line(0, "spec:");
    line(2, "podSelector:");
    line(4, "matchLabels:");
    if selectors.is_empty() {
        line(
            4,
            "  # A guess: replace it by the labels of this workload's pods.",
        );
        line(6, &format!("app: {}", quoted(&key.workload)));
    }
    for Selector { key, value } in selectors {
        line(6, &format!("{}: {}", quoted(key), quoted(value)));
    }
    line(2, "policyTypes: [Ingress, Egress]");
    if known.listening.is_empty() {
        line(2, "ingress: []");
    } else {
        line(2, "ingress:");
        line(4, "- ports:");
        for (protocol, port) in &known.listening {
            line(8, &format!("- {{protocol: {protocol}, port: {port}}}"));
        }
    }
    if known.peers.is_empty() && !known.asks_dns {
        line(2, "egress: []");
    } else {
        line(2, "egress:");
    }
    if known.asks_dns {
        line(4, "# Names are asked of the cluster's DNS.");
        line(4, "- to:");
        line(
            8,
            "- namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: kube-system}}",
        );
        line(8, "  podSelector: {matchLabels: {k8s-app: kube-dns}}");
        line(6, "ports:");
        for protocol in ["UDP", "TCP"] {
            line(8, &format!("- {{protocol: {protocol}, port: {DNS}}}"));
        }
    }
    for (peer, (protocol, port)) in &known.peers {
        match peer {
            Peer::Address(address) => {
                let length = if address.is_ipv4() { 32 } else { 128 };
                line(4, "- to:");
                line(8, &format!("- ipBlock: {{cidr: \"{address}/{length}\"}}"));
            }
            Peer::Name(name) => {
                line(4, &format!("# {}", comment(name)));
                match service_namespace(name) {
                    Some(namespace) => {
                        line(4, "- to:");
                        let label = format!("kubernetes.io/metadata.name: {}", quoted(namespace));
                        line(
                            8,
                            &format!("- namespaceSelector: {{matchLabels: {{{label}}}}}"),
                        );
                    }
                    None => {
                        line(
                            4,
                            "# Its addresses are not known here: any but those of cloud metadata.",
                        );
                        line(4, "- to:");
                        line(8, "- ipBlock: {cidr: 0.0.0.0/0, except: [169.254.0.0/16]}");
                        line(
                            8,
                            "- ipBlock: {cidr: \"::/0\", except: [\"fe80::/10\", \"fd00:ec2::/32\"]}",
                        );
                    }
                }
            }
        }
        line(
            6,
            &format!("ports: [{{protocol: {protocol}, port: {port}}}]"),
        );
    }
    for other in &known.inexpressible {
        line(0, &format!("# Not expressible here: {}", comment(other)));
    }
    text
}

/// What a baseline says about the network.
#[derive(Debug, Default)]
struct Known {
    listening: BTreeSet<Port>,
    peers: BTreeSet<(Peer, Port)>,
    asks_dns: bool,
    inexpressible: BTreeSet<String>,
}

impl Known {
    fn of(baseline: &Baseline) -> Self {
        let mut known = Self::default();
        let facts = baseline.families().flat_map(|(_, it)| it.facts.iter());
        for (fact, _) in facts {
            match fact.family {
                Family::Listener => known.listener(&fact.value),
                Family::Endpoint => known.endpoint(&fact.value),
                Family::DnsName => known.asks_dns = true,
                _ => {}
            }
        }
        known
    }

    /// `tcp *:8000`. What listens on loopback cannot be reached, and a bound TCP port is none that listens.
    fn listener(&mut self, value: &str) {
        let outer = value.strip_prefix("bind ").is_none();
        let Some((protocol, place)) = value.split_once(" *:").filter(|_| outer) else {
            return;
        };
        match (protocol_of(protocol), place.parse()) {
            (Some(protocol), Ok(port)) => {
                self.listening.insert((protocol, port));
            }
            _ => {
                self.inexpressible.insert(value.to_owned());
            }
        }
    }

    /// `tcp 10.0.0.7:443`, `tcp registry.example:443`, `tcp loopback:*`.
    fn endpoint(&mut self, value: &str) {
        let Some((protocol, place)) = value.split_once(' ') else {
            return;
        };
        if place.starts_with("loopback:") {
            return;
        }
        let parsed = match place.parse::<SocketAddr>() {
            Ok(address) => Some((Peer::Address(address.ip()), address.port())),
            Err(_) => place.rsplit_once(':').and_then(|(name, port)| {
                Some((Peer::Name(name.to_owned()), port.parse::<u16>().ok()?))
            }),
        };
        match (protocol_of(protocol), parsed) {
            (Some(_), Some((_, DNS))) => self.asks_dns = true,
            (Some(protocol), Some((peer, port))) => {
                self.peers.insert((peer, (protocol, port)));
            }
            _ => {
                self.inexpressible.insert(value.to_owned());
            }
        }
    }
}

fn protocol_of(word: &str) -> Option<&'static str> {
    match word {
        "tcp" => Some("TCP"),
        "udp" => Some("UDP"),
        _ => None,
    }
}

/// The namespace in `<service>.<namespace>.svc` or `<service>.<namespace>.svc.cluster.local`.
fn service_namespace(name: &str) -> Option<&str> {
    let name = name.strip_suffix(".cluster.local").unwrap_or(name);
    let (_, namespace) = name.strip_suffix(".svc")?.rsplit_once('.')?;
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
    (!namespace.is_empty() && namespace.chars().all(plain)).then_some(namespace)
}

/// A name that the API server takes: lower-case letters, digits, hyphens.
fn object_name(workload: &str) -> String {
    let plain: String = workload
        .to_ascii_lowercase()
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
        .take(200)
        .collect();
    format!("picket-{}", plain.trim_matches('-'))
}

/// A YAML scalar: JSON strings are YAML strings.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// What a workload has chosen must not end the comment.
fn comment(text: &str) -> String {
    crate::export::text::printable(text)
}

#[cfg(test)]
mod tests;
