//! What is monitored: the real agent, a model server with clients, and intruders.

use std::time::Duration;
use std::{fs, process};

use anyhow::{Context, Result, ensure};

use crate::agent::{Agent, Home};
use crate::docker::{Container, Network, Run, run_name};
use crate::image;
use crate::load::Load;
use crate::model_server::ModelServer;
use crate::peer::Peer;
use crate::wait;

const LEARNING_LIMIT: Duration = Duration::from_secs(120);
const STATE_LIMIT: Duration = Duration::from_secs(30);

/// An agent and the model servers it watches, all of the same image. It watches nothing else, whatever else runs on this
/// machine. Fields drop in this order: traffic first, the network last.
pub struct Scene {
    /// Clients, one set for each server.
    pub traffic: Vec<Load>,
    /// The servers.
    pub servers: Vec<ModelServer>,
    /// Whom poisoned models call. It is not watched.
    pub peer: Peer,
    /// The agent; `None` while there is none.
    pub agent: Option<Agent>,
    /// Its home.
    pub home: Home,
    network: Network,
    busybox: String,
}

impl Scene {
    /// Starts the agent; nothing is served yet.
    ///
    /// # Errors
    /// When it does not become ready.
    pub fn open() -> Result<Self> {
        let home = Home::create()?;
        let own =
            |name: &str| format!("{{name: picket-{}-{}-*-{name}}}", run_name(), process::id());
        let watched = format!("watch: [{}, {}]", own("model"), own("intruder"));
        let configuration = home.configuration()?;
        let every = "watch: [{all: true}]";
        ensure!(configuration.contains(every), "{configuration}");
        home.configure(&configuration.replace(every, &watched))?;
        let busybox = image::provide(image::BUSYBOX)?;
        let network = Network::create()?;
        Ok(Self {
            traffic: Vec::new(),
            servers: Vec::new(),
            peer: Peer::start(&busybox, &network)?,
            agent: Some(Agent::start(&home)?),
            home,
            network,
            busybox,
        })
    }

    /// The running agent.
    ///
    /// # Errors
    /// When there is none.
    pub fn agent(&self) -> Result<&Agent> {
        self.agent.as_ref().context("no agent runs")
    }

    /// Starts one more model server, and its clients.
    ///
    /// # Errors
    /// When it does not come up.
    pub fn serve(&mut self) -> Result<()> {
        let image = image::provide(image::MODEL_SERVER)?;
        let seed = u64::try_from(self.servers.len())? + 1;
        let peer = Some(self.peer.address);
        let server = ModelServer::start(&image, &self.network, peer, seed)?;
        self.traffic.push(Load::start(server.address()?, 4, 40.0));
        self.servers.push(server);
        Ok(())
    }

    /// The last server's container's name.
    ///
    /// # Errors
    /// When there is no server.
    pub fn name(&self) -> Result<String> {
        let server = self.servers.last().context("no server")?;
        Ok(server.container.name.clone())
    }

    /// Waits until the last server has been learned.
    ///
    /// # Errors
    /// When that takes too long.
    pub fn await_learned(&self) -> Result<()> {
        self.agent()?
            .await_state(&self.name()?, "active", LEARNING_LIMIT)
    }

    /// Ends the agent as a service manager does, and starts the next one, which remembers.
    ///
    /// # Errors
    /// When it does not end or start, or knows nothing of the last server.
    pub fn restart_agent(&mut self) -> Result<()> {
        if let Some(mut agent) = self.agent.take() {
            agent.stop()?;
        }
        let agent = self.agent.insert(Agent::start(&self.home)?);
        if let Some(server) = self.servers.last() {
            agent.await_state(&server.container.name, "active", STATE_LIMIT)?;
        }
        Ok(())
    }

    /// Restarts the last server's container, and waits until it is judged again. Returns how many requests its clients were
    /// answered before.
    ///
    /// # Errors
    /// When it does not come up.
    pub fn restart_server(&mut self) -> Result<u64> {
        // Its traffic ends first: a restart may change the address.
        let answered = self.traffic.pop().map_or(0, |load| load.answered());
        let server = self.servers.last().context("no server")?;
        server.container.restart()?;
        server.wait_ready()?;
        self.traffic.push(Load::start(server.address()?, 4, 40.0));
        self.await_learned()?;
        Ok(answered)
    }

    /// Starts a container that intrudes when it is told to, and waits until the agent watches it.
    ///
    /// # Errors
    /// When it does not start.
    pub fn intruder(&self) -> Result<Intruder> {
        let script = "mkdir -p /etc /tmp; while [ ! -e /tmp/now ]; do usleep 50000; done; \
                      echo /tmp/intruder.so >/etc/ld.so.preload; while :; do usleep 500000; done";
        let container = Container::start(&Run {
            image: &self.busybox,
            name: "intruder",
            network: None,
            environment: &[],
            command: &["sh", "-c", script],
        })?;
        let agent = self.agent()?;
        agent.await_state(&container.name, "learning", STATE_LIMIT)?;
        Ok(Intruder { container })
    }
}

/// A container that will do what is never learned: it writes to `/etc/ld.so.preload`, which is critical.
pub struct Intruder {
    container: Container,
}

impl Intruder {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.container.name
    }

    /// Has it intrude, and waits until the agent has found that.
    ///
    /// # Errors
    /// When the agent does not.
    pub fn intrude(&self, agent: &Agent) -> Result<()> {
        // From outside, so that nothing else runs in it.
        let pid = self.container.inspect("{{.State.Pid}}")?;
        fs::write(format!("/proc/{pid}/root/tmp/now"), "")?;
        let labels = [("container", self.name()), ("severity", "critical")];
        wait::until("the intruder's discovery", STATE_LIMIT, || {
            let metrics = agent.metrics()?;
            Ok(metrics
                .sum("picket_last_anomaly_timestamp_seconds", &labels)
                .map(drop))
        })
    }
}
