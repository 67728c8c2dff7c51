//! Bouts: known acts that come one after another, where they came alone or by few.
//!
//! A program is started, a file renamed, a peer asked: each of these is known, and the kernel tells of it once. What it
//! counts window by window still says how many there were in a row. A bout lasts as long as no pause is longer than
//! [`PAUSE_S`]. In the simplest account of bouts, after each act another one follows with the same chance, so that their sizes are
//! geometric; what is known of that chance after so many bouts is a beta distribution. The odds of a bout as
//! long as this one then fall as a power of its length, and the more bouts were learned the steeper, but no steeper than for
//! [`ENOUGH`] of them: what others make the server do need not be like what was learned.
//!
//! Acts that are news by themselves, such as the removal of files that were never removed or connections to a peer that was
//! never contacted, are judged by what they do and make no bout. More requests bring more of everything: where a window has more than usual, its acts count for so much less.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::baseline::bouts::{Bouts, Seen};
use crate::baseline::hash::hash64;
use crate::baseline::quantity::{counted, duration};
use crate::detect::claim::{Claim, counts_alone};
use crate::detect::finding::{Class, Contribution, Method};
use crate::detect::gamma::ln_gamma;
use crate::detect::levels::{Frame, Mode};
use crate::detect::outlook::MONTH_S;
use crate::detect::technique;
use crate::detect::wording::times;
use crate::observe::fact::Phase;
use crate::observe::file_change::operation_of;
use crate::observe::syscall;
use crate::observe::window::WindowReport;

/// A longer pause ends a bout, seconds.
const PAUSE_S: f64 = 15.0;

/// Kinds of acts watched of one container. More are not watched.
const MOST: usize = 96;

/// Acts fewer than this in a row are nobody's attack.
const FEWEST: f64 = 8.0;

/// Bouts after which the odds fall no steeper.
const ENOUGH: f64 = 8.0;

/// What is known of the chance that another act follows before any bout is seen: as much as of a coin of unknown make
/// (Jeffreys 1946).
const PRIOR: f64 = 0.5;

/// Claims that ordinary behaviour is predicted to make more often than this a month are not made.
const MOST_FALSE: f64 = 10.0;

/// The same bout is told again when it is so many times as rare.
const MUCH_RARER: f64 = 1000.0;

/// System calls that do something once in a while: start programs and processes, change names and sizes, contact peers,
/// signal others. How often a process waits for its children, or a resolver sends, follows its way of waiting.
#[cfg(target_arch = "x86_64")]
const ACTS: &[i64] = &[
    libc::SYS_fork,
    libc::SYS_vfork,
    libc::SYS_rename,
    libc::SYS_link,
    libc::SYS_symlink,
    libc::SYS_unlink,
    libc::SYS_mkdir,
    libc::SYS_rmdir,
    libc::SYS_chmod,
    libc::SYS_chown,
];
#[cfg(not(target_arch = "x86_64"))]
const ACTS: &[i64] = &[];

/// The same on every architecture.
const ACTS_EVERYWHERE: &[i64] = &[
    libc::SYS_execve,
    libc::SYS_execveat,
    libc::SYS_clone,
    libc::SYS_clone3,
    libc::SYS_kill,
    libc::SYS_renameat,
    libc::SYS_renameat2,
    libc::SYS_linkat,
    libc::SYS_symlinkat,
    libc::SYS_unlinkat,
    libc::SYS_mkdirat,
    libc::SYS_truncate,
    libc::SYS_ftruncate,
    libc::SYS_fallocate,
    libc::SYS_fchmod,
    libc::SYS_fchmodat,
    libc::SYS_utimensat,
    libc::SYS_socket,
    libc::SYS_connect,
    libc::SYS_bind,
    libc::SYS_memfd_create,
];

/// A bout that goes on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Bout {
    acts: f64,
    seconds: f64,
    /// Since the last act.
    pause_s: f64,
    /// How rare it was when it was told; 0 when it was not.
    told: f64,
}

/// The bouts of one container.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Watch(BTreeMap<String, Bout>);

impl Watch {
    /// Takes one window in which so many acts were news, by their operation; `usual` is how many requests one of
    /// its length has on average.
    pub(super) fn window(
        &mut self,
        bouts: &mut Bouts,
        frame: &Frame,
        (replica, usual): (u64, f64),
        (report, news): (&WindowReport, &BTreeMap<String, f64>),
    ) -> Vec<Claim> {
        let busy = (frame.requests as f64 / usual.max(1.0)).max(1.0);
        let acts = acts(report, news);
        for kind in acts.keys() {
            if self.0.len() < MOST && !self.0.contains_key(kind) {
                self.0.insert(kind.clone(), Bout::default());
            }
        }
        let watched = self.0.len() as f64;
        let mut claims = Vec::new();
        self.0.retain(|kind, bout| {
            let more = acts.get(kind).copied().unwrap_or(0.0) / busy;
            bout.seconds += frame.seconds;
            bout.pause_s = if more > 0.0 {
                0.0
            } else {
                bout.pause_s + frame.seconds
            };
            bout.acts = (bout.acts + more).min(1e9);
            if frame.mode != Mode::Learn && more > 0.0 {
                claims.extend(bout.judge(bouts.of(kind), kind, frame, watched, report));
            }
            let is_over = bout.pause_s > PAUSE_S;
            if is_over && frame.mode != Mode::Frozen && bout.told == 0.0 {
                bouts.note(kind, replica, bout.size());
            }
            !is_over
        });
        claims
    }
}

