//! Counts call by call: calls never made before, and calls made more often than ever, per window and per unit of work.
//!
//! A call's excess is the logarithm of how many times the most that was learned it was made. A window's score is the
//! largest excess of a known call, and on top of it those of all calls never made before: a program that does not belong
//! there makes many of them at once. Counts of calls are far from any known distribution, so what excess is ordinary is taken from what was
//! learned: each replica, or block of time, is held against all others.

pub mod layer;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use crate::baseline::calls::{Block, CallPeaks, Peak};
use crate::observe::window::CallCount;

/// Nats that a call never made before counts for, besides the logarithm of how often it was made.
const NEVER_MADE: f64 = 2.0;

/// Chance that a further part of ordinary behaviour, as long as those held back, comes out of reach.
const OUT_OF_REACH: f64 = 0.05;

/// Blocks from which on there is a model: fewer cannot say how blocks differ.
pub const MIN_BLOCKS: usize = 3;

/// Replicas from which on a whole replica is held back at a time. Replicas differ more than the blocks of one do.
const ENOUGH_REPLICAS: usize = 3;

/// How fast large excesses become rare, before anything is known of it: one in e for each so many nats more.
const PRIOR_SCALE: f64 = 0.5;

/// Nats of rarity that are read off that tail at most, one in a thousand: farther out nobody knows its shape.
const MOST_EXTRAPOLATED: f64 = 7.0;

/// How many observed excesses that prior weighs as much as.
const PRIOR_WEIGHT: f64 = 5.0;

/// One call's part in a score.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CallExcess {
    /// System call number.
    pub call: u16,
    /// Its excess, nats.
    pub nats: f64,
    /// How often the window made it.
    pub calls: u64,
    /// The most that a window of the same length was learned to make of it; 0 when it was never made.
    pub most: f64,
}

/// What the model says of one window.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CallVerdict {
    /// The calls that exceed what was learned, the largest excess first.
    pub excesses: Vec<CallExcess>,
}

impl CallVerdict {
    /// The score, nats; 0 when no call exceeds what was learned.
    #[must_use]
    pub fn nats(&self) -> f64 {
        score(self.excesses.iter().map(|e| (e.nats, e.most > 0.0)))
    }
}

/// What is within reach, and how far ordinary behaviour comes beyond it.
#[derive(Clone, Debug)]
pub struct CallModel {
    most: BTreeMap<u16, Peak>,
    is_work: fn(u16) -> bool,
    /// The largest excess of a held-back part, nats.
    largest: f64,
    /// Mean of the positive excesses of held-back parts, nats, drawn towards the prior.
    scale: f64,
    /// Parts held back.
    parts: f64,
    /// Windows in the blocks behind these.
    windows: u64,
}

impl CallModel {
    /// Makes a model of what was learned; `None` for fewer than [`MIN_BLOCKS`] blocks. `is_work` is false for waiting
    /// and scheduling, of which only the first use counts: how often they are called follows the machine.
    #[must_use]
    pub fn fit(peaks: &CallPeaks, is_work: fn(u16) -> bool) -> Option<Self> {
        let blocks: Vec<&Block> = peaks.blocks().collect();
        if blocks.len() < MIN_BLOCKS {
            return None;
        }
        let parts = parts(&blocks);
        let window_ns = peaks.window_ms().saturating_mul(1_000_000);
        let excesses: Vec<f64> = parts
            .iter()
            .enumerate()
            .map(|(held_back, part)| {
                let others = runners_up(&parts, held_back);
                score(part.iter().filter_map(|(call, peak)| {
                    let nats = excess(*call, *peak, &others, window_ns, is_work)?;
                    Some((nats, others.contains_key(call)))
                }))
            })
            .collect();
        let positive = excesses.iter().filter(|nats| **nats > 0.0);
        let (count, sum) = positive.fold((0.0, 0.0), |(n, sum), nats| (n + 1.0, sum + nats));
        Some(Self {
            most: peaks.most().clone(),
            is_work,
            largest: excesses.iter().copied().fold(0.0, f64::max),
            scale: (sum + PRIOR_WEIGHT * PRIOR_SCALE) / (count + PRIOR_WEIGHT),
            parts: parts.len() as f64,
            windows: blocks
                .iter()
                .fold(0, |sum, b| u64::saturating_add(sum, b.windows)),
        })
    }

