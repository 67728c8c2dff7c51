//! What a container does when hardly anybody asks it for anything, and bursts: against the most that was learned.
//!
//! Probes ask every few seconds, so a few requests leave a container idle; what a request is known to bring at most is taken
//! off what is done then.

use serde::{Deserialize, Serialize};

use crate::baseline::hash::hash64;
use crate::baseline::levels::{Levels, Peaks, Span, Unit};
use crate::baseline::quantity::duration;
use crate::detect::claim::Claim;
use crate::detect::finding::{Class, Contribution, Method};
use crate::detect::levels::{Amount, Excess, Frame, Gauges};
use crate::detect::technique::{self, Known};
use crate::detect::volume::bytes;
use crate::detect::wording::times;
use crate::observe::fact::Phase;
use crate::observe::features::ENOUGH_REQUESTS;
use crate::observe::window::WindowReport;

/// So long after clients last asked for much, what is done is nobody's request, seconds.
const IDLE_S: f64 = 15.0;

/// From so many bytes to and from clients on, they ask for much although no requests are counted.
const MUCH_BYTES: u64 = 64 * 1024;

/// What is watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Habit {
    Cpu,
    Read,
    Written,
    Tasks,
    Connects,
}

impl Habit {
    const ALL: [Self; 5] = [
        Self::Cpu,
        Self::Read,
        Self::Written,
        Self::Tasks,
        Self::Connects,
    ];

    /// Its quantity while idle, and at any time.
    const fn quantities(self) -> (&'static str, &'static str) {
        match self {
            Self::Cpu => ("idle cpu", "any cpu"),
            Self::Read => ("idle read", "any read"),
            Self::Written => ("idle written", "any written"),
            Self::Tasks => ("idle tasks", "any tasks"),
            Self::Connects => ("idle connects", "any connects"),
        }
    }

    fn amount(self, report: &WindowReport) -> f64 {
        let activity = &report.activity;
        match self {
            Self::Cpu => activity.cpu_ns.unwrap_or(0) as f64 / 1e9,
            Self::Read => activity.file_read.0.iter().map(|n| *n as f64).sum(),
            Self::Written => activity.file_written.0.iter().map(|n| *n as f64).sum(),
            Self::Tasks => activity.clones as f64,
            Self::Connects => activity.connects as f64,
        }
    }

    /// What so many requests were learned to bring at most.
    fn most_of_requests(self, levels: &Levels, requests: u64) -> f64 {
        let (_, any) = self.quantities();
        let peaks = levels
            .quantity(any)
            .and_then(|known| known.get(&(Span::Window, Unit::Request)));
        requests as f64 * peaks.and_then(Peaks::most).unwrap_or(0.0)
    }

    /// What is never worth a claim within a window, a minute, an hour, a day.
    const fn floors(self) -> [f64; 4] {
        match self {
            Self::Cpu => [0.5, 3.0, 60.0, 600.0],
            Self::Read | Self::Written => [4e6, 16e6, 256e6, 2e9],
            Self::Tasks => [8.0, 32.0, 200.0, 2000.0],
            Self::Connects => [8.0, 24.0, 200.0, 2000.0],
        }
    }

    /// Whether much of it at a time is a burst: what requests cost in processor time and reads differs too widely, and the
    /// rates tell it.
    const fn bursts(self) -> bool {
        matches!(self, Self::Tasks | Self::Connects | Self::Written)
    }

    const fn class(self) -> Class {
        match self {
            Self::Cpu => Class::Resource,
            Self::Read | Self::Written => Class::File,
            Self::Tasks => Class::Process,
            Self::Connects => Class::Network,
        }
    }

    /// Danger in nats, and why.
    const fn danger(self) -> (f64, &'static str) {
        match self {
            Self::Cpu => (5.0, "work that nobody asked for is someone else's"),
            Self::Connects => (
                4.0,
                "connections that nobody asked for may be a search for other targets",
            ),
            Self::Tasks => (4.0, "programs that nobody asked for are someone else's"),
            Self::Read => (
                3.0,
                "what is read although nobody asked may be what is being taken",
            ),
            Self::Written => (2.0, "much is written although nobody asked"),
        }
    }

