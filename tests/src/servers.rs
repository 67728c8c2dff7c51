//! Real model servers of several makes, each in a container of its own, and requests that each infers from.

pub mod life;

use std::env;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Result, bail, ensure};

use crate::docker::{Container, Network, Run};
use crate::http::Connection;
use crate::image;
use crate::load::{Asked, Load, Random, prediction};
use crate::wait;

/// A JVM that starts two Python workers takes longest; a busy machine makes it longer still.
const START_LIMIT: Duration = Duration::from_secs(180);

/// Set to `all` to test every make, or to names of makes with commas between to test those alone; without it, those are
/// tested whose image is quick to make.
pub const SERVERS_VARIABLE: &str = "PICKET_TEST_SERVERS";

/// What a server is made with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Make {
    /// FastAPI and uvicorn in front of onnxruntime: one process.
    FastApi,
    /// The same program with an onnxruntime from before it sent telemetry.
    FastApiOlder,
    /// BentoML: an arbiter and two workers that it executes; requests in batches.
    BentoMl,
    /// MLServer: a front with two inference workers that Python's multiprocessing spawns.
    MlServer,
    /// NVIDIA Triton: a C++ server that a Python program writes, executes and answers.
    Triton,
    /// TorchServe: a JVM in front of two Python workers; just-in-time code, and an exec a minute.
    TorchServe,
    /// llama.cpp's C++ server; generates text.
    LlamaCpp,
}

impl Make {
    /// All makes, the one with the largest image last.
    pub const ALL: [Self; 7] = [
        Self::FastApi,
        Self::FastApiOlder,
        Self::LlamaCpp,
        Self::BentoMl,
        Self::MlServer,
        Self::Triton,
        Self::TorchServe,
    ];

    /// Why this run does not test it.
    #[must_use]
    pub fn left_out(self) -> Option<String> {
        let slow = matches!(self, Self::MlServer | Self::TorchServe);
        match wanted() {
            Some(names) if names == ALL || names.split(',').any(|name| name == self.name()) => None,
            Some(names) => Some(format!("{SERVERS_VARIABLE} is {names}")),
            None if slow => {
                Some("takes minutes to make its image: `cargo xtask servers` runs it".to_owned())
            }
            None => None,
        }
    }

    /// The makes that this run tests.
    #[must_use]
    pub fn tested() -> Vec<Self> {
        let tested = Self::ALL.into_iter();
        tested.filter(|make| make.left_out().is_none()).collect()
    }

    /// Its name in the names of tests.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::FastApi => "fastapi",
            Self::FastApiOlder => "fastapi_older",
            Self::BentoMl => "bentoml",
            Self::MlServer => "mlserver",
            Self::Triton => "triton",
            Self::TorchServe => "torchserve",
            Self::LlamaCpp => "llama_cpp",
        }
    }

    /// The name of its image's recipe.
    #[must_use]
    pub const fn image(self) -> &'static str {
        match self {
            Self::FastApi => image::MODEL_SERVER,
            Self::FastApiOlder => "fastapi-ort128",
            Self::BentoMl => "bentoml",
            Self::MlServer => "mlserver",
            Self::Triton => "pytriton",
            Self::TorchServe => "torchserve",
            Self::LlamaCpp => "llama-server",
        }
    }

    const fn port(self) -> u16 {
        match self {
            Self::FastApi | Self::FastApiOlder | Self::Triton => 8000,
            Self::BentoMl => 3000,
            Self::MlServer | Self::TorchServe | Self::LlamaCpp => 8080,
        }
    }

    /// Where it infers.
    #[must_use]
    pub const fn path(self) -> &'static str {
        match self {
            Self::FastApi | Self::FastApiOlder | Self::BentoMl => "/predict",
            Self::MlServer => "/v2/models/forest/infer",
            Self::Triton => "/v2/models/classifier/infer",
            Self::TorchServe => "/predictions/classifier",
            Self::LlamaCpp => "/v1/chat/completions",
        }
    }

    /// Where an orchestrator would ask whether it is well.
    #[must_use]
    pub const fn health(self) -> &'static str {
        match self {
            Self::FastApi | Self::FastApiOlder => "/healthz",
            Self::BentoMl => "/readyz",
            Self::MlServer | Self::Triton => "/v2/health/ready",
            Self::TorchServe => "/ping",
            Self::LlamaCpp => "/health",
        }
    }

    /// The body of a request to infer from.
    #[must_use]
    pub fn body(self) -> fn(&mut Random) -> String {
        match self {
            Self::FastApi | Self::FastApiOlder | Self::BentoMl => prediction,
            Self::MlServer => |random| tensor("predict", random),
            Self::Triton => |random| tensor("features", random),
            Self::TorchServe => picture,
            Self::LlamaCpp => conversation,
        }
    }

    /// What makes it read its model again, as paths and bodies of requests to ports; nothing where it cannot.
    const fn reloading(self) -> &'static [Step] {
        match self {
            Self::FastApi | Self::FastApiOlder => &[Step {
                port: 8000,
                path: "/admin/reload",
            }],
            Self::MlServer => &[
                Step {
                    port: 8080,
                    path: "/v2/repository/models/forest/unload",
                },
                Step {
                    port: 8080,
                    path: "/v2/repository/models/forest/load",
                },
            ],
            // TorchServe can, but on a busy machine its workers do not always come back.
            Self::BentoMl | Self::Triton | Self::TorchServe | Self::LlamaCpp => &[],
        }
    }

    /// Whether it can read its model again without a restart.
    #[must_use]
    pub const fn reloads(self) -> bool {
        !self.reloading().is_empty()
    }
}

