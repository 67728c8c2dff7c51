//! A cheap stand-in for a container: processes in a container's cgroup that do some of everything a probe looks at.

use std::env;
use std::fs;
use std::io::{self, Read};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};
use picket_tests::load::Random;

use super::cgroup::{self, ContainerCgroup};

/// Files of its own that it writes and reads back.
pub const FILES: usize = 60;
/// TCP peers that it connects to.
pub const PEERS: usize = 20;
/// Programs that it runs.
pub const PROGRAMS: [&str; 5] = ["true", "uname", "date", "id", "ls"];
/// Processes that stay, besides the first.
pub const SLEEPERS: usize = 2;

const TCP_LIMIT: Duration = Duration::from_millis(100);
const BREATH: Duration = Duration::from_secs(1);

/// A running tenant; it and its cgroup are gone when dropped.
pub struct Tenant {
    process: Child,
    /// The tenant ends with its standard input.
    input: Option<ChildStdin>,
    /// Its cgroup.
    pub cgroup: ContainerCgroup,
}

impl Tenant {
    /// Starts one. No two with different numbers do the same; its files lie below `folder`.
    ///
    /// # Errors
    /// When its cgroup cannot be made, or its process not started.
    pub fn start(number: u64, folder: &Path) -> Result<Self> {
        let cgroup = ContainerCgroup::create()?;
        let program = env::current_exe().context("cannot find this program's file")?;
        let mut process = Command::new(program)
            .args(["bench", "tenant", "--number", &number.to_string()])
            .arg("--cgroup")
            .arg(&cgroup.path)
            .arg("--folder")
            .arg(folder.join(number.to_string()))
            .stdin(Stdio::piped())
            .spawn()
            .context("cannot start a tenant")?;
        let input = process.stdin.take();
        Ok(Self {
            process,
            input,
            cgroup,
        })
    }
}

impl Tenant {
    /// Lets it end, without waiting for that.
    pub fn end(&mut self) {
        drop(self.input.take());
    }
}

impl Drop for Tenant {
    fn drop(&mut self) {
        self.end();
        let _ = self.process.wait();
    }
}

/// The child: joins the cgroup, does everything once, and then a little every second until its input ends.
///
/// # Errors
/// When the system refuses something.
pub fn run(number: u64, cgroup: &Path, folder: &Path) -> Result<()> {
    cgroup::join(cgroup)?;
    let mut sleepers = Vec::new();
    for _ in 0..SLEEPERS {
        sleepers.push(Sleeper::start()?);
    }
    let mut random = Random::new(number);
    let files = write_files(folder, &mut random)?;
    let _listener = TcpListener::bind((loopback(&mut random), 0))?;
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    let peers: Vec<SocketAddr> = (0..PEERS)
        .map(|_| SocketAddr::from((loopback(&mut random), 1 + random.below(60_000) as u16)))
        .collect();
    for program in PROGRAMS {
        Command::new(program)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .status()
            .with_context(|| format!("cannot run {program}"))?;
    }
    for peer in &peers {
        contact(peer, &socket);
    }
    let ended = input_end();
    for (file, peer) in files.iter().cycle().zip(peers.iter().cycle()) {
        fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
        contact(peer, &socket);
        if !matches!(ended.recv_timeout(BREATH), Err(RecvTimeoutError::Timeout)) {
            break;
        }
    }
    Ok(())
}

/// Nobody needs to listen there: what counts is the attempt.
fn contact(peer: &SocketAddr, socket: &UdpSocket) {
    let _ = TcpStream::connect_timeout(peer, TCP_LIMIT);
    let _ = socket.send_to(b"x", peer);
}

fn loopback(random: &mut Random) -> Ipv4Addr {
    let [.., a, b, c] = random.draw().to_be_bytes();
    Ipv4Addr::new(127, a, b, c.max(1))
}

fn write_files(folder: &Path, random: &mut Random) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for _ in 0..FILES {
        let file = folder.join(word(random)).join(word(random));
        let parent = file.parent().context("a file in no folder")?;
        fs::create_dir_all(parent)
            .and_then(|()| fs::write(&file, "x"))
            .and_then(|()| fs::read(&file))
            .with_context(|| format!("cannot write {}", file.display()))?;
        files.push(file);
    }
    Ok(files)
}

/// A name that looks chosen by a person: names made by machines count as one.
fn word(random: &mut Random) -> String {
    let syllables = ["ba", "ke", "lo", "mi", "nu", "ra", "se", "to"];
    let one = |random: &mut Random| syllables.get(random.below(8) as usize).copied();
    (0..4).filter_map(|_| one(random)).collect()
}

/// Tells when the standard input has ended.
fn input_end() -> mpsc::Receiver<io::Result<usize>> {
    let (tell, ended) = mpsc::channel();
    thread::spawn(move || tell.send(io::stdin().read_to_end(&mut Vec::new())));
    ended
}

/// A process that does nothing; ended when dropped.
struct Sleeper(Child);

impl Sleeper {
    fn start() -> Result<Self> {
        let process = Command::new("sleep").arg("infinity").spawn();
        process.map(Self).context("cannot run sleep")
    }
}

impl Drop for Sleeper {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