    const fn techniques(self) -> &'static [Known] {
        match self {
            Self::Cpu => &[technique::RESOURCE_HIJACKING, technique::ATLAS_COST],
            Self::Read => &[technique::LOCAL_DATA, technique::ATLAS_COLLECT_MODEL],
            Self::Written => &[technique::DATA_MANIPULATION],
            Self::Tasks => &[technique::RESOURCE_HIJACKING],
            Self::Connects => &[technique::APPLICATION_PROTOCOL],
        }
    }

    const fn next_step(self) -> &'static str {
        match self {
            Self::Cpu | Self::Tasks => {
                "See which process of the container runs now, since when, and who started it."
            }
            Self::Read | Self::Written => {
                "See which process holds which files open, and where it sends data."
            }
            Self::Connects => "See which addresses and ports are contacted, and by which process.",
        }
    }

    fn words(self, amount: f64) -> String {
        match self {
            Self::Cpu => format!("{amount:.1} s of processor time were used"),
            Self::Read => format!("{} were read from files", bytes(amount)),
            Self::Written => format!("{} were written to files", bytes(amount)),
            Self::Tasks => format!("{amount:.0} threads or processes were started"),
            Self::Connects => format!("{amount:.0} connections were begun"),
        }
    }
}

/// Whether clients ask for so much that what is done may be for them.
fn asks_much(report: &WindowReport) -> bool {
    let served = report.activity.endpoints.iter().filter(|e| e.served);
    let bytes = served.fold(0_u64, |sum, e| {
        sum.saturating_add(e.rx_bytes).saturating_add(e.tx_bytes)
    });
    report.requests >= ENOUGH_REQUESTS || bytes >= MUCH_BYTES
}

/// The habits of one container.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Habits {
    idle: Gauges,
    any: Gauges,
    /// Seconds since clients last asked for much.
    idle_s: f64,
}

impl Habits {
    pub(super) fn window(
        &mut self,
        levels: &mut Levels,
        frame: Frame,
        report: &WindowReport,
    ) -> Vec<Claim> {
        let asked = asks_much(report);
        let idle = !asked && self.idle_s >= IDLE_S;
        self.idle_s = if asked {
            0.0
        } else {
            (self.idle_s + frame.seconds).min(1e9)
        };
        let amounts = |levels: &Levels, idle: bool| {
            let amount = |habit: Habit| {
                let (when_idle, any) = habit.quantities();
                let asked_for = if idle {
                    habit.most_of_requests(levels, report.requests)
                } else {
                    0.0
                };
                Amount {
                    quantity: (if idle { when_idle } else { any }).to_owned(),
                    pool: idle.then_some(any),
                    amount: (habit.amount(report) - asked_for).max(0.0),
                    floors: if idle || habit.bursts() {
                        habit.floors()
                    } else {
                        [f64::MAX; 4]
                    },
                }
            };
            Habit::ALL.into_iter().map(amount).collect::<Vec<_>>()
        };
        let amounts_any = amounts(levels, false);
        let bursts = self.any.step(levels, frame, &amounts_any);
        let found = if idle {
            let amounts_idle = amounts(levels, true);
            self.idle.step(levels, frame, &amounts_idle)
        } else {
            bursts
        };
        found
            .iter()
            .filter_map(|excess| claim(report, excess, &frame, idle))
            .collect()
    }
}

fn claim(report: &WindowReport, excess: &Excess, frame: &Frame, idle: bool) -> Option<Claim> {
    let habit = Habit::ALL.into_iter().find(|habit| {
        let (when_idle, any) = habit.quantities();
        excess.quantity == when_idle || excess.quantity == any
    })?;
    let (danger, why) = habit.danger();
    let (span, ratio) = (excess.span.name(), times(excess.ratio.ln()));
    let when = if idle {
        "while hardly anybody asked for anything"
    } else {
        "in a burst"
    };
    let learned = duration((frame.hours * 3600.0) as u64);
    let phase = report.phase.unwrap_or(Phase::Serve);
    Some(Claim {
        identity: hash64(&[b"habit", excess.quantity.as_bytes()]),
        danger: (danger, why.to_owned()),
        false_per_month: (
            excess.per_month,
            format!(
                "{learned} of learning make a new record this often, and a record so high is so rare (tail exponent {:.1})",
                excess.exponent
            ),
        ),
        feature: excess.quantity.replace(' ', "_"),
        title: format!(
            "{} {when}, {ratio} the most so far in a {span}",
            habit.words(excess.amount)
        ),
        observed: format!(
            "{} in {}",
            habit.words(excess.amount),
            duration(excess.seconds.ceil() as u64)
        ),
        expected: format!(
            "at most what {} means, as in {learned} of learning",
            habit.words(excess.most)
        ),
        reasons: vec![Contribution {
            name: "above_the_most".to_owned(),
            value: excess.ratio.ln(),
            reason: format!("{ratio} the most so far"),
        }],
        techniques: habit.techniques(),
        next_step: habit.next_step(),
        ..Claim::about_window(Method::Time, habit.class(), report.end, phase)
    })
}
