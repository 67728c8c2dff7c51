//! The phases of real model servers, in order: start, load, warm-up, serve, reload, stop.
#![allow(
    clippy::indexing_slicing,
    reason = "indexing JSON yields null, not a panic"
)]

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Result, ensure};
use picket_tests::agent::{Agent, Home};
use picket_tests::docker::{Network, docker, unique};
use picket_tests::image::{self, Variant};
use picket_tests::servers::{Make, Manner, Server};
use picket_tests::suite::{Fixture, Suite};

/// A server settles within seconds of its first request; a busy machine takes longer.
const PHASE_LIMIT: Duration = Duration::from_secs(90);

fn main() -> ExitCode {
    let mut suite = Suite::<Watch>::default();
    for make in Make::ALL
        .into_iter()
        .filter(|make| *make != Make::FastApiOlder)
    {
        suite = suite.test_unless(
            &format!("{}_is_followed_from_start_to_stop", make.name()),
            make.left_out(),
            move |watch| watch.life(make),
        );
    }
    suite.run()
}

struct Watch {
    agent: Agent,
    home: Home,
    network: Network,
}

impl Fixture for Watch {
    fn create() -> Result<Self> {
        // Without sequences, which are many, the agent remembers what was new from the start on.
        let home = Home::with("window: 1s\nsequences: false\n")?;
        let agent = Agent::start(&home)?;
        let network = Network::create()?;
        Ok(Self {
            agent,
            home,
            network,
        })
    }

    fn evidence(&self) -> String {
        self.home.evidence()
    }
}

impl Watch {
    fn life(&mut self, make: Make) -> Result<()> {
        // With an id of its own, so that everything it does is new to its baseline.
        let image = Variant::create(&image::provide(make.image())?, &unique(make.image()))?;
        let manner = Manner {
            image: Some(&image.tag),
            ..Manner::default()
        };
        let server = Server::start_as(make, &self.network, &manner)?;
        let name = server.container.name.clone();
        let load = server.load(2, 10.0)?;
        self.await_phase(&name, "serve")?;
        if make.reloads() {
            server.reload()?;
            self.await_phase(&name, "reload")?;
            self.await_phase(&name, "serve")?;
        }
        drop(load);
        docker(&["stop", "--time", "10", &server.container.id])?;
        self.await_phase(&name, "stop")?;

        // A parent that listens for its workers takes a connection before they have loaded: then it is warm-up, load and
        // warm-up again.
        let seen = self.phases_of_news(&name)?;
        let mut rest = seen.iter();
        for phase in ["start", "load"] {
            ensure!(
                rest.any(|it| it == phase),
                "{make:?}: no {phase} in its place in {seen:?}"
            );
        }
        ensure!(
            seen.iter().any(|it| it == "warmup"),
            "{make:?}: no warm-up in {seen:?}"
        );
        Ok(())
    }

    fn await_phase(&self, container: &str, phase: &str) -> Result<()> {
        self.agent.await_phase(container, phase, PHASE_LIMIT)
    }

    /// The phases that what was new belonged to, in the order of time, without repetitions in a row.
    fn phases_of_news(&self, container: &str) -> Result<Vec<String>> {
        let mut news: Vec<(i64, String)> = self
            .agent
            .evidence(container)?
            .into_iter()
            .filter_map(|it| {
                let phase = it.json["phase"].as_str()?.to_owned();
                Some((it.json["time_ms"].as_i64()?, phase))
            })
            .collect();
        news.sort_by_key(|(time, _)| *time);
        let mut phases: Vec<String> = news.into_iter().map(|(_, phase)| phase).collect();
        phases.dedup();
        Ok(phases)
    }
}