    /// Judges the calls of one window.
    #[must_use]
    pub fn judge(&self, calls: &[CallCount], length_ns: u64) -> CallVerdict {
        let mut excesses: Vec<CallExcess> = Peak::of(calls, length_ns, self.is_work)
            .filter_map(|(call, peak)| {
                let nats = excess(call, peak, &self.most, length_ns, self.is_work)?;
                let of_call = calls.iter().filter(|count| count.call == call);
                Some(CallExcess {
                    call,
                    nats,
                    calls: of_call.fold(0, |sum, count| sum.saturating_add(count.calls)),
                    most: in_window(self.most.get(&call).map_or(0, |m| m.pace), length_ns),
                })
            })
            .collect();
        excesses.sort_by(|a, b| b.nats.total_cmp(&a.nats).then(a.call.cmp(&b.call)));
        CallVerdict { excesses }
    }

    /// The score from which on a window is out of the ordinary, nats: the largest excess of a held-back part, and the
    /// more room beyond it the fewer parts there were.
    #[must_use]
    pub fn reach(&self) -> f64 {
        let largest_of_all = 1.0 / (self.parts + 1.0);
        self.largest + self.scale * (largest_of_all / OUT_OF_REACH).ln().max(0.0)
    }

    /// How many windows of ordinary behaviour score as high as this: as many as held-back parts did, and beyond the
    /// largest of them ever fewer. `learned` is the number of windows behind the largest values.
    ///
    /// The next of n exchangeable values is the largest of all with a chance of 1 in n + 1; and how far largest values
    /// exceed others falls exponentially, as in the tails of all but the heaviest distributions (Pickands 1975), here of
    /// the logarithm of counts.
    #[must_use]
    pub fn false_per_window(&self, nats: f64, learned: u64) -> f64 {
        let windows = self.windows.max(learned) as f64;
        let beyond = ((self.largest - nats) / self.scale).clamp(-MOST_EXTRAPOLATED, 0.0);
        beyond.exp() / (windows + 1.0)
    }

    /// Whether a call was made while learning.
    #[must_use]
    pub fn knows(&self, call: u16) -> bool {
        self.most.contains_key(&call)
    }
}

/// The score of excesses, each with whether its call is known.
fn score(excesses: impl Iterator<Item = (f64, bool)>) -> f64 {
    let (mut largest, mut new) = (0.0_f64, 0.0);
    for (nats, is_known) in excesses {
        if is_known {
            largest = largest.max(nats);
        } else {
            new += nats;
        }
    }
    largest + new
}

/// The excess of a call over the most of it, nats; `None` when it does not exceed it. More of a call counts only when
/// it is more both of all work and in the same time: ten times the traffic is neither, nor is one call in an idle
/// window.
fn excess(
    call: u16,
    peak: Peak,
    most: &BTreeMap<u16, Peak>,
    length_ns: u64,
    is_work: fn(u16) -> bool,
) -> Option<f64> {
    let made = in_window(peak.pace, length_ns);
    let nats = match most.get(&call) {
        None => NEVER_MADE + made.max(1.0).ln(),
        Some(_) if !is_work(call) => return None,
        Some(most) => {
            let of_time = ((made + 1.0) / (in_window(most.pace, length_ns) + 1.0)).ln();
            let of_work = (f64::from(peak.share) + 1.0) / (f64::from(most.share) + 1.0);
            of_time.min(of_work.ln())
        }
    };
    (nats > 0.0).then_some(nats)
}

/// Calls in a window at a pace of so many in 1000 s.
fn in_window(pace: u64, length_ns: u64) -> f64 {
    pace as f64 * (length_ns as f64 / 1e12)
}

/// What is held back at a time: replicas, where there are several, otherwise blocks of time.
fn parts(blocks: &[&Block]) -> Vec<BTreeMap<u16, Peak>> {
    let mut by_replica: BTreeMap<u64, BTreeMap<u16, Peak>> = BTreeMap::new();
    for block in blocks {
        raise(by_replica.entry(block.replica).or_default(), &block.peaks);
    }
    if by_replica.len() >= ENOUGH_REPLICAS {
        return by_replica.into_values().collect();
    }
    blocks.iter().map(|block| block.peaks.clone()).collect()
}

fn raise(peaks: &mut BTreeMap<u16, Peak>, others: &BTreeMap<u16, Peak>) {
    for (call, other) in others {
        let peak = peaks.entry(*call).or_default();
        peak.pace = peak.pace.max(other.pace);
        peak.share = peak.share.max(other.share);
    }
}

/// The most of each call in all parts but one.
fn runners_up(parts: &[BTreeMap<u16, Peak>], held_back: usize) -> BTreeMap<u16, Peak> {
    let mut most = BTreeMap::new();
    for (index, part) in parts.iter().enumerate() {
        if index != held_back {
            raise(&mut most, part);
        }
    }
    most
}