/// The word for every make.
pub const ALL: &str = "all";

/// The makes that this run is to test however long that takes, if it says.
#[must_use]
pub fn wanted() -> Option<String> {
    env::var(SERVERS_VARIABLE).ok()
}

/// One request of a reload.
#[derive(Clone, Copy)]
struct Step {
    port: u16,
    path: &'static str,
}

/// What is different from a server as its image starts it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Manner<'a> {
    /// Image instead of the make's own.
    pub image: Option<&'a str>,
    /// Command instead of the image's own.
    pub command: &'a [&'a str],
    /// Environment variables, `NAME=value`.
    pub environment: &'a [String],
    /// More options for the engine.
    pub options: &'a [&'a str],
    /// Last part of the container's name instead of the image's.
    pub name: Option<&'a str>,
}

/// FastAPI behind two workers that uvicorn spawns.
pub const TWO_WORKERS: &[&str] = &[
    "python3",
    "-m",
    "uvicorn",
    "app:app",
    "--host",
    "0.0.0.0",
    "--port",
    "8000",
    "--no-access-log",
    "--workers",
    "2",
];

/// FastAPI behind two workers that gunicorn forks, after it has loaded the program.
pub const PREFORK: &[&str] = &[
    "python3",
    "-m",
    "gunicorn",
    "--preload",
    "-k",
    "uvicorn.workers.UvicornWorker",
    "-w",
    "2",
    "-b",
    "0.0.0.0:8000",
    "app:app",
];

/// A running server; removed when dropped.
pub struct Server {
    /// What it is made with.
    pub make: Make,
    /// Its container.
    pub container: Container,
}

impl Server {
    /// Starts a server as its image says, and waits until it infers. Makes the image if there is none.
    ///
    /// # Errors
    /// When it does not come up: with what it printed.
    pub fn start(make: Make, network: &Network) -> Result<Self> {
        Self::start_as(make, network, &Manner::default())
    }

    /// As [`Server::start`], in another manner.
    ///
    /// # Errors
    /// When it does not come up: with what it printed.
    pub fn start_as(make: Make, network: &Network, manner: &Manner<'_>) -> Result<Self> {
        let server = Self::launch(make, network, manner)?;
        server.wait_ready()?;
        Ok(server)
    }

    /// Starts a server and does not wait for it.
    ///
    /// # Errors
    /// When the engine refuses.
    pub fn launch(make: Make, network: &Network, manner: &Manner<'_>) -> Result<Self> {
        let image = match manner.image {
            Some(image) => image.to_owned(),
            None => image::provide(make.image())?,
        };
        let run = Run {
            image: &image,
            name: manner.name.unwrap_or(make.image()),
            network: Some(network),
            environment: manner.environment,
            command: manner.command,
        };
        // Triton has more threads than the tests' other containers, and the JVM more memory.
        let options = [
            "--pids-limit",
            "512",
            "--memory",
            "2g",
            "--shm-size",
            "256m",
        ];
        let options = [options.as_slice(), manner.options].concat();
        let container = Container::start_with(&run, &options)?;
        Ok(Self { make, container })
    }