impl Bout {
    /// Whole acts: what more requests explain may leave less than one.
    fn size(&self) -> u64 {
        // A float cast saturates.
        self.acts.round().max(1.0) as u64
    }

    fn judge(
        &mut self,
        seen: Seen,
        kind: &str,
        frame: &Frame,
        watched: f64,
        report: &WindowReport,
    ) -> Option<Claim> {
        let learned_s = (frame.hours * 3600.0).max(frame.seconds);
        if self.acts < FEWEST || seen.bouts == 0 {
            return None;
        }
        let per_month = (seen.bouts as f64 + PRIOR) * MONTH_S / learned_s;
        let false_per_month = watched * per_month * as_long(seen, self.acts);
        let limit = match self.told {
            0.0 => MOST_FALSE,
            told => told / MUCH_RARER,
        };
        if false_per_month > limit {
            return None;
        }
        self.told = false_per_month;
        Some(claim(kind, self, seen, false_per_month, (frame, report)))
    }
}

/// The chance that a bout is as long as this one or longer.
fn as_long(seen: Seen, acts: f64) -> f64 {
    let bouts = seen.bouts as f64;
    let weight = (ENOUGH / bouts).min(1.0);
    let again = PRIOR + weight * seen.acts.saturating_sub(seen.bouts) as f64;
    let ends = PRIOR + weight * bouts;
    let more = (acts - 1.0).max(0.0);
    let log = ln_gamma(again + more) + ln_gamma(again + ends)
        - ln_gamma(again)
        - ln_gamma(again + ends + more);
    log.exp().min(1.0)
}

/// How often each kind of act was done in a window, but for those that were news.
fn acts(report: &WindowReport, news: &BTreeMap<String, f64>) -> BTreeMap<String, f64> {
    let calls = report.calls.iter().flatten();
    let calls = calls.filter(|count| {
        let call = i64::from(count.call);
        count.calls > 0 && (ACTS.contains(&call) || ACTS_EVERYWHERE.contains(&call))
    });
    let calls = calls.map(|count| {
        let name = syscall::name(count.call).into_owned();
        let news = news.get(operation_of(&name)).copied().unwrap_or(0.0);
        (name, (count.calls as f64 - news).max(0.0))
    });
    let asked = report.activity.endpoints.iter();
    let asked = asked.filter(|endpoint| !endpoint.served && endpoint.tx_packets > 0);
    let asked = asked.map(|it| (format!("to {}", it.value), it.tx_packets as f64));
    calls.chain(asked).collect()
}

fn claim(
    kind: &str,
    bout: &Bout,
    seen: Seen,
    false_per_month: f64,
    (frame, report): (&Frame, &WindowReport),
) -> Claim {
    let learned = duration((frame.hours * 3600.0) as u64);
    let of = |acts: f64| match kind.strip_prefix("to ") {
        Some(peer) => format!("{acts:.0} packets were sent to {peer}"),
        None => format!("{kind} was called {acts:.0} times"),
    };
    let most = seen.most.max(1) as f64;
    let ratio = (bout.acts / most).ln();
    let took = duration(bout.seconds.ceil() as u64);
    let class = match kind.strip_prefix("to ") {
        Some(_) => Class::Network,
        None => Class::Syscall,
    };
    Claim {
        identity: hash64(&[b"bout", kind.as_bytes()]),
        danger: (
            4.0,
            "who makes a server do what it does anyway has it do so over and over".to_owned(),
        ),
        false_per_month: (
            false_per_month,
            format!(
                "after {} in {learned}, of which the longest had {most:.0} acts, so long a one is so rare",
                counted(seen.bouts, "bout")
            ),
        ),
        feature: "bout".to_owned(),
        most: counts_alone(),
        title: format!(
            "{} in a row, {} the most so far",
            of(bout.acts),
            times(ratio)
        ),
        observed: format!(
            "{} within {took}, without a pause of more than {PAUSE_S:.0} s",
            of(bout.acts)
        ),
        expected: format!(
            "{} in a row at most, in {} in {learned}",
            of(most),
            counted(seen.bouts, "bout")
        ),
        reasons: vec![Contribution {
            name: "above_the_most".to_owned(),
            value: ratio,
            reason: format!("{} the longest bout so far", times(ratio)),
        }],
        techniques: &[technique::RESOURCE_HIJACKING],
        next_step: "See which process does this, since when, and which requests came just before it began.",
        ..Claim::about_window(
            Method::Time,
            class,
            report.end,
            report.phase.unwrap_or(Phase::Serve),
        )
    }
}

#[cfg(test)]
mod tests;
