//! The steps of a scenario that the harness takes: as clients, as an operator, as a kubelet, as the world around.

use std::io::{Read as _, Write as _};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use socket2::{Domain, Socket, Type};

use super::clients::Clients;
use super::run::Stage;
use super::step::{Rotation, Step};
use super::victim::{Order, Victim};
use crate::docker::{Container, Run, docker};
use crate::http::Connection;
use crate::image;
use crate::load::Random;

/// Where servers write their logs of requests.
const LOG: &str = "/var/log/app/access.log";

/// What who looks around asks for.
const PROBES: [&str; 6] = [
    "/v1/models",
    "/models",
    "/docs",
    "/openapi.json",
    "/api/tags",
    "/metrics",
];

/// Takes a step.
///
/// # Errors
/// When it cannot be taken.
pub fn take(stage: &mut Stage<'_>, step: &Step) -> Result<()> {
    match step {
        Step::Load {
            times,
            seconds,
            rows,
        } => {
            stage.clients.times(*times);
            stage.clients.rows(*rows);
            thread::sleep(Duration::from_secs(*seconds));
            stage.clients.times(1.0);
            stage.clients.rows(None);
        }
        Step::Clients {
            number,
            times,
            seconds,
            probing,
            alone,
            rows,
            anew,
        } => {
            let sources = stage.peers.new_clients(*number)?;
            let server = stage.victim.server.address()?;
            if *alone {
                stage.clients.times(0.0);
            }
            if *probing {
                for source in &sources {
                    ask(*source, server, PROBES);
                }
            }
            let clients = Clients::start(stage.victim.kind, &sources, stage.case.seed ^ 0x5eed);
            clients.rows(*rows);
            clients.anew(*anew);
            // Their number of requests is that of the known clients together.
            let known = super::peers::KNOWN_CLIENTS as f64;
            clients.times(times * known / f64::from((*number).max(1)));
            clients.aim(Some(server));
            thread::sleep(Duration::from_secs(*seconds));
            stage.clients.times(1.0);
        }
        Step::Ask {
            paths,
            every,
            times,
        } => {
            let [source] = stage.peers.new_clients(1)?[..] else {
                anyhow::bail!("no address");
            };
            let server = stage.victim.server.address()?;
            for _ in 0..*times {
                ask(source, server, paths.iter().map(String::as_str));
                thread::sleep(Duration::from_secs(*every));
            }
        }
        Step::Idle { seconds } => {
            stage.clients.times(0.0);
            thread::sleep(Duration::from_secs(*seconds));
            stage.clients.times(1.0);
        }
        Step::Reload { version } => stage.victim.reload(*version)?,
        Step::Restart {} => stage.restart(|victim| victim.server.container.restart())?,
        Step::Kill {} => stage.restart(|victim| {
            let id = &victim.server.container.id;
            docker(&["kill", id])?;
            docker(&["start", id]).map(drop)
        })?,
        Step::Replace {} => stage.replace(None)?,
        Step::Upgrade { seconds } => {
            // A release keeps the name of the image's repository.
            let next = format!("picket/{}:next", stage.victim.kind.image());
            docker(&["tag", &image::provide("corpus-fastapi-next")?, &next])?;
            stage.replace(Some(&next))?;
            thread::sleep(Duration::from_secs(*seconds));
        }
        Step::Rotate { how } => rotate(&stage.victim, *how)?,
        Step::Exec {
            command,
            every,
            times,
        } => {
            let command: Vec<&str> = command.iter().map(String::as_str).collect();
            for _ in 0..*times {
                // What the command thinks of the server is no business of ours.
                let _ = stage.victim.server.container.exec(&command);
                thread::sleep(Duration::from_secs(*every));
            }
        }
        Step::Connects { number, seconds } => {
            let [source] = stage.peers.new_clients(1)?[..] else {
                anyhow::bail!("no address");
            };
            let server = stage.victim.server.address()?;
            let pause = Duration::from_secs(*seconds).div_f64(f64::from((*number).max(1)));
            for _ in 0..*number {
                drop(connect(source, server)?);
                thread::sleep(pause);
            }
        }
        Step::Outage { peer, seconds } => {
            stage.peers.outage(peer, Duration::from_secs(*seconds))?;
        }
        Step::Move { peer } => stage.peers.relocate(peer)?,
        Step::Pause { seconds } => {
            let id = &stage.victim.server.container.id;
            docker(&["pause", id])?;
            thread::sleep(Duration::from_secs(*seconds));
            docker(&["unpause", id])?;
        }
        Step::Replica { seconds } => {
            let other = Victim::launch(stage.peers, stage.order())?;
            other.server.wait_ready()?;
            let clients = Clients::start(
                other.kind,
                &stage.peers.known_clients()?,
                stage.case.seed ^ 0xfe11,
            );
            clients.aim(Some(other.server.address()?));
            thread::sleep(Duration::from_secs(*seconds));
        }
        Step::Payload {} => stage.trigger()?,
        Step::Broken { seconds } => broken(stage, *seconds)?,
        Step::Clock { seconds } => stage.shift_clock(*seconds)?,
    }
    Ok(())
}

