//! An API server that gives the answers of a conversation in their order, each on a connection of its own.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// What the server does with a request.
#[derive(Clone, Debug)]
pub enum Answer {
    /// This status and body.
    Whole(u16, String),
    /// The same after so long.
    Slow(Duration, String),
    /// These events, and the end of the stream.
    Events(String),
    /// These events, and then the connection breaks within the next one.
    Broken(String),
    /// These events, and silence.
    Open(String),
}

/// A running server.
pub struct Server {
    /// Its address as a URL.
    pub url: String,
    requests: watch::Receiver<Vec<String>>,
}

impl Server {
    /// Gives these answers, and none to requests that come after.
    pub async fn replay(answers: impl IntoIterator<Item = Answer>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let answers: VecDeque<Answer> = answers.into_iter().collect();
        let answers = Arc::new(Mutex::new(answers));
        let (requested, requests) = watch::channel(Vec::new());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (answers, requested) = (Arc::clone(&answers), requested.clone());
                tokio::spawn(async move {
                    // A client that goes away is no failure of the server.
                    let _ = serve(stream, &answers, &requested).await;
                });
            }
        });
        Self { url, requests }
    }

    /// The paths with queries that were asked for, once there are so many.
    pub async fn requests(&self, count: usize) -> Vec<String> {
        let mut requests = self.requests.clone();
        let enough = requests.wait_for(|requests| requests.len() >= count);
        enough.await.unwrap().clone()
    }
}

async fn serve(
    mut stream: TcpStream,
    answers: &Mutex<VecDeque<Answer>>,
    requested: &watch::Sender<Vec<String>>,
) -> std::io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
    let answer = answers.lock().unwrap().pop_front();
    requested.send_modify(|requests| requests.push(path));
    match answer {
        Some(Answer::Whole(status, body)) => whole(&mut stream, status, &body).await,
        Some(Answer::Slow(delay, body)) => {
            tokio::time::sleep(delay).await;
            whole(&mut stream, 200, &body).await
        }
        Some(Answer::Events(events)) => {
            send(&mut stream, &events).await?;
            stream.write_all(b"0\r\n\r\n").await
        }
        Some(Answer::Broken(events)) => {
            send(&mut stream, &events).await?;
            stream.write_all(b"400\r\n{\"type\":\"MODIF").await
        }
        Some(Answer::Open(events)) => {
            send(&mut stream, &events).await?;
            silence(&mut stream).await
        }
        None => silence(&mut stream).await,
    }
}

async fn whole(stream: &mut TcpStream, status: u16, body: &str) -> std::io::Result<()> {
    let head = format!(
        "HTTP/1.1 {status} Answer\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(body.as_bytes()).await
}

/// The beginning of a watch: every event in a piece of its own.
async fn send(stream: &mut TcpStream, events: &str) -> std::io::Result<()> {
    let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n";
    stream.write_all(head.as_bytes()).await?;
    for event in events.split_inclusive('\n') {
        let piece = format!("{:x}\r\n{event}\r\n", event.len());
        stream.write_all(piece.as_bytes()).await?;
    }
    Ok(())
}

/// Says nothing until the client goes away.
async fn silence(stream: &mut TcpStream) -> std::io::Result<()> {
    stream.read_u8().await.map(drop)
}
