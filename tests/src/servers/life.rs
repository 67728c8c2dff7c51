//! The life of a server as its clients and its operator make it: quiet, busy, in bursts, reloaded, restarted.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;

use super::{Make, Server};
use crate::load::Random;

/// Requests a second that a server bears next to others on a busy machine of two processors.
#[must_use]
pub const fn modest_rate(make: Make) -> f64 {
    match make {
        Make::FastApi | Make::FastApiOlder | Make::Triton => 20.0,
        Make::BentoMl | Make::MlServer => 10.0,
        Make::TorchServe => 5.0,
        Make::LlamaCpp => 3.0,
    }
}

/// What happens to a server for a while.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Scene {
    /// Nobody asks it anything.
    Quiet(Duration),
    /// So many clients ask, so many times its modest rate.
    Asked(Duration, u32, f64),
    /// Clients come all at once, a few times.
    Bursts(u64),
    /// It reads its model again.
    Reload,
    /// It is stopped and started again.
    Restart,
}

impl Scene {
    fn draw(random: &mut Random) -> Self {
        let time = Duration::from_secs(15 + random.below(45));
        // A life lasts some twenty minutes, long enough to be cut into blocks of which some teach and others test.
        match random.below(40) {
            0..8 => Self::Quiet(time),
            8..16 => Self::Asked(time, 1, 0.3),
            16..26 => Self::Asked(time, 4, 1.0),
            26..31 => Self::Asked(time, 16, 2.0),
            31..35 => Self::Bursts(2 + random.below(4)),
            35..39 => Self::Reload,
            _ => Self::Restart,
        }
    }

    fn play(self, server: &Server) -> Result<()> {
        let ask = |time, clients, times| {
            let load = server.load(clients, times * modest_rate(server.make));
            thread::sleep(time);
            load.map(drop)
        };
        match self {
            Self::Quiet(time) => thread::sleep(time),
            Self::Asked(time, clients, times) => ask(time, clients, times)?,
            Self::Bursts(number) => {
                for _ in 0..number {
                    ask(Duration::from_secs(2), 8, 4.0)?;
                    thread::sleep(Duration::from_secs(4));
                }
            }
            Self::Reload => server.reload()?,
            Self::Restart => server.restart()?,
        }
        Ok(())
    }
}

/// Lets a server live until a moment, and some seconds longer; equal seeds give equal lives.
///
/// # Errors
/// When it does not come up again.
pub fn live(server: &Server, seed: u64, until: Instant) -> Result<()> {
    let mut random = Random::new(seed);
    while Instant::now() < until {
        Scene::draw(&mut random).play(server)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_life_has_every_kind_of_scene_and_follows_the_seed() {
        let scenes = |seed| {
            let mut random = Random::new(seed);
            let scenes = (0..200).map(|_| Scene::draw(&mut random));
            scenes.collect::<Vec<_>>()
        };
        assert_eq!(scenes(1), scenes(1));
        assert_ne!(scenes(1), scenes(2));
        for kind in [Scene::Reload, Scene::Restart] {
            assert!(scenes(1).contains(&kind), "{kind:?}");
        }
        let clients = |number| {
            let asked = |scene: &Scene| matches!(scene, Scene::Asked(_, n, _) if *n == number);
            scenes(1).iter().any(asked)
        };
        assert!(clients(1) && clients(4) && clients(16));
    }
}