/// Rotates a server's log.
///
/// # Errors
/// When that cannot be done.
pub fn rotate(victim: &Victim, how: Rotation) -> Result<()> {
    let tell = |path: &str| -> Result<()> {
        let answer = Connection::open(victim.server.address()?)?.request(path, Some(""))?;
        ensure!(answer.status == 200, "{path} answered {}", answer.status);
        Ok(())
    };
    match how {
        Rotation::Server => tell("/admin/rotate-log"),
        Rotation::Rename | Rotation::CopyTruncate => {
            let script = match how {
                Rotation::Rename => format!("mv {LOG} {LOG}.1"),
                _ => format!("cp {LOG} {LOG}.1 && : > {LOG}"),
            };
            let sidecar = Container::start_with(
                &Run {
                    image: &image::provide(image::BUSYBOX)?,
                    name: "sidecar",
                    network: None,
                    environment: &[],
                    command: &["sh", "-c", &script],
                },
                &["--volumes-from", &victim.server.container.id],
            )?;
            let code = sidecar.wait()?;
            ensure!(code == 0, "{script} failed: {}", sidecar.logs()?);
            if how == Rotation::Rename {
                tell("/admin/reopen-log")?;
            }
            Ok(())
        }
    }
}

/// Asks for paths; whether the server has them is no business of ours.
fn ask<'a>(source: IpAddr, server: SocketAddr, paths: impl IntoIterator<Item = &'a str>) {
    for path in paths {
        let asked = Connection::open_from(source, server);
        let _ = asked.and_then(|mut connection| connection.request(path, None));
    }
}

fn connect(source: IpAddr, server: SocketAddr) -> Result<TcpStream> {
    let socket = Socket::new(Domain::for_address(server), Type::STREAM, None)?;
    socket.bind(&SocketAddr::new(source, 0).into())?;
    socket
        .connect_timeout(&server.into(), Duration::from_secs(5))
        .with_context(|| format!("cannot connect from {source} to {server}"))?;
    Ok(socket.into())
}

/// Clients that drip, that leave in the midst of an answer, that reset, and that do not wait for answers.
fn broken(stage: &Stage<'_>, seconds: u64) -> Result<()> {
    let sources = stage.peers.known_clients()?;
    let server = stage.victim.server.address()?;
    let kind = stage.victim.kind;
    let until = std::time::Instant::now() + Duration::from_secs(seconds);
    let seed = stage.case.seed;
    thread::scope(|scope| {
        for (number, source) in sources.into_iter().enumerate() {
            scope.spawn(move || {
                let mut random = Random::new(seed.wrapping_add(number as u64));
                while std::time::Instant::now() < until {
                    // One that breaks is what this is about.
                    let _ = misbehave(kind, source, server, &mut random);
                    thread::sleep(Duration::from_millis(100 + random.below(900)));
                }
            });
        }
    });
    Ok(())
}

fn misbehave(
    kind: super::scenario::Kind,
    source: IpAddr,
    server: SocketAddr,
    random: &mut Random,
) -> Result<()> {
    let mut stream = connect(source, server)?;
    let (path, body) = super::clients::request(kind, None, random);
    let request = format!(
        "POST {path} HTTP/1.1\r\nhost: {server}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    match random.below(4) {
        0 => {
            for byte in request.bytes().take(40) {
                stream.write_all(&[byte])?;
                thread::sleep(Duration::from_millis(100));
            }
        }
        1 => {
            stream.write_all(request.as_bytes())?;
            stream.read_exact(&mut [0; 20])?;
        }
        2 => {
            stream.write_all(request.as_bytes())?;
            Socket::from(stream).set_linger(Some(Duration::ZERO))?;
        }
        _ => {
            stream.write_all(request.repeat(3).as_bytes())?;
            stream.set_read_timeout(Some(Duration::from_secs(2)))?;
            let mut answers = [0; 2000];
            while stream.read(&mut answers)? > 0 {}
        }
    }
    Ok(())
}

impl Stage<'_> {
    /// What its server is ordered with.
    pub fn order(&self) -> Order<'_> {
        Order {
            kind: self.case.server,
            seed: self.case.seed,
            name: &self.name,
            armed: &self.armed,
            image: None,
        }
    }

    fn restart(&mut self, deed: impl FnOnce(&Victim) -> Result<()>) -> Result<()> {
        self.clients.aim(None);
        deed(&self.victim)?;
        self.victim.server.wait_ready()?;
        self.victim.decoy()?;
        self.clients.aim(Some(self.victim.server.address()?));
        Ok(())
    }

    /// Puts another container in the place of the server's.
    fn replace(&mut self, image: Option<&str>) -> Result<()> {
        self.clients.aim(None);
        docker(&["stop", "--time", "5", &self.victim.server.container.id])?;
        let order = Order {
            image,
            ..self.order()
        };
        let next = Victim::launch(self.peers, order)?;
        self.victim = next;
        self.victim.server.wait_ready()?;
        self.clients.aim(Some(self.victim.server.address()?));
        Ok(())
    }
}
