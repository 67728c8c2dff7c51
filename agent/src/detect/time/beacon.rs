//! Contacts at regular pauses: how implants call home.
//!
//! A place that is contacted when there is a reason for it is contacted at memoryless times: pauses between contacts are
//! geometrically distributed, whatever their mean. The evidence against that is an e-value: how much more likely the
//! shares of the pauses in their sum are under a Dirichlet distribution of higher concentration, which is what regular
//! pauses with some jitter have, than under that of memoryless pauses. It does not depend on the pace. Of memoryless
//! contacts, one in `e` has an e-value of `e` or more at most, which is the predicted rate of false claims.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};

use crate::baseline::hash::hash64;
use crate::baseline::quantity::duration;
use crate::baseline::rhythms::Rhythms;
use crate::detect::claim::Claim;
use crate::detect::finding::{Class, Contribution, Method};
use crate::detect::levels::{Frame, Mode};
use crate::detect::technique;
use crate::detect::wording::quoted;
use crate::observe::fact::Phase;
use crate::observe::window::WindowReport;

/// Endpoints watched of one container.
const MOST: usize = 256;

/// Pauses remembered of one endpoint.
const PAUSES: usize = 32;

/// Fewer pauses than this are no rhythm, however alike.
const FEWEST: usize = 6;

/// Concentrations of regular pauses: a spread of a half, a quarter, an eighth and a sixteenth of their mean.
const CONCENTRATIONS: [u32; 4] = [4, 16, 64, 256];

/// Pauses of fewer windows on average are judged as the counts of windows that they are.
const FINE: f64 = 8.0;

/// Contacts that begin as a request comes after a time without any belong to the request. Where more than this share
/// does, the rhythm is the clients'.
const PROMPTED: f64 = 0.8;

const SECONDS_PER_MONTH: f64 = 30.0 * 86_400.0;

/// How often ordinary workloads take up a new regular contact in a month, before anything is known: with a place they know,
/// and with one they do not, which is as rare as a new endpoint is assumed to be (see `outlook::assumed`).
const PRIOR_KNOWN: f64 = 0.1;
const PRIOR_UNKNOWN: f64 = 0.03;
const PRIOR_MONTHS: f64 = 1.0;

/// The same where the pauses are so long that learning has hardly seen any.
const UNSEEN_EVENTS: f64 = 5.0;

/// Claims predicted more often than this a month are not made.
const MOST_FALSE: f64 = 10.0;

/// After a claim about an endpoint, it makes no other for this long.
const COOL_DOWN_S: i64 = 86_400;

/// What is remembered of one endpoint.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Contacts {
    /// Pauses in windows without contact, oldest first, and whether a request prompted the contact that ended each.
    pauses: VecDeque<(u32, bool)>,
    /// Windows since the last contact.
    silent: u32,
    quiet_until_s: i64,
}

/// The endpoints of one container.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Beacons {
    endpoints: BTreeMap<String, Contacts>,
    asked_before: bool,
}

impl Beacons {
    pub(super) fn window(
        &mut self,
        rhythms: &mut Rhythms,
        frame: &Frame,
        report: &WindowReport,
    ) -> Vec<Claim> {
        let asked = report.requests > 0 || report.activity.served();
        let asked_before = std::mem::replace(&mut self.asked_before, asked);
        let prompted = asked && !asked_before;
        for contacts in self.endpoints.values_mut() {
            contacts.silent = contacts.silent.saturating_add(1);
        }
        let mut claims = Vec::new();
        let sent = report.activity.endpoints.iter();
        for endpoint in sent.filter(|e| !e.served && e.tx_packets > 0) {
            let place = &endpoint.value;
            if self.endpoints.len() >= MOST && !self.endpoints.contains_key(place) {
                self.drop_longest_silent();
            }
            let first = !self.endpoints.contains_key(place);
            let contacts = self.endpoints.entry(place.clone()).or_default();
            // The count includes this window.
            let pause = std::mem::take(&mut contacts.silent).saturating_sub(1);
            if frame.mode == Mode::Learn {
                rhythms.note_contact(place);
            }
            if first || pause == 0 {
                continue;
            }
            contacts.pauses.push_back((pause, prompted));
            while contacts.pauses.len() > PAUSES {
                contacts.pauses.pop_front();
            }
            let seconds = f64::from(pause) * frame.seconds;
            if frame.mode == Mode::Learn {
                rhythms.note_pause(place, seconds);
                continue;
            }
            if frame.now_s >= contacts.quiet_until_s
                && let Some(claim) = contacts.judge(rhythms, frame, report, place)
            {
                contacts.quiet_until_s = frame.now_s.saturating_add(COOL_DOWN_S);
                claims.push(claim);
            }
        }
        claims
    }

