//! An API server of Kubernetes that knows pods and nothing else: it lists them, and tells whoever watches of changes.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::Result;
use serde_json::{Value, json};

/// How long a connection waits for the next event before it looks whether it is still wanted.
const LOOK: Duration = Duration::from_millis(200);

/// A running server; it ends when dropped.
pub struct ApiServer {
    kubeconfig: tempfile::NamedTempFile,
    cluster: Arc<Cluster>,
}

#[derive(Default)]
struct Cluster {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    pods: BTreeMap<String, Value>,
    /// What happened, by resource version.
    events: BTreeMap<u64, Value>,
    version: u64,
    hangs: bool,
    ended: bool,
    requests: Vec<String>,
}

impl ApiServer {
    /// Starts one without a pod.
    ///
    /// # Errors
    /// When there is no port or no room.
    pub fn start() -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let url = format!("http://{}", listener.local_addr()?);
        let kubeconfig = tempfile::NamedTempFile::new()?;
        let name = "test";
        let config = json!({
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": name, "cluster": {"server": url}}],
            "users": [{"name": name, "user": {}}],
            "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
            "current-context": name,
        });
        serde_json::to_writer(&kubeconfig, &config)?;
        let cluster = Arc::new(Cluster::default());
        let served = Arc::clone(&cluster);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if served.state().ended {
                    return;
                }
                let cluster = Arc::clone(&served);
                // A client that goes away is no failure of the server.
                thread::spawn(move || drop(cluster.serve(stream)));
            }
        });
        Ok(Self {
            kubeconfig,
            cluster,
        })
    }

    /// The file that `KUBECONFIG` is to name.
    #[must_use]
    pub fn kubeconfig(&self) -> &Path {
        self.kubeconfig.path()
    }

    /// Makes or changes a pod.
    pub fn put(&self, mut pod: Value) {
        let mut state = self.cluster.state();
        // Lists of nothing are of version 1.
        state.version = state.version.max(1) + 1;
        let version = state.version;
        if let Some(meta) = pod.pointer_mut("/metadata") {
            merge(meta, &[("resourceVersion", json!(version.to_string()))]);
        }
        let uid = pod.pointer("/metadata/uid").and_then(Value::as_str);
        let uid = uid.unwrap_or_default().to_owned();
        let kind = match state.pods.insert(uid, pod.clone()) {
            Some(_) => "MODIFIED",
            None => "ADDED",
        };
        let event = json!({"type": kind, "object": pod});
        state.events.insert(version, event);
        drop(state);
        self.cluster.changed.notify_all();
    }

    /// Lets every request wait from now on, or no longer.
    pub fn hang(&self, hangs: bool) {
        self.cluster.state().hangs = hangs;
        self.cluster.changed.notify_all();
    }

    /// The paths with queries that were asked for.
    #[must_use]
    pub fn requests(&self) -> Vec<String> {
        self.cluster.state().requests.clone()
    }
}

fn merge(object: &mut Value, fields: &[(&str, Value)]) {
    if let Some(object) = object.as_object_mut() {
        for (name, value) in fields {
            object.insert((*name).to_owned(), value.clone());
        }
    }
}

impl Drop for ApiServer {
    fn drop(&mut self) {
        self.cluster.state().ended = true;
        self.cluster.changed.notify_all();
    }
}

impl Cluster {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a change, for a while.
    fn wait<'s>(&self, state: MutexGuard<'s, State>) -> MutexGuard<'s, State> {
        let waited = self.changed.wait_timeout(state, LOOK);
        waited.unwrap_or_else(PoisonError::into_inner).0
    }

    /// Answers one request and closes the connection.
    fn serve(&self, mut stream: TcpStream) -> Result<()> {
        let mut reader = BufReader::new(stream.try_clone()?);
        let mut first = String::new();
        reader.read_line(&mut first)?;
        let mut line = String::new();
        while reader.read_line(&mut line)? > 2 {
            line.clear();
        }
        let path = first.split(' ').nth(1).unwrap_or_default().to_owned();
        let mut state = self.state();
        state.requests.push(path.clone());
        while state.hangs && !state.ended {
            state = self.wait(state);
        }
        if path.contains("watch=true") {
            drop(state);
            return self.tell(&mut stream, &path);
        }
        let pods: Vec<&Value> = state.pods.values().collect();
        let list = json!({
            "kind": "PodList",
            "apiVersion": "v1",
            "metadata": {"resourceVersion": state.version.max(1).to_string()},
            "items": pods,
        });
        drop(state);
        let body = list.to_string();
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes())?;
        Ok(stream.write_all(body.as_bytes())?)
    }

    /// Tells of every event from the wanted version on, until the client or the server ends.
    fn tell(&self, stream: &mut TcpStream, path: &str) -> Result<()> {
        let (_, version) = path.split_once("resourceVersion=").unwrap_or_default();
        let digits: String = version.chars().take_while(char::is_ascii_digit).collect();
        let mut told: u64 = digits.parse().unwrap_or(0);
        let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n";
        stream.write_all(head.as_bytes())?;
        let mut state = self.state();
        while !state.ended {
            let news = state.events.range(told + 1..).next();
            let Some((version, event)) = news.map(|(version, event)| (*version, event.to_string()))
            else {
                state = self.wait(state);
                continue;
            };
            drop(state);
            told = version;
            let piece = format!("{:x}\r\n{event}\n\r\n", event.len() + 1);
            stream.write_all(piece.as_bytes())?;
            state = self.state();
        }
        Ok(())
    }
}
