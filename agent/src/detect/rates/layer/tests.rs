#![allow(clippy::unwrap_used, reason = "tests")]

use super::super::{Calibration, UNSEEN_ROWS};
use super::*;
use crate::detect::rates::noise::Noise;

const WINDOW_S: f64 = 5.0;

/// Windows of a month.
const MONTH: u32 = 518_400;

/// A month is simulated in so many parts, each with a learning of its own.
const PARTS: u32 = 6;

/// Rows that calibrate, as many as a full sample leaves for it.
const CALIBRATION: u32 = 256;

/// A stream of scores by kind, standard deviation about 1.
struct Scores {
    noise: Noise,
    kind: &'static str,
    state: f64,
    window: u32,
}

impl Scores {
    fn next(&mut self) -> f64 {
        self.window += 1;
        let mut autoregression = |rho: f64| {
            let fresh = (1.0 - rho * rho).sqrt() * self.noise.next();
            self.state = rho * self.state + fresh;
            self.state
        };
        let time = f64::from(self.window);
        match self.kind {
            "independent" => autoregression(0.0),
            "autoregressive 0.5" => autoregression(0.5),
            "autoregressive 0.9" => autoregression(0.9),
            "autoregressive 0.99" => autoregression(0.99),
            "heavy-tailed" => (0.25 * autoregression(0.9)).exp() * 2.0,
            "diurnal" => autoregression(0.5) + (time / 17_280.0 * std::f64::consts::TAU).sin(),
            "regimes" => {
                let elsewhere = self.window % 3600 > 3240;
                autoregression(0.5) + if elsewhere { 2.0 } else { 0.0 }
            }
            other => unreachable!("{other}"),
        }
    }
}

/// False claims of a month, and windows until the first claim once scores have risen by `shift`.
fn month(kind: &'static str, learned: u32, shift: f64) -> (u32, Option<u32>) {
    let limit = threshold(WINDOW_S, 1.0) + std::f64::consts::LN_2;
    let (mut claims, mut delay) = (0, None);
    for part in 0..PARTS {
        let mut scores = Scores {
            noise: Noise::new(u64::from(part) + 1),
            kind,
            state: 0.0,
            window: 0,
        };
        let every = learned.div_ceil(CALIBRATION).max(1);
        let learned: Vec<f64> = (0..learned).map(|_| 3.0 + 0.5 * scores.next()).collect();
        let rows: Vec<f64> = learned.into_iter().step_by(every as usize).collect();
        let farthest = rows.iter().copied().fold(0.0, f64::max).exp_m1();
        let reach = farthest * (1.0 + UNSEEN_ROWS / (2.0 * rows.len() as f64));
        let calibration = Calibration::of(rows, reach);
        let mut gathered = Gathered::default();
        let mut evidence = |score: f64| {
            let verdict = Verdict {
                p: calibration.p(score),
                score,
                excess: score.exp_m1() / calibration.reach,
                reasons: Vec::new(),
            };
            gathered.gather(&verdict, WINDOW_S, limit + MOST_BEYOND)
        };
        let mut above = false;
        for _ in 0..MONTH / PARTS {
            let nats = evidence(3.0 + 0.5 * scores.next());
            claims += u32::from(nats >= limit && !above);
            above = nats >= limit / 2.0 && (above || nats >= limit);
        }
        if part == 0 {
            delay = (1..2000).find(|_| evidence(3.0 + shift + 0.5 * scores.next()) >= limit);
        }
    }
    (claims, delay)
}

const KINDS: [&str; 7] = [
    "independent",
    "autoregressive 0.5",
    "autoregressive 0.9",
    "autoregressive 0.99",
    "heavy-tailed",
    "diurnal",
    "regimes",
];

/// To be run by itself: `cargo test -p picket --lib -- --ignored --nocapture false_claims_of_a_month`.
#[test]
#[ignore = "simulates two months for each kind of behaviour and prints what came of them"]
fn false_claims_of_a_month() {
    println!(
        "| behaviour | windows learned | false claims a month | windows to a claim at +3 nats |"
    );
    for kind in KINDS {
        for learned in [500, 17_280] {
            let (claims, delay) = month(kind, learned, 3.0);
            println!("| {kind} | {learned} | {claims} | {delay:?} |");
        }
    }
}