    fn drop_longest_silent(&mut self) {
        let longest = self.endpoints.iter().max_by_key(|(_, c)| c.silent);
        if let Some(place) = longest.map(|(place, _)| place.clone()) {
            self.endpoints.remove(&place);
        }
    }
}

impl Contacts {
    fn judge(
        &self,
        rhythms: &Rhythms,
        frame: &Frame,
        report: &WindowReport,
        place: &str,
    ) -> Option<Claim> {
        let n = self.pauses.len();
        let prompted = self.pauses.iter().filter(|(_, prompted)| *prompted).count();
        if n < FEWEST || prompted as f64 > PROMPTED * n as f64 {
            return None;
        }
        let pauses: Vec<u32> = self.pauses.iter().map(|(pause, _)| *pause).collect();
        let sum: f64 = pauses.iter().map(|pause| f64::from(*pause)).sum();
        let mean_s = sum / n as f64 * frame.seconds;
        // A contact takes a window itself.
        let period_s = mean_s + frame.seconds;
        if rhythms.has_pause(place, mean_s) {
            return None;
        }
        let nats = evidence(&pauses);
        let known = rhythms.knows(place);
        let chance = SECONDS_PER_MONTH / period_s * (-nats).exp();
        let unseen = known && period_s * 4.0 > frame.hours * 3600.0;
        let events = match (unseen, known) {
            (true, _) => UNSEEN_EVENTS,
            (false, true) => PRIOR_KNOWN,
            (false, false) => PRIOR_UNKNOWN,
        };
        let habit = events / (PRIOR_MONTHS + frame.hours / 720.0);
        let per_month = chance + habit;
        if !per_month.is_finite() || chance > 1.0 || per_month > MOST_FALSE {
            return None;
        }
        let (danger, why) = if known {
            (
                3.0,
                "a place of the workload's own is called at a new, regular pace",
            )
        } else {
            (
                6.0,
                "a place that the workload never knew is called at a regular pace, as implants do",
            )
        };
        let period = duration(period_s.round() as u64);
        let phase = report.phase.unwrap_or(Phase::Serve);
        Some(Claim {
            identity: hash64(&[b"beacon", place.as_bytes()]),
            danger: (danger, why.to_owned()),
            false_per_month: (
                per_month,
                format!(
                    "memoryless contacts look so regular {chance:.2e} times a month; workloads take up a regular contact \
                     {habit:.2} times a month, by a prior and {} of learning",
                    duration((frame.hours * 3600.0) as u64)
                ),
            ),
            feature: "beacon".to_owned(),
            title: format!(
                "{} is contacted every {period}, as if by a clock",
                quoted(place)
            ),
            observed: format!(
                "{n} pauses of {:.0} to {:.0} s",
                shortest(&pauses, frame),
                longest(&pauses, frame)
            ),
            raw: place.to_owned(),
            expected: if known {
                "contacts at other pauses, as in learning".to_owned()
            } else {
                "no contact with this place, as in learning".to_owned()
            },
            reasons: vec![Contribution {
                name: "regularity".to_owned(),
                value: nats,
                reason: "evidence against contacts at memoryless times".to_owned(),
            }],
            techniques: &[technique::APPLICATION_PROTOCOL],
            next_step: "See which process contacts the place and since when; a telemetry library of a new release does so \
                        too, and is named by its DNS names.",
            ..Claim::about_window(Method::Time, Class::Network, report.end, phase)
        })
    }
}

