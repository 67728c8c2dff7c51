//! What normal model servers do that looks suspicious: once learned, it raises nothing.
//!
//! Every server is started three times under varied load while the agent learns, which raises nothing but what can never
//! be learned. Then it is restarted, reloaded and loaded more than ever, and is changed as an operator would change it.
//! Findings of any severity count.
#![allow(
    clippy::indexing_slicing,
    reason = "indexing JSON yields null, not a panic"
)]

use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, ensure};
use picket_tests::agent::{Agent, Home};
use picket_tests::docker::{Network, unique};
use picket_tests::image::{self, Variant};
use picket_tests::servers::life::modest_rate;
use picket_tests::servers::{Make, Manner, PREFORK, Server, TWO_WORKERS, wanted};
use picket_tests::suite::{Fixture, Suite};
use serde_json::Value;

const LEARNING_LIMIT: Duration = Duration::from_secs(300);

/// How long a load goes on.
const LOAD: Duration = Duration::from_secs(15);

/// TorchServe executes a program every minute, also when nobody asks it anything.
const MINUTE: Duration = Duration::from_secs(70);

/// The make that is also started otherwise.
const SPECIAL: Make = Make::FastApiOlder;

/// Starts while the agent learns.
const STARTS: usize = 3;

/// The agent's settings.
const SETTINGS: &str = "window: 1s\nlearning: {min_duration: 90s, min_requests: 200}\n";

/// Name of the server that asks for metadata, and a word of the findings about it.
const METADATA: &str = "metadata";

/// Onnxruntime sends telemetry, unless it is told not to.
const TELEMETRY: &str = "ORT_DISABLE_TELEMETRY=";

/// Stands in for Ray, which asks the metadata address at its start whether it runs in a cloud. It is told of at each start
/// until it is a habit, which three starts make it.
const ASKS_METADATA: &[&str] = &[
    "sh",
    "-c",
    "python3 -c 'import socket; socket.socket().connect_ex((\"169.254.169.254\", 80))'; \
     exec python3 -m uvicorn app:app --host 0.0.0.0 --port 8000",
];

/// What servers of a make do that looks suspicious: family and a part of the fact.
const fn suspicious(make: Make) -> &'static [(&'static str, &'static str)] {
    match make {
        // Telemetry.
        Make::FastApi => &[("dns_name", "data.microsoft.com")],
        Make::BentoMl => &[("dns_name", "t.bentoml.com"), ("executable", "uname")],
        // It executes what it has just written into a directory with a random name.
        Make::Triton => &[("executable", "/workspace_*/tritonserver/bin/tritonserver")],
        // A JVM maps code that it has just written, and executes Python through a helper every minute.
        Make::TorchServe => &[("executable", "jspawnhelper")],
        Make::FastApiOlder | Make::MlServer | Make::LlamaCpp => &[],
    }
}

fn main() -> ExitCode {
    let left_out = wanted()
        .is_none()
        .then(|| "takes ten minutes with every server: `cargo xtask servers` runs it".to_owned());
    let mut suite = Suite::<Yard>::default();
    for make in Make::ALL {
        suite = suite.test_unless(
            &format!("{}_is_silent_once_learned", make.name()),
            left_out.clone().or_else(|| make.left_out()),
            move |yard| yard.silent(make.name()),
        );
    }
    // What is special is made of one make.
    let left_out = left_out.or_else(|| SPECIAL.left_out());
    suite
        .test_unless(
            "a_server_that_asks_for_metadata_at_every_start_is_silent_once_learned",
            left_out.clone(),
            |yard| yard.silent(METADATA),
        )
        .test_unless(
            "two_workers_instead_of_one_raise_at_most_a_note",
            left_out.clone(),
            |yard| yard.changed(TWO_WORKERS),
        )
        .test_unless(
            "forked_workers_raise_at_most_a_note",
            left_out.clone(),
            |yard| yard.changed(PREFORK),
        )
        .test_unless(
            "a_newer_library_raises_at_most_a_note",
            left_out,
            Yard::updated,
        )
        .run()
}

/// An agent and the servers that it has learned. Fields drop in this order: the network last.
struct Yard {
    servers: Vec<Learned>,
    agent: Agent,
    home: Home,
    network: Network,
}

struct Learned {
    /// The make's name, or that of what is special.
    name: &'static str,
    server: Server,
    /// An image of its own, so that no other run's containers share its baseline.
    image: Variant,
    workload: String,
    /// Findings about it while it was learned.
    before: usize,
}

impl Fixture for Yard {
    fn create() -> Result<Self> {
        let makes = Make::tested();
        for make in &makes {
            image::provide(make.image())?;
        }
        let home = Home::with(SETTINGS)?;
        let agent = Agent::start(&home)?;
        let network = Network::create()?;
        let plain = makes.into_iter().map(|make| (make.name(), make, &[][..]));
        let special = [(METADATA, SPECIAL, ASKS_METADATA)]
            .into_iter()
            .filter(|(_, make, _)| make.left_out().is_none());
        let servers = plain
            .chain(special)
            .map(|(name, make, command)| Learned::launch(name, make, command, &network))
            .collect::<Result<_>>()?;
        let mut yard = Self {
            servers,
            agent,
            home,
            network,
        };
        let learned = yard.each(|learned| yard.learn(learned));
        learned.with_context(|| yard.home.evidence())?;
        yard.agent.await_windows(2)?;
        yard.count();
        let tried = yard.each(Learned::try_out);
        tried.with_context(|| yard.home.evidence())?;
        yard.agent.await_windows(5)?;
        Ok(yard)
    }