    /// Waits until it infers, for example after a restart.
    ///
    /// # Errors
    /// When it does not: with what it printed.
    pub fn wait_ready(&self) -> Result<()> {
        let body = (self.make.body())(&mut Random::new(0));
        let what = format!("the start of {:?}", self.make);
        let mut address = None;
        let ready = wait::until(&what, START_LIMIT, || {
            let known = address.map_or_else(|| self.address(), Ok);
            let opened = known.and_then(|known| Connection::open(*address.insert(known)));
            let mut connection = match opened {
                Ok(connection) => connection,
                Err(error) => {
                    let runs = self.container.inspect("{{.State.Running}}")? == "true";
                    return if runs { Err(error) } else { Ok(Some(false)) };
                }
            };
            for body in [None, Some(body.as_str())] {
                let path = if body.is_some() {
                    self.make.path()
                } else {
                    self.make.health()
                };
                let answer = connection.request(path, body)?;
                ensure!(
                    answer.status == 200,
                    "{path}: {} {}",
                    answer.status,
                    answer.body
                );
            }
            Ok(Some(true))
        });
        match ready {
            Ok(true) => Ok(()),
            Ok(false) => bail!("{:?} ended: {}", self.make, self.container.logs()?),
            Err(error) => Err(error.context(self.container.logs()?)),
        }
    }

    /// Where it answers. A restart may change it.
    ///
    /// # Errors
    /// When the container has no address.
    pub fn address(&self) -> Result<SocketAddr> {
        Ok(SocketAddr::new(self.container.address()?, self.make.port()))
    }

    /// Requests from some clients, together `rate` a second on average.
    ///
    /// # Errors
    /// When the container has no address.
    pub fn load(&self, clients: u32, rate: f64) -> Result<Load> {
        let asked = Asked {
            server: self.address()?,
            path: self.make.path(),
            body: self.make.body(),
        };
        Ok(Load::of(asked, clients, rate))
    }

    /// Makes it read its model again, and waits until it infers; a server that cannot does nothing.
    ///
    /// # Errors
    /// When it refuses.
    pub fn reload(&self) -> Result<()> {
        for step in self.make.reloading() {
            let host = SocketAddr::new(self.container.address()?, step.port);
            let answer = Connection::open(host)?.request(step.path, Some(""))?;
            ensure!(
                answer.status == 200,
                "{} answered {}: {}",
                step.path,
                answer.status,
                answer.body
            );
        }
        if self.make.reloads() {
            self.wait_ready()?;
        }
        Ok(())
    }

    /// Stops its processes, starts it again and waits until it infers.
    ///
    /// # Errors
    /// When it does not come up: with what it printed.
    pub fn restart(&self) -> Result<()> {
        self.container.restart()?;
        self.wait_ready()
    }
}

/// An inference request of one to four rows of 16 features, as Triton and MLServer take it.
fn tensor(name: &str, random: &mut Random) -> String {
    let rows = random.below(4) + 1;
    let numbers: Vec<String> = (0..rows * 16)
        .map(|_| format!("{:.3}", random.fraction() * 8.0))
        .collect();
    format!(
        "{{\"inputs\":[{{\"name\":\"{name}\",\"shape\":[{rows},16],\"datatype\":\"FP32\",\"data\":[{}]}}]}}",
        numbers.join(",")
    )
}

/// A picture of 32 by 32 pixels in three colours.
fn picture(random: &mut Random) -> String {
    let pixels: Vec<String> = (0..3 * 32 * 32)
        .map(|_| format!("{:.3}", random.fraction()))
        .collect();
    format!("{{\"pixels\":[{}]}}", pixels.join(","))
}

/// A question of three to thirty words, to be answered in four to sixteen tokens.
fn conversation(random: &mut Random) -> String {
    const WORDS: [&str; 12] = [
        "model", "river", "what", "price", "the", "of", "train", "kernel", "music", "is", "bread",
        "night",
    ];
    let words: Vec<&str> = (0..3 + random.below(28))
        .filter_map(|_| {
            let index = usize::try_from(random.below(12)).ok()?;
            WORDS.get(index).copied()
        })
        .collect();
    format!(
        "{{\"messages\":[{{\"role\":\"user\",\"content\":\"{}\"}}],\"max_tokens\":{},\"ignore_eos\":true}}",
        words.join(" "),
        4 + random.below(13)
    )
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        reason = "tests"
    )]

    use serde_json::Value;

    use super::*;

    #[test]
    fn every_body_is_json_and_follows_the_seed() {
        for make in Make::ALL {
            let body = |seed| (make.body())(&mut Random::new(seed));
            let parsed: Value = serde_json::from_str(&body(1)).unwrap();
            assert!(parsed.is_object(), "{make:?}");
            assert_eq!(body(1), body(1));
            assert_ne!(body(1), body(2));
        }
    }

    #[test]
    fn a_tensor_has_as_many_numbers_as_its_shape_says() {
        for seed in 0..20 {
            let body = tensor("x", &mut Random::new(seed));
            let parsed: Value = serde_json::from_str(&body).unwrap();
            let input = &parsed["inputs"][0];
            let rows = usize::try_from(input["shape"][0].as_u64().unwrap()).unwrap();
            assert_eq!(input["data"].as_array().unwrap().len(), rows * 16);
        }
    }
}
