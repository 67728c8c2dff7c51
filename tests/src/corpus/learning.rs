//! The lesson: what a kind of server does in ordinary days, shown to an agent in minutes.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};

use super::Schedule;
use super::clients::Clients;
use super::learned::Learned;
use super::peers::Peers;
use super::scenario::Kind;
use super::step::Rotation;
use super::steps;
use super::victim::{Order, Victim};
use crate::agent::{Agent, Home, Recorder};
use crate::docker::unique;
use crate::image;
use crate::servers::Make;

const REPLICAS: u64 = 2;

const LIMIT: Duration = Duration::from_secs(1800);

/// Lets an agent learn a kind of server, and keeps what it learned and the recording of it.
///
/// # Errors
/// When learning does not end: with what the agent says.
pub fn learn(kind: Kind, schedule: Schedule, peers: &Peers) -> Result<()> {
    image::provide(kind.image())?;
    let learned = Learned::of(kind, schedule);
    let tag = unique("learn");
    let home = Arc::new(home(schedule, &tag)?);
    let mut agent = Agent::start(&home)?;
    let mut recorder = Recorder::start(&home, &learned.fresh_recording()?)?;
    let agent_ref = &agent;
    let pupils = thread::scope(|scope| {
        let pupils: Vec<_> = (0..REPLICAS)
            .map(|replica| {
                let name = format!("{replica}-{tag}");
                scope.spawn(move || pupil(kind, schedule, peers, agent_ref, replica, &name))
            })
            .collect();
        let ended = pupils.into_iter().map(|pupil| {
            let ended = pupil.join().map_err(|_| anyhow!("a thread panicked"));
            ended.and_then(|result| result)
        });
        ended.collect::<Result<Vec<_>>>()
    });
    drop(pupils.with_context(|| home.evidence())?);
    agent_ref.await_windows(2)?;
    recorder.end()?;
    agent.stop()?;
    learned.keep(&home, kind, schedule)
}

/// A home whose agent watches the containers whose names end so.
pub fn home(schedule: Schedule, name: &str) -> Result<Home> {
    let home = Home::with(schedule.settings())?;
    let watched = format!("{{name: \"*-{name}\"}}");
    home.configure(&home.configuration()?.replace("{all: true}", &watched))?;
    Ok(home)
}

/// One replica's life until the agent has learned enough.
fn pupil(
    kind: Kind,
    schedule: Schedule,
    peers: &Peers,
    agent: &Agent,
    replica: u64,
    name: &str,
) -> Result<Victim> {
    let order = Order {
        kind,
        seed: replica,
        name,
        armed: &[],
        image: None,
    };
    let mut victim = Victim::launch(peers, order)?;
    let clients = Clients::start(kind, &peers.known_clients()?, 1000 + 10 * replica);
    victim.server.wait_ready()?;
    clients.aim(Some(victim.server.address()?));
    let live = |victim: &Victim, times, seconds| {
        clients.times(times);
        thread::sleep(Duration::from_secs(seconds) / schedule.haste());
        victim
            .server
            .container
            .exec(&["sh", "-c", "cat /etc/hostname"])
            .map(drop)
    };
    for lesson in 0..schedule.lessons() {
        live(&victim, 1.0, 20)?;
        live(&victim, 1.0, 20)?;
        victim.reload(Some(2))?;
        live(&victim, 2.0, 25)?;
        live(&victim, 0.0, 35)?;
        live(&victim, 0.3, 30)?;
        // The others cannot open their log anew.
        if lesson == 0 && replica == 0 && kind.make() == Make::FastApi {
            steps::rotate(&victim, Rotation::Rename)?;
        }
        for seconds in [45, 60] {
            clients.aim(None);
            victim.server.restart()?;
            victim.decoy()?;
            clients.aim(Some(victim.server.address()?));
            live(&victim, 1.0, seconds)?;
        }
        victim.reload(None)?;
        live(&victim, 1.5, 20)?;
    }
    clients.times(1.0);
    let container = victim.server.container.name.clone();
    let deadline = std::time::Instant::now() + LIMIT;
    while !agent.is_in_state(&container, "active")? {
        anyhow::ensure!(
            std::time::Instant::now() < deadline,
            "learning does not end: {:#}",
            agent.container(&container)?
        );
        live(&victim, 1.0, 15)?;
    }
    Ok(victim)
}
