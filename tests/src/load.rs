//! Requests as a model server's clients send them.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::Result;

use crate::http::Connection;

/// Traffic in the background; it ends when dropped.
pub struct Load {
    stop: Arc<AtomicBool>,
    counts: Arc<Counts>,
    clients: Vec<JoinHandle<()>>,
}

/// What is asked of a server.
#[derive(Clone, Copy)]
pub struct Asked {
    /// Where it answers.
    pub server: SocketAddr,
    /// The path of the requests.
    pub path: &'static str,
    /// Makes the body of the next one.
    pub body: fn(&mut Random) -> String,
}

#[derive(Default)]
struct Counts {
    answered: AtomicU64,
    failed: AtomicU64,
}

impl Load {
    /// Sends predictions to the tests' own model server over some connections, together `rate` a second on average, with
    /// random pauses.
    #[must_use]
    pub fn start(server: SocketAddr, connections: u32, rate: f64) -> Self {
        let asked = Asked {
            server,
            path: "/predict",
            body: prediction,
        };
        Self::of(asked, connections, rate)
    }

    /// As [`Load::start`], with these requests.
    #[must_use]
    pub fn of(asked: Asked, connections: u32, rate: f64) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let counts = Arc::new(Counts::default());
        let pause = f64::from(connections) / rate;
        let clients = (0..connections)
            .map(|client| {
                let (stop, counts) = (Arc::clone(&stop), Arc::clone(&counts));
                thread::spawn(move || send(asked, u64::from(client), pause, &stop, &counts))
            })
            .collect();
        Self {
            stop,
            counts,
            clients,
        }
    }

    /// Requests answered with 200 so far.
    #[must_use]
    pub fn answered(&self) -> u64 {
        self.counts.answered.load(Ordering::Relaxed)
    }

    /// Requests not answered, or with another status.
    #[must_use]
    pub fn failed(&self) -> u64 {
        self.counts.failed.load(Ordering::Relaxed)
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for client in self.clients.drain(..) {
            let _ = client.join();
        }
    }
}

fn send(asked: Asked, seed: u64, pause: f64, stop: &AtomicBool, counts: &Counts) {
    let mut random = Random::new(seed);
    let mut connection = None;
    while !stop.load(Ordering::Relaxed) {
        thread::sleep(Duration::from_secs_f64(pause * random.exponential()));
        let body = (asked.body)(&mut random);
        let count = match request(&mut connection, asked, &body) {
            Ok(200) => &counts.answered,
            _ => &counts.failed,
        };
        count.fetch_add(1, Ordering::Relaxed);
    }
}

/// Sends a request over the kept connection; over a new one if there is none or the server has closed it meanwhile.
fn request(kept: &mut Option<Connection>, asked: Asked, body: &str) -> Result<u16> {
    if let Some(mut connection) = kept.take()
        && let Ok(answer) = connection.request(asked.path, Some(body))
    {
        *kept = Some(connection);
        return Ok(answer.status);
    }
    let mut connection = Connection::open(asked.server)?;
    let answer = connection.request(asked.path, Some(body))?;
    *kept = Some(connection);
    Ok(answer.status)
}

/// The body of a prediction: one to four rows of 16 features.
pub fn prediction(random: &mut Random) -> String {
    let rows: Vec<String> = (0..=random.below(4))
        .map(|_| {
            let features: Vec<String> = (0..16)
                .map(|_| format!("{:.3}", random.fraction() * 8.0))
                .collect();
            format!("[{}]", features.join(","))
        })
        .collect();
    format!("{{\"instances\":[{}]}}", rows.join(","))
}

/// Pseudo-random numbers, equal for equal seeds (the SplitMix64 generator).
pub struct Random(u64);

impl Random {
    /// A generator; equal seeds give equal numbers.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number.
    pub fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number in 0..`limit`; 0 for a limit of 0.
    pub fn below(&mut self, limit: u64) -> u64 {
        self.draw().checked_rem(limit).unwrap_or(0)
    }

    /// A number in 0.0..1.0.
    #[expect(clippy::cast_precision_loss, reason = "53 bits fit exactly")]
    pub fn fraction(&mut self) -> f64 {
        (self.draw() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// A number with mean 1: the pause between independent arrivals, at most 5.
    pub fn exponential(&mut self) -> f64 {
        (-(1.0 - self.fraction()).ln()).min(5.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_seeds_give_equal_requests() {
        let body = |seed| prediction(&mut Random::new(seed));
        assert_eq!(body(7), body(7));
        assert_ne!(body(7), body(8));
    }

    #[test]
    fn pauses_have_the_wanted_mean() {
        let mut random = Random::new(1);
        let mean = (0..10_000).map(|_| random.exponential()).sum::<f64>() / 10_000.0;
        assert!((0.95..1.05).contains(&mean), "{mean}");
    }
}
