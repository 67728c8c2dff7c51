//! An API server that gives the answers of a conversation in their order, one to each request.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// What the server does with a request. The bytes are those of HTTP, from the status line on.
#[derive(Clone, Debug)]
pub enum Answer {
    /// These bytes, after which the connection can be used again.
    Whole(Vec<u8>),
    /// The same after so long.
    Slow(Duration, Vec<u8>),
    /// These bytes, and silence.
    Open(Vec<u8>),
    /// These bytes, and the end of the connection.
    Broken(Vec<u8>),
}

impl Answer {
    /// A whole answer with this status and body.
    pub fn of(status: u16, body: &str) -> Self {
        let length = body.len();
        let head = "Content-Type: application/json\r\nContent-Length:";
        Self::Whole(format!("HTTP/1.1 {status} Answer\r\n{head} {length}\r\n\r\n{body}").into())
    }
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

/// Serves one connection until one side ends it.
async fn serve(
    mut stream: TcpStream,
    answers: &Mutex<VecDeque<Answer>>,
    requested: &watch::Sender<Vec<String>>,
) -> std::io::Result<()> {
    loop {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await?);
        }
        let head = String::from_utf8_lossy(&head).into_owned();
        let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
        let answer = answers.lock().unwrap().pop_front();
        requested.send_modify(|requests| requests.push(path));
        match answer {
            Some(Answer::Whole(bytes)) => stream.write_all(&bytes).await?,
            Some(Answer::Slow(delay, bytes)) => {
                tokio::time::sleep(delay).await;
                stream.write_all(&bytes).await?;
            }
            Some(Answer::Broken(bytes)) => return stream.write_all(&bytes).await,
            Some(Answer::Open(bytes)) => {
                stream.write_all(&bytes).await?;
                return silence(&mut stream).await;
            }
            None => return silence(&mut stream).await,
        }
    }
}

/// Says nothing until the client goes away.
async fn silence(stream: &mut TcpStream) -> std::io::Result<()> {
    stream.read_u8().await.map(drop)
}
