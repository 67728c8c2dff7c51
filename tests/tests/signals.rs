//! What is ordinary one by one: amounts to a known place, regular contacts, and a read of credentials before a contact.
#![allow(
    clippy::indexing_slicing,
    reason = "indexing JSON yields null, not a panic"
)]

use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use picket_tests::agent::{Agent, Home};
use picket_tests::docker::{Container, Network, Run, unique};
use picket_tests::http;
use picket_tests::image::{self, Variant};
use picket_tests::load::Load;
use picket_tests::peer::Peer;
use picket_tests::suite::{Fixture, Suite};
use picket_tests::wait;
use serde_json::Value;

const LEARNING_LIMIT: Duration = Duration::from_secs(180);
const FINDING_LIMIT: Duration = Duration::from_secs(240);

/// A server that reports to one place every two seconds, and does what it is asked to under `/deed/`.
const SERVER: &str = r#"
import http.server, os, socket, threading, time

def address(name):
    host, port = os.environ[name].rsplit(":", 1)
    return host, int(port)

def send(to, size):
    with socket.create_connection(address(to)) as peer:
        peer.sendall(b"x" * size)

def telemetry():
    while True:
        send("KNOWN", 200)
        time.sleep(2)

def theft():
    for _ in range(120):
        send("KNOWN", 200_000)
        time.sleep(1)

def beacon():
    for _ in range(60):
        send("STRANGER", 100)
        time.sleep(6)

def secret():
    open(KEY).read()
    send("STRANGER", 100)

class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self):
        self.send_response(200)
        self.send_header("content-length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def do_GET(self):
        _, asked, deed = self.path.rpartition("/deed/")
        if asked:
            threading.Thread(target=globals()[deed], daemon=True).start()
        self.answer()

    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        self.answer()

    def log_message(self, *_):
        pass

KEY = "/tmp/id_rsa"
with open(KEY, "w") as key:
    key.write("a key")
threading.Thread(target=telemetry, daemon=True).start()
http.server.ThreadingHTTPServer(("", 8000), Handler).serve_forever()
"#;

fn main() -> ExitCode {
    Suite::<Camp>::default()
        .test("much_to_a_known_place_is_found", theft)
        .test("regular_contacts_are_found", beacon)
        .test("credentials_before_a_contact_are_found", secret)
        .test("the_ordinary_server_stays_clean", clean)
        .run()
}

/// An agent that has learned one server, and three more of the same image, one for each deed.
struct Camp {
    _traffic: Vec<Load>,
    learned: Container,
    victims: [Container; 3],
    agent: Agent,
    _peers: [Peer; 2],
    _image: Variant,
    home: Home,
    _network: Network,
}

impl Fixture for Camp {
    fn create() -> Result<Self> {
        let image = Variant::create(&image::provide(image::MODEL_SERVER)?, &unique("signals"))?;
        let busybox = image::provide(image::BUSYBOX)?;
        let home = Home::create()?;
        let agent = Agent::start(&home)?;
        let network = Network::create()?;
        let peers = [
            Peer::start(&busybox, &network)?,
            Peer::start(&busybox, &network)?,
        ];
        let environment = [
            format!("KNOWN={}", peers[0].address),
            format!("STRANGER={}", peers[1].address),
        ];
        let start = || {
            let server = Container::start(&Run {
                image: &image.tag,
                name: "signals",
                network: Some(&network),
                environment: &environment,
                command: &["python3", "-c", SERVER],
            })?;
            let address = address(&server)?;
            wait::until("the server's start", Duration::from_secs(60), || {
                Ok(http::get(address, "/").ok())
            })?;
            let load = Load::start(address, 2, 20.0);
            Ok::<_, anyhow::Error>((server, load))
        };
        let (learned, load) = start()?;
        let learning = agent.await_state(&learned.name, "active", LEARNING_LIMIT);
        learning.with_context(|| home.evidence())?;
        let mut traffic = vec![load];
        let mut victim = || {
            let (server, load) = start()?;
            traffic.push(load);
            Ok::<_, anyhow::Error>(server)
        };
        let victims = [victim()?, victim()?, victim()?];
        Ok(Self {
            _traffic: traffic,
            learned,
            victims,
            agent,
            _peers: peers,
            _image: image,
            home,
            _network: network,
        })
    }

    fn evidence(&self) -> String {
        self.home.evidence()
    }
}

fn address(server: &Container) -> Result<SocketAddr> {
    Ok(SocketAddr::new(server.address()?, 8000))
}

impl Camp {
    /// Sets off a deed and returns the first finding of its feature.
    fn found(&self, victim: usize, deed: &str, feature: &str) -> Result<Value> {
        let victim = &self.victims[victim];
        http::get(address(victim)?, &format!("/deed/{deed}"))?;
        wait::until(feature, FINDING_LIMIT, || {
            let findings = self.home.findings().into_iter();
            let mut about = findings.filter(|it| it.to_string().contains(&victim.id));
            Ok(about.find(|it| it["unmapped"]["picket"]["feature"] == feature))
        })
    }
}

fn theft(camp: &mut Camp) -> Result<()> {
    let finding = camp.found(0, "theft", "out")?;
    let title = finding["finding_info"]["title"].to_string();
    ensure!(title.contains("were sent to tcp"), "{finding:#}");
    Ok(())
}

fn beacon(camp: &mut Camp) -> Result<()> {
    let finding = camp.found(1, "beacon", "beacon")?;
    let title = finding["finding_info"]["title"].to_string();
    ensure!(title.contains("is contacted every"), "{finding:#}");
    Ok(())
}

fn secret(camp: &mut Camp) -> Result<()> {
    let finding = camp.found(2, "secret", "secret_read_then_connect")?;
    ensure!(
        finding["finding_info"]["types"][0] == "network",
        "{finding:#}"
    );
    Ok(())
}

fn clean(camp: &mut Camp) -> Result<()> {
    let anomalies = camp.agent.all_anomalies(&camp.learned.name)?;
    ensure!(anomalies == Some(0.0), "{anomalies:?} anomalies");
    Ok(())
}
