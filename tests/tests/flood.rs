//! One container floods the probe: the others are seen all the same, and what is lost is counted as the flood's.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Result, ensure};
use picket_tests::agent::{Agent, Home};
use picket_tests::flood::{Canary, Flood, Made};
use picket_tests::suite::{Fixture, Suite};
use picket_tests::{image, wait};

/// How long the canary's execs and the count of losses may take to appear.
const LIMIT: Duration = Duration::from_secs(20);
const SECONDS: u32 = 5;
/// More than the machine can do.
const RATES: Made = Made {
    calls: 1e8,
    opens: 1e8,
};

fn main() -> ExitCode {
    Suite::<Post>::default()
        .test(
            "a_flood_hides_nothing_of_another_container_and_is_named",
            flood,
        )
        .run()
}

/// A running agent.
struct Post {
    agent: Agent,
    home: Home,
}

impl Fixture for Post {
    fn create() -> Result<Self> {
        let home = Home::create()?;
        Ok(Self {
            agent: Agent::start(&home)?,
            home,
        })
    }

    fn evidence(&self) -> String {
        self.home.evidence()
    }
}

fn flood(post: &mut Post) -> Result<()> {
    let agent = &post.agent;
    let mut canary = Canary::start(&image::provide(image::BUSYBOX)?)?;
    canary.await_known(agent, LIMIT)?;
    let flood = Flood::start(&image::provide(image::MODEL_SERVER)?, SECONDS, RATES)?;
    let name = flood.container.name.as_str();
    wait::until("the agent's knowing the flood", LIMIT, || {
        Ok((!agent.evidence(name)?.is_empty()).then_some(()))
    })?;
    {
        // However fast the agent is, now it cannot keep up.
        let _held = agent.hold()?;
        let before = canary.executed()?;
        wait::until("two execs of the canary", LIMIT, || {
            Ok((canary.executed()? >= before + 2).then_some(()))
        })?;
    }
    let delays = canary.all_seen(agent, LIMIT)?;
    ensure!(
        delays.len() >= 2,
        "the canary was seen {} times",
        delays.len()
    );
    flood.made()?;

    let lost = |container: &str| -> Result<Option<f64>> {
        let labels = [("container", container)];
        let metrics = agent.metrics()?;
        Ok(metrics.sum("picket_container_events_lost_total", &labels))
    };
    wait::until("the count of the flood's losses", LIMIT, || {
        Ok(lost(name)?.filter(|lost| *lost > 0.0))
    })?;
    let of_the_canary = lost(&canary.container.name)?.unwrap_or_default();
    ensure!(
        of_the_canary == 0.0,
        "{of_the_canary} events of the canary were lost"
    );
    Ok(())
}
