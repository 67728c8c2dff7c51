//! DNS messages (RFC 1035) as a container exchanged them, and names in comparable form.
//!
//! The bytes are the container's or its name server's, either of whom may be an attacker, and may be cut: what is
//! whole before the first fault counts.

mod labels;
mod resolutions;
#[cfg(test)]
mod tests;

use std::fmt::{self, Write as _};
use std::net::IpAddr;

use domain::base::name::{ParsedName, ToLabelIter as _};
use domain::base::{Message as Wire, Rtype};
use domain::rdata::{A, Aaaa};
use serde::{Deserialize, Serialize};

pub use labels::{generalise, is_reverse};
pub use resolutions::Resolutions;

/// How a server says that a name does not exist.
pub const NO_SUCH_NAME: &str = "NXDOMAIN";

/// Most addresses taken from one answer.
const MAX_ADDRESSES: usize = 64;

/// What a DNS message says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// An answer, not a question.
    pub is_answer: bool,
    /// What was asked; in an answer, repeated by the server.
    pub question: Question,
    /// How the server fared, `NOERROR`, `NXDOMAIN`, …; in a question without meaning.
    pub outcome: String,
    /// The addresses in the answer section, in its order, at most 64.
    pub addresses: Vec<Address>,
}

/// What was asked.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Question {
    /// The name in lower case without the last dot, `.` for the root. Bytes that host names do not have are written
    /// as RFC 1035 does: `\042`.
    pub name: String,
    /// Type of the records asked for: 1 is A, 28 AAAA.
    pub kind: u16,
}

/// An address in an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Address {
    /// The address; one that is IPv4 within IPv6 as IPv4.
    pub ip: IpAddr,
    /// How long it may be remembered, seconds.
    pub ttl_s: u32,
}

impl fmt::Display for Question {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", Rtype::from_int(self.kind), self.name)
    }
}

/// Reads a message; `None` when not even its first question can be read.
#[must_use]
pub fn parse(message: &[u8]) -> Option<Message> {
    let wire = Wire::from_octets(message).ok()?;
    let question = wire.question().next()?.ok()?;
    let addresses = wire.answer().into_iter().flatten();
    Some(Message {
        is_answer: wire.header().qr(),
        question: Question {
            name: text(question.qname()),
            kind: question.qtype().to_int(),
        },
        outcome: wire.header().rcode().to_string(),
        addresses: addresses
            .map_while(Result::ok)
            .filter_map(|record| {
                let ttl_s = record.ttl().as_secs();
                let v4 = record.to_record::<A>().ok().flatten();
                let ip = match v4 {
                    Some(record) => IpAddr::V4(record.data().addr()),
                    None => IpAddr::V6(record.to_record::<Aaaa>().ok().flatten()?.data().addr()),
                };
                Some(Address {
                    ip: ip.to_canonical(),
                    ttl_s,
                })
            })
            .take(MAX_ADDRESSES)
            .collect(),
    })
}

fn text(name: &ParsedName<&[u8]>) -> String {
    if name.is_root() {
        return ".".to_owned();
    }
    let mut text = String::with_capacity(name.compose_len().into());
    for label in name.iter().filter(|label| !label.is_root()) {
        if !text.is_empty() {
            text.push('.');
        }
        push_label(&mut text, label.as_slice());
    }
    text
}

/// Adds a label of a name in lower case. Whatever is no letter, digit, hyphen or underscore is escaped: no dot, blank
/// or star of an attacker's making passes for one of ours.
fn push_label(text: &mut String, label: &[u8]) {
    for byte in label {
        match byte {
            b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' => text.push(char::from(*byte)),
            b'A'..=b'Z' => text.push(char::from(byte.to_ascii_lowercase())),
            other => {
                let _ = write!(text, "\\{other:03}");
            }
        }
    }
}

/// A name that came as text and not as labels, as TLS has it, in the same form; `None` for one that DNS cannot have.
#[must_use]
pub fn name_from_text(name: &[u8]) -> Option<String> {
    let name = name.strip_suffix(b".").unwrap_or(name);
    let mut text = String::with_capacity(name.len());
    if name.len() > 253 {
        return None;
    }
    for label in name.split(|byte| *byte == b'.') {
        if label.is_empty() || label.len() > 63 {
            return None;
        }
        if !text.is_empty() {
            text.push('.');
        }
        push_label(&mut text, label);
    }
    Some(text)
}
