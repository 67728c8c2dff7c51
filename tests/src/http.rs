//! A small HTTP/1.1 client over one kept connection.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use socket2::{Domain, Socket, Type};

const TIMEOUT: Duration = Duration::from_secs(10);

/// No answer here is larger.
const MAX_BODY: usize = 64 << 20;

/// An answer.
pub struct Answer {
    /// Status code.
    pub status: u16,
    /// Body, as text.
    pub body: String,
}

/// One connection to a server.
pub struct Connection {
    host: SocketAddr,
    reader: BufReader<TcpStream>,
}

impl Connection {
    /// Connects.
    ///
    /// # Errors
    /// When nothing listens there.
    pub fn open(host: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect_timeout(&host, TIMEOUT)
            .with_context(|| format!("cannot connect to {host}"))?;
        Self::over(stream, host)
    }

    /// Connects from an address of this machine.
    ///
    /// # Errors
    /// When nothing listens there, or the address is not this machine's.
    pub fn open_from(source: IpAddr, host: SocketAddr) -> Result<Self> {
        let socket = Socket::new(Domain::for_address(host), Type::STREAM, None)?;
        socket.bind(&SocketAddr::new(source, 0).into())?;
        socket
            .connect_timeout(&host.into(), TIMEOUT)
            .with_context(|| format!("cannot connect from {source} to {host}"))?;
        Self::over(socket.into(), host)
    }

    fn over(stream: TcpStream, host: SocketAddr) -> Result<Self> {
        stream.set_read_timeout(Some(TIMEOUT))?;
        stream.set_nodelay(true)?;
        Ok(Self {
            host,
            reader: BufReader::new(stream),
        })
    }

    /// Waits for an answer for so long instead of ten seconds.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn with_patience(self, patience: Duration) -> Result<Self> {
        self.reader.get_ref().set_read_timeout(Some(patience))?;
        Ok(self)
    }

    /// Sends a request and reads the answer; a body makes it a POST of JSON.
    ///
    /// # Errors
    /// When the connection breaks or the answer is not HTTP.
    pub fn request(&mut self, path: &str, body: Option<&str>) -> Result<Answer> {
        let method = if body.is_some() { "POST" } else { "GET" };
        self.send(method, path, body)
    }

    /// Sends a request of a method, with a body of JSON if there is one, and reads the answer.
    ///
    /// # Errors
    /// When the connection breaks or the answer is not HTTP.
    pub fn send(&mut self, method: &str, path: &str, body: Option<&str>) -> Result<Answer> {
        self.exchange(method, path, "", body)
    }

    /// Gets a page in a form.
    ///
    /// # Errors
    /// When the connection breaks or the answer is not HTTP.
    pub fn get_as(&mut self, path: &str, form: &str) -> Result<Answer> {
        self.exchange("GET", path, &format!("accept: {form}\r\n"), None)
    }

    fn exchange(
        &mut self,
        method: &str,
        path: &str,
        headers: &str,
        body: Option<&str>,
    ) -> Result<Answer> {
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: {}\r\n{headers}",
            self.host
        );
        let head = match body {
            None => format!("{head}\r\n"),
            Some(body) => format!(
                "{head}content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
                body.len()
            ),
        };
        self.reader.get_mut().write_all(head.as_bytes())?;
        read_answer(&mut self.reader).with_context(|| format!("{} {path}", self.host))
    }
}

/// Gets a page over a connection of its own.
///
/// # Errors
/// When there is no answer, or one other than 200.
pub fn get(host: SocketAddr, path: &str) -> Result<String> {
    let answer = Connection::open(host)?.request(path, None)?;
    match answer.status {
        200 => Ok(answer.body),
        status => bail!("{host}{path} answered {status}: {}", answer.body),
    }
}

/// The part of an address after its question mark.
#[must_use]
pub fn parameters(pairs: &[(&str, &str)]) -> String {
    let pairs = pairs
        .iter()
        .map(|(name, value)| format!("{name}={}", encode(value)));
    pairs.collect::<Vec<_>>().join("&")
}

fn encode(value: &str) -> String {
    let bytes = value.bytes().map(|byte| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'_' | b'-' => {
            char::from(byte).to_string()
        }
        other => format!("%{other:02X}"),
    });
    bytes.collect()
}

fn read_answer(reader: &mut impl BufRead) -> Result<Answer> {
    let status_line = read_line(reader)?;
    let status = status_line
        .strip_prefix("HTTP/1.")
        .and_then(|rest| rest.split(' ').nth(1)?.parse().ok())
        .with_context(|| format!("not an HTTP answer: {status_line:?}"))?;
    let mut length = 0;
    let mut chunked = false;
    loop {
        let line = read_line(reader)?.to_ascii_lowercase();
        if line.is_empty() {
            break;
        }
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().context("content-length")?;
        } else if let Some(value) = line.strip_prefix("transfer-encoding:") {
            chunked = value.trim() == "chunked";
        }
    }
    let body = if chunked {
        read_chunks(reader)?
    } else {
        read_exactly(reader, length)?
    };
    Ok(Answer {
        status,
        body: String::from_utf8_lossy(&body).into_owned(),
    })
}

fn read_chunks(reader: &mut impl BufRead) -> Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let size = usize::from_str_radix(&read_line(reader)?, 16).context("size of a chunk")?;
        body.extend(read_exactly(reader, size)?);
        read_line(reader)?;
        if size == 0 {
            return Ok(body);
        }
    }
}

fn read_exactly(reader: &mut impl Read, length: usize) -> Result<Vec<u8>> {
    if length > MAX_BODY {
        bail!("an answer of {length} bytes is more than expected");
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    Ok(body)
}

fn read_line(reader: &mut impl BufRead) -> Result<String> {
    let mut line = String::new();
    reader.read_line(&mut line)?;
    if !line.ends_with('\n') {
        bail!("the connection ended early");
    }
    Ok(line.trim_end().to_owned())
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        reason = "tests"
    )]

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reads_an_answer_with_a_length_and_one_in_chunks() {
        let plain = b"HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\ngone";
        let answer = read_answer(&mut &plain[..]).unwrap();
        assert_eq!((answer.status, answer.body.as_str()), (404, "gone"));
        let chunks = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n";
        let answer = read_answer(&mut &chunks[..]).unwrap();
        assert_eq!((answer.status, answer.body.as_str()), (200, "abcde"));
    }

    #[test]
    fn parameters_are_encoded() {
        let pairs = [("query", "a{b=\"c d\"}"), ("limit", "9")];
        assert_eq!(parameters(&pairs), "query=a%7Bb%3D%22c%20d%22%7D&limit=9");
    }

    #[test]
    fn refuses_what_ends_early() {
        for text in [
            "",
            "HTTP/1.1 200 OK\r\n",
            "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nab",
        ] {
            assert!(read_answer(&mut text.as_bytes()).is_err(), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn no_answer_makes_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = read_answer(&mut &bytes[..]);
            let _ = read_answer(&mut &[b"HTTP/1.1 200 OK\r\n".as_slice(), &bytes].concat()[..]);
        }
    }
}
