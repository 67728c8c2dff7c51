//! The clients of a server: requests at random times from addresses of their own.

use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use serde_json::json;

use super::peers::Peers;
use super::scenario::Kind;
use crate::http::Connection;
use crate::load::Random;
use crate::servers::Make;

/// Requests a second of each client.
const RATE: f64 = 1.5;

/// Jobs that a server with a job API has.
const JOBS: [&str; 4] = ["report", "digest", "clean", "host"];

/// Seconds between two questions of an orchestrator for health.
const HEALTH: f64 = 5.0;

/// How long a client sleeps at most before it looks whether it is to end.
const NAP: Duration = Duration::from_millis(100);

/// Clients in the background; they end when dropped.
pub struct Clients {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

struct Shared {
    kind: Kind,
    server: RwLock<Option<SocketAddr>>,
    /// How many times their usual number of requests, in thousandths.
    thousandths: AtomicU64,
    /// Rows of each request; 0 for one to four.
    rows: AtomicU32,
    /// Whether each request has a connection of its own.
    anew: AtomicBool,
    stop: AtomicBool,
}

impl Clients {
    /// Starts clients at these addresses. They send nothing until they are told where the server is.
    #[must_use]
    pub fn start(kind: Kind, sources: &[IpAddr], seed: u64) -> Self {
        let shared = Arc::new(Shared {
            kind,
            server: RwLock::new(None),
            thousandths: AtomicU64::new(1000),
            rows: AtomicU32::new(0),
            anew: AtomicBool::new(false),
            stop: AtomicBool::new(false),
        });
        let threads = sources
            .iter()
            .zip(seed..)
            .enumerate()
            .map(|(number, (source, seed))| {
                let (shared, source) = (Arc::clone(&shared), *source);
                thread::spawn(move || live(&shared, source, seed, number == 0))
            });
        Self {
            threads: threads.collect(),
            shared,
        }
    }

    /// Tells them where the server is now; nowhere while it is being restarted.
    pub fn aim(&self, server: Option<SocketAddr>) {
        let mut place = self
            .shared
            .server
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        *place = server;
    }

    /// Tells them how many rows to send in each request, where it is not one to four.
    pub fn rows(&self, rows: Option<u32>) {
        self.shared.rows.store(rows.unwrap_or(0), Ordering::Relaxed);
    }

    /// Tells them whether to open a connection for each request, where they would keep one.
    pub fn anew(&self, anew: bool) {
        self.shared.anew.store(anew, Ordering::Relaxed);
    }

    /// Tells them how many times their usual number of requests to send.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "scenarios say a few times"
    )]
    pub fn times(&self, times: f64) {
        let thousandths = (times.clamp(0.0, 1000.0) * 1000.0) as u64;
        self.shared
            .thousandths
            .store(thousandths, Ordering::Relaxed);
    }
}

