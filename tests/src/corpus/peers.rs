//! Whom the servers of the corpus talk to: registry, LLM API, name server, media hosts, a sibling, and the attacker's sink.

use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::json;

use super::folder;
use crate::docker::{Container, Network, Run, docker};
use crate::http::Connection;
use crate::image;
use crate::wait;

/// Names under which the servers know their peers.
pub const REGISTRY: &str = "registry.models.internal";
/// As [`REGISTRY`].
pub const LLM_API: &str = "llmapi.partner.example";

/// Where the name server is told names.
const CONTROL: u16 = 8053;

/// Where the registry is told its plans.
const REGISTRY_PORT: u16 = 9000;

/// The peers, each with a port that it answers on. The name server needs to know the sink.
const PEERS: [(&str, u16); 6] = [
    ("sink", 443),
    ("dns", CONTROL),
    ("registry", REGISTRY_PORT),
    ("llmapi", 8443),
    ("media", 80),
    ("sibling", 8081),
];

/// Media hosts, by name and by address; the workload meets them one after the other.
const MEDIA_HOSTS: u8 = 12;

/// The addresses of clients that every server knows from learning.
pub const KNOWN_CLIENTS: usize = 3;

/// The peers on a network of their own.
pub struct Peers {
    containers: Mutex<BTreeMap<&'static str, Container>>,
    bridge: Bridge,
    /// The network that the servers join.
    pub network: Network,
}

impl Peers {
    /// Starts them.
    ///
    /// # Errors
    /// When one does not come up.
    pub fn start() -> Result<Self> {
        let network = Network::create()?;
        let bridge = Bridge::of(&network)?;
        let peers = Self {
            containers: Mutex::new(BTreeMap::new()),
            bridge,
            network,
        };
        for (name, port) in PEERS {
            peers.launch(name, port)?;
        }
        peers.name_all()?;
        Ok(peers)
    }

    fn launch(&self, name: &'static str, port: u16) -> Result<()> {
        let program = format!("/srv/peers/{name}.py");
        let mut environment = Vec::new();
        if name == "dns" {
            environment.push(format!("CORPUS_SINK={}", self.address("sink")?));
        }
        let container = Container::start_with(
            &Run {
                image: &image::provide(image::CORPUS)?,
                name,
                network: Some(&self.network),
                environment: &environment,
                command: &["python3", &program],
            },
            &["--user", "root"],
        )?;
        await_listening(&container, port)?;
        if name == "media" {
            for host in 0..MEDIA_HOSTS {
                inside(
                    &container,
                    &["ip", "addr", "add", &self.media(host), "dev", "eth0"],
                )?;
            }
        }
        self.lock().insert(name, container);
        Ok(())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<&'static str, Container>> {
        self.containers
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// A peer's address.
    ///
    /// # Errors
    /// When there is no such peer.
    pub fn address(&self, name: &str) -> Result<IpAddr> {
        let peers = self.lock();
        peers
            .get(name)
            .with_context(|| format!("no peer {name}"))?
            .address()
    }

    /// A media host's address with the length of the network's prefix.
    fn media(&self, host: u8) -> String {
        format!("{}/{}", self.bridge.host(2, host + 1), self.bridge.prefix)
    }

    /// The name of a media host, by any number.
    #[must_use]
    pub fn media_name(number: u64) -> String {
        format!("media{}.images.example", number % u64::from(MEDIA_HOSTS))
    }

    /// Tells the name server every peer's name.
    fn name_all(&self) -> Result<()> {
        let mut names = BTreeMap::new();
        names.insert("default".to_owned(), self.address("sink")?.to_string());
        names.insert(REGISTRY.to_owned(), self.address("registry")?.to_string());
        names.insert(LLM_API.to_owned(), self.address("llmapi")?.to_string());
        for host in 0..MEDIA_HOSTS {
            let address = self.bridge.host(2, host + 1).to_string();
            names.insert(Self::media_name(u64::from(host)), address);
        }
        self.put("dns", CONTROL, "/names", &json!(names).to_string())
    }

    /// Has the registry hand out, to a client once, a model that sets a scenario off.
    ///
    /// # Errors
    /// When the registry does not answer.
    pub fn poison(&self, client: IpAddr, scenario: &str) -> Result<()> {
        let plan = json!({"client": client.to_string(), "scenario": scenario});
        self.put("registry", REGISTRY_PORT, "/plan", &plan.to_string())
    }

    fn put(&self, name: &str, port: u16, path: &str, body: &str) -> Result<()> {
        let host = SocketAddr::new(self.address(name)?, port);
        let answer = Connection::open(host)?.send("PUT", path, Some(body))?;
        ensure!(
            (200..300).contains(&answer.status),
            "{name}{path} answered {}: {}",
            answer.status,
            answer.body
        );
        Ok(())
    }

    /// Takes a peer away for a while.
    ///
    /// # Errors
    /// When it does not come back.
    pub fn outage(&self, name: &str, time: Duration) -> Result<()> {
        let id = self.id(name)?;
        docker(&["stop", "--time", "1", &id])?;
        if name == "llmapi" {
            self.fail_name(LLM_API)?;
        }
        std::thread::sleep(time);
        docker(&["start", &id])?;
        self.name_all()
    }

    /// Has the name server fail for a peer's name, as while its zone is broken.
    fn fail_name(&self, name: &str) -> Result<()> {
        self.put("dns", CONTROL, "/names", &json!({name: null}).to_string())
    }

    /// Replaces a peer by another one at another address, under the same name.
    ///
    /// # Errors
    /// When it does not come up.
    pub fn relocate(&self, name: &str) -> Result<()> {
        let mut peers = PEERS.into_iter();
        let (name, port) = peers.find(|(it, _)| *it == name).context("no such peer")?;
        let old = self.lock().remove(name);
        self.launch(name, port)?;
        self.name_all()?;
        // The old one goes last, so that the new one cannot have its address.
        drop(old);
        Ok(())
    }

    fn id(&self, name: &str) -> Result<String> {
        let peers = self.lock();
        let peer = peers.get(name).with_context(|| format!("no peer {name}"))?;
        Ok(peer.id.clone())
    }

    /// The addresses of the clients that every server knows.
    ///
    /// # Errors
    /// When this machine cannot take them.
    pub fn known_clients(&self) -> Result<Vec<IpAddr>> {
        (1..=KNOWN_CLIENTS)
            .map(|number| self.bridge.source(1, u8::try_from(number)?))
            .collect()
    }

    /// Addresses of clients that no server knows.
    ///
    /// # Errors
    /// When this machine cannot take them.
    pub fn new_clients(&self, number: u32) -> Result<Vec<IpAddr>> {
        static NEXT: AtomicU8 = AtomicU8::new(1);
        (0..number.min(200))
            .map(|_| {
                self.bridge
                    .source(3, NEXT.fetch_add(1, Ordering::Relaxed).max(1))
            })
            .collect()
    }

    /// What the servers find in their environment.
    ///
    /// # Errors
    /// When a peer is gone.
    pub fn environment(&self) -> Result<Vec<String>> {
        Ok(vec![
            format!("CORPUS_SINK={}", self.address("sink")?),
            format!("CORPUS_REGISTRY={REGISTRY}:9000"),
            format!("CORPUS_LLMAPI={LLM_API}:8443"),
            format!("CORPUS_SIBLING={}:8081", self.address("sibling")?),
            format!("CORPUS_RESOLVER={}", self.address("dns")?),
        ])
    }
}

/// The network's bridge on this machine, which can have addresses of its own on the network.
struct Bridge {
    interface: String,
    base: Ipv4Addr,
    prefix: u8,
}

impl Bridge {
    fn of(network: &Network) -> Result<Self> {
        let inspect =
            |template: &str| docker(&["network", "inspect", "--format", template, network.name()]);
        let id = inspect("{{.Id}}")?;
        let subnet = inspect("{{(index .IPAM.Config 0).Subnet}}")?;
        let (base, prefix) = subnet.split_once('/').context("subnet")?;
        Ok(Self {
            interface: format!("br-{}", id.get(..12).context("id of the network")?),
            base: base.parse().context("subnet")?,
            prefix: prefix.parse().context("subnet")?,
        })
    }

