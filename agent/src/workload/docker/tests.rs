#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "tests"
)]

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixListener;
use tokio::task::JoinHandle;

use super::*;

const ID: &str = "4d4b49dcf9104400e66aa22582cdf6ecfb6ffefaa942fb18f630207343b39000";

fn answer(id: &str) -> String {
    format!(
        r#"{{"Id":"{id}","Created":"2026-11-20T19:57:33Z","State":{{"Pid":7}},"Name":"/my-server","Image":"sha256:8feb",
            "Config":{{"Image":"wl/serve:v1","Env":["TOKEN=secret"],"Labels":{{"team":"ml"}}}}}}"#
    )
}

fn details() -> Details {
    Details {
        name: "my-server".to_owned(),
        image: "wl/serve:v1".to_owned(),
        image_id: "sha256:8feb".to_owned(),
        labels: BTreeMap::from([("team".to_owned(), "ml".to_owned())]),
    }
}

/// An engine that gives one answer, and returns the request it got.
struct Engine {
    directory: tempfile::TempDir,
    server: JoinHandle<String>,
}

impl Engine {
    fn answering(head: &str, body: impl Into<Vec<u8>>) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(directory.path().join("engine.sock")).unwrap();
        let body = body.into();
        let head = format!("HTTP/1.1 {head}\r\nContent-Length: {}\r\n\r\n", body.len());
        let server = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = vec![0; 4096];
            let length = stream.read(&mut request).await.unwrap();
            // The client may hang up before it has everything.
            let _ = stream.write_all(head.as_bytes()).await;
            let _ = stream.write_all(&body).await;
            String::from_utf8(request[..length].to_vec()).unwrap()
        });
        Self { directory, server }
    }

    async fn inspect(&self) -> Result<Option<Details>, Error> {
        inspect(&self.directory.path().join("engine.sock"), ID, TIMEOUT).await
    }
}

#[tokio::test]
async fn asks_for_the_container_and_reads_the_answer() {
    let engine = Engine::answering("200 OK", answer(ID));
    let found = engine.inspect().await.unwrap();
    assert_eq!(found, Some(details()));
    let request = engine.server.await.unwrap();
    assert!(
        request.starts_with(&format!("GET /containers/{ID}/json HTTP/1.1\r\n")),
        "{request}"
    );
    assert!(
        request.to_lowercase().contains("\r\nhost: docker\r\n"),
        "{request}"
    );
}

#[tokio::test]
async fn a_container_of_another_runtime_is_no_error() {
    let engine = Engine::answering("404 Not Found", r#"{"message":"No such container"}"#);
    assert_eq!(engine.inspect().await.unwrap(), None);
    // Found by name, not by id.
    let engine = Engine::answering("200 OK", answer("another"));
    assert_eq!(engine.inspect().await.unwrap(), None);
}

#[tokio::test]
async fn no_engine_is_no_error_but_a_dead_one_is() {
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("engine.sock");
    assert_eq!(inspect(&socket, ID, TIMEOUT).await.unwrap(), None);
    drop(std::os::unix::net::UnixListener::bind(&socket).unwrap());
    let dead = inspect(&socket, ID, TIMEOUT).await;
    assert!(matches!(dead, Err(Error::Connect { .. })), "{dead:?}");
}

#[tokio::test]
async fn wrong_answers_are_errors() {
    let refused = Engine::answering("500 Internal Server Error", "{}")
        .inspect()
        .await;
    assert!(matches!(refused, Err(Error::Status { status, .. }) if status == 500));
    let strange = Engine::answering("200 OK", "[]").inspect().await;
    assert!(matches!(strange, Err(Error::Invalid { .. })), "{strange:?}");
    let large = Engine::answering("200 OK", vec![b' '; bounded_file::LARGEST + 1])
        .inspect()
        .await;
    assert!(matches!(large, Err(Error::Body { .. })), "{large:?}");
    let garbage = Engine::answering("nonsense", "").inspect().await;
    assert!(matches!(garbage, Err(Error::Http { .. })), "{garbage:?}");
}

#[tokio::test]
async fn a_silent_engine_is_given_up_on() {
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("engine.sock");
    let _listener = UnixListener::bind(&socket).unwrap();
    let silent = inspect(&socket, ID, Duration::from_millis(20)).await;
    assert!(matches!(silent, Err(Error::Timeout { .. })), "{silent:?}");
}

#[tokio::test]
async fn reads_the_record_beside_the_mounted_files() {
    let data = tempfile::tempdir().unwrap();
    let folder = data.path().join("containers").join(ID);
    std::fs::create_dir_all(&folder).unwrap();
    let mount = |destination: &str, source: PathBuf| Mount {
        destination: destination.into(),
        source,
    };
    let mounts = [
        mount("/proc", "proc".into()),
        mount("/etc/hosts", data.path().join("containers/another/hosts")),
    ];
    assert_eq!(read_record(&mounts, ID).await.unwrap(), None);

    let record = answer(ID).replace(r#""Id":"#, r#""ID":"#);
    std::fs::write(folder.join("config.v2.json"), record).unwrap();
    assert_eq!(read_record(&mounts, ID).await.unwrap(), Some(details()));
    assert_eq!(read_record(&mounts[..1], ID).await.unwrap(), None);

    std::fs::write(folder.join("config.v2.json"), answer("another")).unwrap();
    assert_eq!(read_record(&mounts, ID).await.unwrap(), None);
}

#[test]
fn only_the_engines_own_files_lead_to_a_record() {
    let path = |destination: &str, source: &str| {
        let mount = Mount {
            destination: destination.into(),
            source: source.into(),
        };
        record_path(&[mount], "abc")
    };
    assert_eq!(
        path("/etc/hostname", "/var/lib/docker/containers/abc/hostname"),
        Some("/var/lib/docker/containers/abc/config.v2.json".into())
    );
    assert_eq!(
        path("/data", "/var/lib/docker/containers/abc/hostname"),
        None
    );
    assert_eq!(path("/etc/hosts", "/srv/my/hosts"), None);
    assert_eq!(path("/etc/hosts", "hosts"), None);
}