    fn evidence(&self) -> String {
        self.home.evidence()
    }
}

impl Learned {
    fn launch(name: &'static str, make: Make, command: &[&str], network: &Network) -> Result<Self> {
        let workload = unique(name);
        let image = Variant::create(&image::provide(make.image())?, &workload)?;
        let manner = Manner {
            image: Some(&image.tag),
            command,
            environment: &[TELEMETRY.to_owned()],
            ..Manner::default()
        };
        let server = Server::launch(make, network, &manner)?;
        Ok(Self {
            name,
            server,
            image,
            workload,
            before: 0,
        })
    }

    /// More than was learned: sixteen clients instead of four.
    fn try_out(&self) -> Result<()> {
        self.server.restart()?;
        for (clients, times) in [(1, 0.3), (16, 3.0)] {
            let rate = times * modest_rate(self.server.make);
            let load = self.server.load(clients, rate)?;
            thread::sleep(LOAD);
            drop(load);
        }
        self.server.reload()?;
        if self.server.make == Make::TorchServe {
            thread::sleep(MINUTE);
        }
        Ok(())
    }
}

impl Yard {
    /// Does something with every server at the same time.
    fn each(&self, deed: impl Fn(&Learned) -> Result<()> + Sync) -> Result<()> {
        let deed = &deed;
        thread::scope(|scope| {
            let threads: Vec<_> = self
                .servers
                .iter()
                .map(|learned| (learned.name, scope.spawn(move || deed(learned))))
                .collect();
            threads.into_iter().try_for_each(|(name, thread)| {
                let ended = thread.join().map_err(|_| anyhow!("a thread panicked"));
                ended.and_then(|result| result).context(name)
            })
        })
    }

    /// Lets the agent see what a server does in days: starts, few and some clients, reloads, idleness.
    fn learn(&self, learned: &Learned) -> Result<()> {
        let server = &learned.server;
        server.wait_ready()?;
        for clients in [1, 4] {
            let load = server.load(clients, modest_rate(server.make))?;
            thread::sleep(LOAD);
            drop(load);
            server.reload()?;
            server.restart()?;
        }
        let load = server.load(2, modest_rate(server.make))?;
        self.agent
            .await_state(&server.container.name, "active", LEARNING_LIMIT)?;
        drop(load);
        Ok(())
    }

    fn learned(&self, name: &str) -> Result<&Learned> {
        let mut servers = self.servers.iter();
        let learned = servers.find(|it| it.name == name);
        learned.with_context(|| format!("no {name} was started"))
    }

    /// Remembers how many findings there are.
    fn count(&mut self) {
        let counts: Vec<usize> = self
            .servers
            .iter()
            .map(|it| self.findings(&it.server).len())
            .collect();
        for (learned, count) in self.servers.iter_mut().zip(counts) {
            learned.before = count;
        }
    }

    /// Severity and title of every finding about a container.
    fn findings(&self, server: &Server) -> Vec<(String, String)> {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let all = self.home.findings().into_iter();
        all.filter(|it| it.to_string().contains(&server.container.id))
            .map(|it| (text(&it["severity"]), text(&it["finding_info"]["title"])))
            .collect()
    }

    fn silent(&mut self, name: &str) -> Result<()> {
        let learned = self.learned(name)?;
        let findings = self.findings(&learned.server);
        let (before, after) = findings.split_at(learned.before.min(findings.len()));
        let expected = if name == METADATA { STARTS } else { 0 };
        ensure!(
            before.len() == expected && before.iter().all(|(_, title)| title.contains(METADATA)),
            "while it was learned: {before:#?}"
        );
        ensure!(after.is_empty(), "{after:#?}");
        for (family, part) in suspicious(learned.server.make) {
            self.agent.await_fact(&learned.image.tag, family, part)?;
        }
        Ok(())
    }

    /// Another command line for what was learned, also of how a second replica starts: from then on starts are judged.
    fn changed(&mut self, command: &[&str]) -> Result<()> {
        let image = &self.learned(SPECIAL.name())?.image.tag;
        let manner = |command| Manner {
            image: Some(image),
            command,
            ..Manner::default()
        };
        let findings = self.live(&manner(&[]))?;
        ensure!(findings.is_empty(), "a second replica: {findings:#?}");
        self.at_most_a_note(&manner(command))
    }

    /// The same program with a newer onnxruntime, which sends telemetry.
    fn updated(&mut self) -> Result<()> {
        let newer = image::provide(Make::FastApi.image())?;
        let workload = &self.learned(SPECIAL.name())?.workload;
        let image = Variant::version(&newer, workload, 2)?;
        self.at_most_a_note(&Manner {
            image: Some(&image.tag),
            environment: &[TELEMETRY.to_owned()],
            ..Manner::default()
        })
    }

    /// Severity and title of what is found about a container started in a manner, and asked for a while.
    fn live(&self, manner: &Manner<'_>) -> Result<Vec<(String, String)>> {
        let server = Server::start_as(SPECIAL, &self.network, manner)?;
        let load = server.load(4, modest_rate(server.make))?;
        thread::sleep(LOAD);
        drop(load);
        self.agent.await_windows(5)?;
        Ok(self.findings(&server))
    }

    fn at_most_a_note(&self, manner: &Manner<'_>) -> Result<()> {
        let findings = self.live(manner)?;
        ensure!(
            findings.len() <= 1 && findings.iter().all(|(severity, _)| severity == "Low"),
            "{findings:#?}"
        );
        Ok(())
    }
}
