#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "tests"
)]

use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::PermissionsExt;
use std::sync::Barrier;
use std::time::Instant;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UnixListener, UnixStream};

use super::*;
use crate::export::sample;

fn state() -> Arc<ApiState> {
    ApiState::new(Arc::new(sample::metrics()), Instant::now())
}

/// The status code of a GET.
async fn get(mut stream: impl AsyncRead + AsyncWrite + Unpin, path: &str) -> u16 {
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).await.unwrap();
    response.split(' ').nth(1).unwrap().parse().unwrap()
}

async fn tcp(address: &str) -> Result<Server, HttpError> {
    serve_tcp(address.parse().unwrap(), state()).await
}

#[tokio::test]
async fn loopback_serves_everything() {
    for address in ["127.0.0.1:0", "[::1]:0"] {
        let server = match tcp(address).await {
            Ok(server) => server,
            Err(HttpError::NoSuchAddress { .. }) if address.starts_with('[') => continue,
            Err(error) => panic!("{error}"),
        };
        for path in ["/", "/metrics", "/api/v1/status"] {
            let stream = TcpStream::connect(server.address().unwrap()).await.unwrap();
            assert_eq!(get(stream, path).await, 200, "{path}");
        }
    }
}

#[tokio::test]
async fn beyond_loopback_only_metrics_and_health_are_served() {
    let server = tcp("0.0.0.0:0").await.unwrap();
    let port = server.address().unwrap().port();
    for (path, expected) in [
        ("/metrics", 200),
        ("/livez", 200),
        ("/", 404),
        ("/api/v1/findings", 404),
    ] {
        let stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        assert_eq!(get(stream, path).await, expected, "{path}");
    }
}

#[tokio::test]
async fn a_taken_or_foreign_address_is_named_with_the_setting() {
    let first = tcp("127.0.0.1:0").await.unwrap();
    let taken = first.address().unwrap().to_string();
    assert_eq!(
        tcp(&taken).await.unwrap_err().to_string(),
        format!(
            "cannot listen on {taken}: another program uses this port; stop it, or set `listen` to a free port"
        )
    );
    // TEST-NET-1, which no machine has.
    assert_eq!(
        tcp("192.0.2.1:9477").await.unwrap_err().to_string(),
        "cannot listen on 192.0.2.1:9477: this machine has no such address; set `listen` to one that it has"
    );
}

#[tokio::test]
async fn a_dropped_server_frees_its_port() {
    let first = tcp("127.0.0.1:0").await.unwrap();
    let address = first.address().unwrap();
    let open = TcpStream::connect(address).await.unwrap();
    drop(first);
    let closed = async {
        while TcpStream::connect(address).await.is_ok() {
            tokio::task::yield_now().await;
        }
    };
    let patience = Duration::from_secs(20);
    tokio::time::timeout(patience, closed).await.unwrap();
    drop(open);
}

#[tokio::test]
async fn the_socket_is_private_and_removed_at_the_end() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("run/picket.sock");
    let server = serve_unix(&path, state()).await.unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&path), 0o600);
    assert_eq!(mode(path.parent().unwrap()), 0o700);
    let stream = UnixStream::connect(&path).await.unwrap();
    assert_eq!(get(stream, "/api/v1/status").await, 200);
    assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    drop(server);
    assert!(!path.exists());
}

#[tokio::test]
async fn a_stale_socket_is_replaced_and_a_live_one_is_not() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("picket.sock");
    drop(UnixListener::bind(&path).unwrap());
    assert!(path.exists(), "a killed agent leaves its socket behind");
    let server = serve_unix(&path, state()).await.unwrap();
    let error = serve_unix(&path, state()).await.unwrap_err();
    assert!(matches!(error, HttpError::SocketInUse { .. }), "{error}");
    let stream = UnixStream::connect(&path).await.unwrap();
    assert_eq!(get(stream, "/livez").await, 200, "it goes on serving");
    drop(server);
}

#[tokio::test]
async fn what_is_not_a_socket_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("picket.sock");
    fs::write(&path, "precious").unwrap();
    let error = serve_unix(&path, state()).await.unwrap_err();
    assert!(matches!(error, HttpError::NotASocket { .. }), "{error}");
    assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
}

#[tokio::test]
async fn a_socket_that_cannot_be_made_is_named_with_the_setting() {
    let error = serve_unix(Path::new("/proc/nowhere/picket.sock"), state()).await;
    let message = error.unwrap_err().to_string();
    let expected = "cannot listen on /proc/nowhere/picket.sock: cannot create its directory: ";
    assert!(message.starts_with(expected), "{message}");
    assert!(message.ends_with("; check `socket`"), "{message}");
}

#[tokio::test]
async fn clients_beyond_the_limit_wait_for_their_turn() {
    let server = tcp("127.0.0.1:0").await.unwrap();
    let address = server.address().unwrap();
    let mut idle = Vec::new();
    for _ in 0..MAX_CONNECTIONS {
        idle.push(TcpStream::connect(address).await.unwrap());
    }
    let waiting = tokio::spawn(async move {
        let stream = TcpStream::connect(address).await.unwrap();
        get(stream, "/livez").await
    });
    idle.clear();
    assert_eq!(waiting.await.unwrap(), 200);
}

/// What the agent's runtime does is nothing to whoever scrapes: here it does nothing at all until the answer is there.
#[test]
fn a_runtime_all_of_whose_threads_are_blocked_delays_no_scrape() {
    const WORKERS: usize = 2;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(WORKERS)
        .enable_all()
        .build()
        .unwrap();
    let server = runtime.block_on(tcp("127.0.0.1:0")).unwrap();
    let [blocked, released] = [(); 2].map(|()| Arc::new(Barrier::new(WORKERS + 1)));
    for _ in 0..WORKERS {
        let (blocked, released) = (Arc::clone(&blocked), Arc::clone(&released));
        runtime.spawn(async move {
            blocked.wait();
            released.wait();
        });
    }
    blocked.wait();
    let scrape = || {
        let mut stream = std::net::TcpStream::connect(server.address()?).ok()?;
        let patience = Some(Duration::from_secs(20));
        stream.set_read_timeout(patience).ok()?;
        let request = "GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
        stream.write_all(request.as_bytes()).ok()?;
        let mut response = String::new();
        stream.read_to_string(&mut response).ok()?;
        Some(response)
    };
    let response = scrape();
    // Before anything is asserted, for the runtime's end waits for its threads.
    released.wait();
    let response = response.expect("an answer");
    assert!(response.starts_with("HTTP/1.1 200 "), "{response}");
    assert!(response.ends_with('\n'), "{response}");
}

#[tokio::test]
async fn a_server_that_is_dropped_ends_its_connections() {
    let server = tcp("127.0.0.1:0").await.unwrap();
    let mut stream = TcpStream::connect(server.address().unwrap()).await.unwrap();
    // A stream has no end of its own.
    let request = "GET /api/v1/findings/stream HTTP/1.1\r\nHost: localhost\r\n\r\n";
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut head = [0; 8];
    stream.read_exact(&mut head).await.unwrap();
    drop(server);
    let mut rest = Vec::new();
    let patience = Duration::from_secs(20);
    // The end, or a reset: what matters is that it comes.
    let ended = tokio::time::timeout(patience, stream.read_to_end(&mut rest)).await;
    assert!(ended.is_ok());
}