    /// An address far from those that the engine gives out first.
    fn host(&self, group: u8, number: u8) -> Ipv4Addr {
        let [a, b, c, _] = self.base.octets();
        // A network of sixteen bits leaves room for groups; one of twenty for fifteen.
        Ipv4Addr::new(a, b, c | (group + 4), number)
    }

    /// An address of this machine on the network.
    fn source(&self, group: u8, number: u8) -> Result<IpAddr> {
        let address = self.host(group, number);
        let with_prefix = format!("{address}/{}", self.prefix);
        let arguments = ["addr", "replace", &with_prefix, "dev", &self.interface];
        let output = Command::new("ip")
            .args(arguments)
            .output()
            .context("cannot run ip")?;
        ensure!(
            output.status.success(),
            "ip addr replace: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(address.into())
    }
}

fn await_listening(container: &Container, port: u16) -> Result<()> {
    let what = format!("the start of {}", container.name);
    wait::until(&what, Duration::from_secs(60), || {
        let host = SocketAddr::new(container.address()?, port);
        TcpStream::connect_timeout(&host, Duration::from_secs(1))?;
        Ok(Some(()))
    })
    .with_context(|| container.logs().unwrap_or_default())
}

/// Runs one of this machine's commands in a container's network.
fn inside(container: &Container, command: &[&str]) -> Result<()> {
    let pid = container.inspect("{{.State.Pid}}")?;
    let output = Command::new("nsenter")
        .args(["--target", &pid, "--net"])
        .args(command)
        .stdin(Stdio::null())
        .output()
        .context("cannot run nsenter")?;
    ensure!(
        output.status.success(),
        "{command:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(())
}

/// Stand-ins of a GPU in a container, and of the metadata service and Kubernetes' API server in its network, run by this
/// process, so that they are not the container's. They end when dropped.
pub struct Decoys(Child);

impl Decoys {
    /// Starts them.
    ///
    /// # Errors
    /// When they cannot be started.
    pub fn start(container: &Container) -> Result<Self> {
        let pid = container.inspect("{{.State.Pid}}")?;
        let device = format!("/proc/{pid}/root/dev/shm/fakegpu0");
        fs::write(&device, "")
            .and_then(|()| fs::set_permissions(&device, Permissions::from_mode(0o666)))
            .context("cannot put the stand-in of a GPU into the container")?;
        let child = Command::new("nsenter")
            .args(["--target", &pid, "--net", "python3"])
            .arg(folder().join("peers/decoys.py"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .context("cannot run nsenter")?;
        Ok(Self(child))
    }
}

impl Drop for Decoys {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
