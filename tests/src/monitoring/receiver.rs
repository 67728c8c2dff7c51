//! A webhook receiver: whom Alertmanager tells.
#![allow(
    clippy::indexing_slicing,
    reason = "indexing JSON yields null, not a panic"
)]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::wait;

const TIMEOUT: Duration = Duration::from_secs(5);

/// A message of Alertmanager's.
#[derive(Clone, Debug)]
pub struct Message {
    /// The receiver that the configuration sends it to: `pager` or `tickets`.
    pub receiver: String,
    /// When it came.
    pub at: Instant,
    /// All of it.
    pub json: Value,
}

impl Message {
    /// Whether it tells of something that is so now, not of its end.
    #[must_use]
    pub fn is_firing(&self) -> bool {
        self.json["status"] == "firing"
    }

    /// Whether it has an alert with this value of a label.
    #[must_use]
    pub fn is_about(&self, label: &str, value: &str) -> bool {
        self.alerts().iter().any(|it| it["labels"][label] == value)
    }

    /// Its alerts.
    #[must_use]
    pub fn alerts(&self) -> &[Value] {
        let alerts = self.json["alerts"].as_array();
        alerts.map(Vec::as_slice).unwrap_or_default()
    }
}

/// A receiver that keeps what it is told.
pub struct Receiver {
    /// Where it listens.
    pub address: SocketAddr,
    messages: Arc<Mutex<Vec<Message>>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Receiver {
    /// Starts one.
    ///
    /// # Errors
    /// When it cannot listen.
    pub fn start() -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let messages = Arc::new(Mutex::new(Vec::new()));
        let stop = Arc::new(AtomicBool::new(false));
        let thread = {
            let (messages, stop) = (Arc::clone(&messages), Arc::clone(&stop));
            thread::spawn(move || receive(&listener, &messages, &stop))
        };
        Ok(Self {
            address,
            messages,
            stop,
            thread: Some(thread),
        })
    }

    /// What it was told so far.
    #[must_use]
    pub fn messages(&self) -> Vec<Message> {
        lock(&self.messages).clone()
    }

    /// The messages that tell of something firing, with this value of a label.
    #[must_use]
    pub fn firing(&self, label: &str, value: &str) -> Vec<Message> {
        let messages = self.messages().into_iter();
        messages
            .filter(|it| it.is_firing() && it.is_about(label, value))
            .collect()
    }

    /// Waits for the first message that tells of something firing, with this value of a label.
    ///
    /// # Errors
    /// When none comes within `limit`.
    pub fn await_firing(&self, label: &str, value: &str, limit: Duration) -> Result<Message> {
        let what = format!("a message about {label} {value}");
        wait::until(&what, limit, || {
            Ok(self.firing(label, value).into_iter().next())
        })
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        // Wakes it.
        drop(TcpStream::connect(self.address));
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn receive(listener: &TcpListener, messages: &Mutex<Vec<Message>>, stop: &AtomicBool) {
    for stream in listener.incoming() {
        if stop.load(Ordering::Relaxed) {
            return;
        }
        match stream.map_err(Into::into).and_then(|it| message(&it)) {
            Ok(message) => lock(messages).push(message),
            Err(error) => eprintln!("the receiver was sent what is no message: {error:#}"),
        }
    }
}

/// Reads a message and answers it.
fn message(mut stream: &TcpStream) -> Result<Message> {
    stream.set_read_timeout(Some(TIMEOUT))?;
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let path = line.split(' ').nth(1).context("no request")?;
    let receiver = path.trim_start_matches('/').to_owned();
    let mut length = None;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            bail!("the request ended early");
        }
        let line = line.trim_end().to_ascii_lowercase();
        if line.is_empty() {
            break;
        }
        if let Some(value) = line.strip_prefix("content-length:") {
            length = Some(value.trim().parse::<u32>()?);
        }
    }
    let mut body = vec![0; usize::try_from(length.context("no length")?)?];
    reader.read_exact(&mut body)?;
    let json = serde_json::from_slice(&body)?;
    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")?;
    Ok(Message {
        receiver,
        at: Instant::now(),
        json,
    })
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