impl Drop for Clients {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

fn live(shared: &Shared, source: IpAddr, seed: u64, asks_health: bool) {
    let mut random = Random::new(seed);
    let mut kept: Option<(SocketAddr, Connection)> = None;
    let mut health = Instant::now();
    let make = shared.kind.make();
    while pause(shared, &mut random) {
        let place = *shared.server.read().unwrap_or_else(PoisonError::into_inner);
        let Some(server) = place else {
            kept = None;
            continue;
        };
        if asks_health && health.elapsed().as_secs_f64() > HEALTH {
            health = Instant::now();
            let asked = Connection::open_from(source, server);
            let _ = asked.and_then(|mut connection| connection.request(make.health(), None));
        }
        let rows = Some(shared.rows.load(Ordering::Relaxed)).filter(|rows| *rows > 0);
        let (path, body) = request(shared.kind, rows, &mut random);
        let connection = kept.take().filter(|(at, _)| *at == server);
        let connection = connection.map_or_else(
            || Connection::open_from(source, server),
            |(_, connection)| Ok(connection),
        );
        // An answer that fails is the server's affair: it may be just starting, or held still.
        if let Ok(mut connection) = connection
            && connection.request(path, Some(&body)).is_ok()
            && !shared.anew.load(Ordering::Relaxed)
        {
            kept = Some((server, connection));
        }
    }
}

/// Waits for the next request; false at the end.
fn pause(shared: &Shared, random: &mut Random) -> bool {
    let patience = random.exponential();
    let mut waited = 0.0;
    while !shared.stop.load(Ordering::Relaxed) {
        let thousandths = shared.thousandths.load(Ordering::Relaxed);
        let rate = RATE * f64::from(u32::try_from(thousandths).unwrap_or(u32::MAX)) / 1000.0;
        let left = (patience - waited) / rate.max(1e-9);
        let nap = left.min(NAP.as_secs_f64());
        thread::sleep(Duration::from_secs_f64(nap.max(0.0)));
        waited += nap * rate;
        if left <= NAP.as_secs_f64() && rate > 0.0 {
            return true;
        }
    }
    false
}

/// A request as this kind of server gets them: inferences above all.
pub fn request(kind: Kind, rows: Option<u32>, random: &mut Random) -> (&'static str, String) {
    let make = kind.make();
    if let Some(rows) = rows {
        let mut row = || (0..16).map(|_| random.fraction()).collect::<Vec<f64>>();
        let rows: Vec<Vec<f64>> = (0..rows).map(|_| row()).collect();
        return (make.path(), json!({"instances": rows}).to_string());
    }
    if make != Make::FastApi {
        return (make.path(), make.body()(random));
    }
    let body = make.body()(random);
    match random.below(100) {
        0..3 => {
            let host = Peers::media_name(random.below(1 << 20));
            let picture = format!("http://{host}/{:08x}.png", random.draw() >> 32);
            let mut body: serde_json::Value = serde_json::from_str(&body).unwrap_or_default();
            if let Some(fields) = body.as_object_mut() {
                fields.insert("image_url".to_owned(), json!(picture));
            }
            (make.path(), body.to_string())
        }
        3..5 => ("/ingest", ingest(random)),
        5..8 if kind == Kind::Jobs => {
            let job = usize::try_from(random.below(4))
                .ok()
                .and_then(|it| JOBS.get(it));
            ("/jobs", json!({"name": job}).to_string())
        }
        _ => (make.path(), body),
    }
}

fn ingest(random: &mut Random) -> String {
    let mut row = || {
        let vector: Vec<f64> = (0..8).map(|_| random.fraction()).collect();
        json!({"name": format!("note-{:x}", random.draw() >> 40), "vector": vector})
    };
    json!({"rows": [row(), row()]}).to_string()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use std::io::{BufRead as _, BufReader, Write as _};
    use std::net::{Ipv4Addr, TcpListener, TcpStream};

    use super::*;

    /// Answers what is asked on a connection, until that ends or is asked a second time; how often it was asked.
    fn asked(stream: TcpStream) -> usize {
        let mut reader = BufReader::new(stream);
        let mut requests = 0;
        let mut line = String::new();
        while requests < 2 && reader.read_line(&mut line).is_ok_and(|size| size > 0) {
            // Bodies are JSON in one line, so that only a request's first line says this.
            if line.contains(" HTTP/1.1") {
                requests += 1;
                let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
                reader.get_mut().write_all(answer).unwrap();
            }
            line.clear();
        }
        requests
    }

    #[test]
    fn a_client_opens_a_connection_for_each_request_when_told_so() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let clients = Clients::start(Kind::FastApi, &[Ipv4Addr::LOCALHOST.into()], 1);
        clients.times(100.0);
        clients.anew(true);
        clients.aim(Some(listener.local_addr().unwrap()));
        for _ in 0..3 {
            let (stream, _) = listener.accept().unwrap();
            assert_eq!(asked(stream), 1);
        }
        // Whoever waits for an answer now is let go.
        drop(listener);
    }
}
