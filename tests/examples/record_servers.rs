//! Records real model servers while clients and an operator do with them what they do.
//!
//! `record_servers DIRECTORY MINUTES SEED [MAKE…]` as root writes `DIRECTORY/<make>/<seed>.picket` for each make. Every make
//! has two replicas, whose lives differ. The agent learns from the beginning, with the settings below.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use std::{env, thread};

use anyhow::{Context, Result};
use picket_tests::agent::{Agent, Home, Recorder};
use picket_tests::docker::{Network, unique};
use picket_tests::image::{self, Variant};
use picket_tests::servers::life::live;
use picket_tests::servers::{Make, Manner, Server};

const SETTINGS: &str = "window: 5s\nlearning: {min_duration: 5m, min_requests: 300}\n";

fn main() -> Result<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [directory, minutes, seed, names @ ..] = arguments.as_slice() else {
        anyhow::bail!("usage: record_servers DIRECTORY MINUTES SEED [MAKE…]");
    };
    let makes: Vec<Make> = Make::ALL
        .into_iter()
        .filter(|make| names.is_empty() || names.iter().any(|name| name == make.name()))
        .collect();
    let time = Duration::from_secs(60 * minutes.parse::<u64>().context("minutes")?);
    let seed: u64 = seed.parse().context("seed")?;
    for make in &makes {
        image::provide(make.image())?;
    }
    let network = Network::create()?;
    let network = &network;
    thread::scope(|scope| {
        let recorders: Vec<_> = makes
            .into_iter()
            .map(|make| {
                let file = Path::new(directory)
                    .join(make.name())
                    .join(format!("{seed}.picket"));
                scope.spawn(move || record(make, file, time, seed, network))
            })
            .collect();
        recorders.into_iter().try_for_each(|recorder| {
            recorder
                .join()
                .map_err(|_| anyhow::anyhow!("a recorder ended"))?
        })
    })
}

/// Records one make with an agent of its own, from before the first container, so that the recording begins empty.
fn record(make: Make, file: PathBuf, time: Duration, seed: u64, network: &Network) -> Result<()> {
    let image = Variant::create(&image::provide(make.image())?, &unique(make.image()))?;
    let home = Home::with(SETTINGS)?;
    let watched = format!("watch: [{{image: \"{}\"}}]", image.tag);
    home.configure(
        &home
            .configuration()?
            .replace("watch: [{all: true}]", &watched),
    )?;
    let _agent = Agent::start(&home)?;
    let mut recorder = Recorder::start(&home, &file)?;
    let manner = Manner {
        image: Some(&image.tag),
        ..Manner::default()
    };
    let replicas = [
        Server::start_as(make, network, &manner)?,
        Server::start_as(make, network, &manner)?,
    ];
    let until = Instant::now() + time;
    thread::scope(|scope| {
        for (seed, server) in (seed * 2..).zip(&replicas) {
            scope.spawn(move || {
                if let Err(error) = live(server, seed, until) {
                    eprintln!("{make:?}: {error:#}");
                }
            });
        }
    });
    recorder.end()?;
    println!("{}", home.evidence());
    Ok(())
}
