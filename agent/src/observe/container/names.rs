//! Names a container asks for: in DNS, in TLS.

use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr};

use super::Observer;
use crate::observe::dns::{self, Message};
use crate::observe::event::{Event, Moment};
use crate::observe::fact::{Family, Marks, Origin, Phase, Sighting};
use crate::observe::tls;

/// Most questions held until their answers are there.
pub(super) const MAX_WAITING: usize = 64;
/// How long a question is held.
const PATIENCE_NS: u64 = 1_000_000_000;
/// Addresses of an answer shown.
const SHOWN: usize = 8;

impl Observer {
    /// A question is held until its answer is there, so that one sighting tells both.
    pub(super) fn dns(
        &mut self,
        event: &Event,
        server: SocketAddr,
        outbound: bool,
        message: &[u8],
    ) -> Option<Sighting> {
        let message = dns::parse(message);
        if !outbound {
            let message = message.filter(|message| message.is_answer)?;
            self.resolutions.answered(&message, server.ip(), event.at);
            let mut sighting = self.questions.remove(&message.question)?;
            sighting.raw.push_str(&outcome(&message, server.ip()));
            sighting.marks.unanswered = message.outcome == dns::NO_SUCH_NAME;
            return Some(sighting);
        }
        let origin = self.acting(event)?;
        let Some(Message { question, .. }) = message else {
            let raw = format!("a question to {server} that cannot be read");
            return Some(self.dns_sighting(event, origin, "unreadable".to_owned(), raw));
        };
        self.asked.note(&question.name);
        let value = dns::generalise(&question.name);
        let sighting = self.dns_sighting(event, origin, value, question.to_string());
        self.resolutions.asked(question.clone(), server.ip());
        self.questions.set(question, sighting)
    }

    /// The questions that have waited long enough for an answer, which may be all when the container is ending.
    pub(super) fn unanswered(&mut self, now: Moment) -> Vec<Sighting> {
        let patience = if self.phase.phase() == Phase::Stop {
            0
        } else {
            PATIENCE_NS
        };
        let mut found = Vec::new();
        while let Some(oldest) = self.questions.oldest()
            && now.since(oldest.at) >= patience
        {
            found.extend(self.questions.pop_oldest());
        }
        found
    }

    pub(super) fn tls_name(
        &self,
        event: &Event,
        origin: Origin,
        peer: SocketAddr,
        name: &str,
    ) -> Sighting {
        let name = tls::server_name(name.as_bytes(), peer);
        self.sighting(
            event,
            Family::TlsName,
            origin,
            name.value,
            name.raw,
            Marks::default(),
        )
    }

    fn dns_sighting(&self, event: &Event, origin: Origin, value: String, raw: String) -> Sighting {
        let family = Family::DnsName;
        self.sighting(event, family, origin, value, raw, Marks::default())
    }
}

/// What a server answered, for people: `: NOERROR 10.0.0.7 (60 s) from 10.0.0.2`.
fn outcome(answer: &Message, server: IpAddr) -> String {
    let mut text = format!(": {}", answer.outcome);
    for address in answer.addresses.iter().take(SHOWN) {
        let _ = write!(text, " {} ({} s)", address.ip, address.ttl_s);
    }
    let more = answer.addresses.len().saturating_sub(SHOWN);
    if more > 0 {
        let _ = write!(text, " and {more} more");
    }
    let _ = write!(text, " from {server}");
    text
}