fn shortest(pauses: &[u32], frame: &Frame) -> f64 {
    f64::from(pauses.iter().copied().min().unwrap_or(0)) * frame.seconds
}

fn longest(pauses: &[u32], frame: &Frame) -> f64 {
    f64::from(pauses.iter().copied().max().unwrap_or(0)) * frame.seconds
}

/// The logarithm of the e-value of pauses, each of at least one window, against memoryless ones.
pub(super) fn evidence(pauses: &[u32]) -> f64 {
    let n = pauses.len() as u32;
    let sum: f64 = pauses.iter().map(|pause| f64::from(*pause)).sum();
    if n < 2 {
        return 0.0;
    }
    let fine = sum / f64::from(n) >= FINE;
    let by_concentration = CONCENTRATIONS.map(|k| {
        if fine {
            dirichlet(pauses, sum, k)
        } else {
            dirichlet_multinomial(pauses, k) - dirichlet_multinomial(pauses, 1)
        }
    });
    // The mean of e-values is one.
    let most = by_concentration
        .iter()
        .copied()
        .fold(f64::NEG_INFINITY, f64::max);
    let mean = by_concentration
        .iter()
        .map(|nats| (nats - most).exp())
        .sum::<f64>()
        / CONCENTRATIONS.len() as f64;
    most + mean.ln()
}

/// The logarithm of the density of the pauses' shares under a symmetric Dirichlet distribution, over that under the
/// uniform one, which memoryless pauses have.
fn dirichlet(pauses: &[u32], sum: f64, k: u32) -> f64 {
    let n = pauses.len() as u32;
    let shares: f64 = pauses.iter().map(|p| (f64::from(*p) / sum).ln()).sum();
    ln_gamma(n * k) - f64::from(n) * ln_gamma(k) - ln_gamma(n) + f64::from(k - 1) * shares
}

/// The logarithm of the probability of pauses of whole windows, given their sum, under a symmetric Dirichlet-multinomial
/// distribution. Its concentration of 1 makes every division of the sum as likely: memoryless pauses.
fn dirichlet_multinomial(pauses: &[u32], k: u32) -> f64 {
    let n = pauses.len() as u32;
    let over = pauses.iter().map(|pause| pause.saturating_sub(1));
    let all: u32 = over.clone().sum();
    let parts: f64 = over
        .map(|g| ln_gamma(g + k) - ln_gamma(g + 1) - ln_gamma(k))
        .sum();
    ln_gamma(all + 1) + ln_gamma(n * k) - ln_gamma(all + n * k) + parts
}

/// Logarithm of the gamma function of a whole number above 0: Stirling's series, exact to 1e-9 from 8 on.
fn ln_gamma(n: u32) -> f64 {
    let below = (n..8).map(f64::from).map(f64::ln).sum::<f64>();
    let x = f64::from(n.max(8));
    let series = 1.0 / (12.0 * x) - 1.0 / (360.0 * x.powi(3)) + 1.0 / (1260.0 * x.powi(5));
    (x - 0.5) * x.ln() - x + 0.5 * (2.0 * std::f64::consts::PI).ln() + series - below
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gamma_function_is_the_factorial() {
        for (n, factorial) in [
            (1, 1.0),
            (2, 1.0),
            (5, 24.0),
            (8, 5040.0),
            (11, 3_628_800.0_f64),
        ] {
            assert!((ln_gamma(n) - factorial.ln()).abs() < 1e-8, "{n}");
        }
    }

    #[test]
    fn equal_pauses_are_evidence_and_pauses_of_one_window_none() {
        assert!(evidence(&[12; 12]) > 15.0);
        assert!(evidence(&[1; 32]).abs() < 1e-9);
        assert!(evidence(&[3; 24]) > 12.0);
        assert!(evidence(&[1, 40, 3, 9, 22, 2, 60, 5]) < 2.0);
        assert!(evidence(&[12]).abs() < 1e-9);
    }
}
