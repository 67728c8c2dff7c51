//! Evidence of the network: how connects end, what is bound, kinds of sockets, UNIX names, and traffic by peer.
#![allow(
    clippy::indexing_slicing,
    reason = "indexing JSON yields null, not a panic"
)]

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use picket_tests::agent::{Agent, Evidence, Home};
use picket_tests::docker::{Container, Network, Run};
use picket_tests::image;
use picket_tests::suite::{Fixture, Suite};
use picket_tests::wait;
use serde_json::Value;

fn main() -> ExitCode {
    Suite::<Post>::default()
        .test("how_a_connect_ends_is_seen", outcomes)
        .test("a_connect_that_never_began_is_seen", unreachable)
        .test("a_connect_in_the_background_is_seen", background)
        .test(
            "datagrams_with_and_without_a_connection_are_seen",
            datagrams,
        )
        .test("what_is_bound_is_seen", bound)
        .test("one_container_cannot_take_all_ports", ports)
        .test("kinds_of_sockets_are_seen", kinds)
        .test("a_socket_in_the_place_of_a_stream_is_seen", streams)
        .test("unix_sockets_are_seen_by_name", unix)
        .test("traffic_is_counted_by_peer", by_peer)
        .test("a_living_connection_is_counted", living)
        .test("traffic_through_io_uring_is_counted", by_ring)
        .run()
}

/// A running agent and the image with Python, which makes any socket.
struct Post {
    agent: Agent,
    python: String,
    home: Home,
}

impl Fixture for Post {
    fn create() -> Result<Self> {
        let python = image::provide(image::MODEL_SERVER)?;
        let home = Home::create()?;
        Ok(Self {
            agent: Agent::start(&home)?,
            python,
            home,
        })
    }

    fn evidence(&self) -> String {
        self.home.evidence()
    }
}

impl Post {
    /// A container that runs a program and then waits.
    fn python(&self, name: &str, network: Option<&Network>, program: &str) -> Result<Container> {
        let program = format!("import ctypes, os, socket, time\n{program}\ntime.sleep(300)\n");
        Container::start(&Run {
            image: &self.python,
            name,
            network,
            environment: &[],
            command: &["python3", "-c", &program],
        })
    }

    /// Waits for a fact.
    fn fact(&self, of: &Container, family: &str, fact: &str) -> Result<Evidence> {
        self.agent
            .await_evidence(&of.name, family, |it| it.fact == fact)
            .with_context(|| of.logs().unwrap_or_default())
    }

    /// Waits for what a container carried.
    fn network(&self, of: &Container, is_it: impl Fn(&Value) -> bool) -> Result<Value> {
        let network = || Ok::<_, anyhow::Error>(self.agent.container(&of.name)?["network"].clone());
        let what = format!("traffic of {}", of.name);
        wait::until(&what, Duration::from_secs(20), || {
            Ok(Some(network()?).filter(|it| is_it(it)))
        })
        .with_context(|| {
            format!(
                "{:#}\n{}",
                network().unwrap_or_default(),
                of.logs().unwrap_or_default()
            )
        })
    }

    /// Waits until a peer was sent and sent so many bytes.
    fn peer(&self, of: &Container, peer: &str, served: bool, (rx, tx): (u64, u64)) -> Result<()> {
        let is_it = |it: &Value| {
            it["peer"] == peer
                && it["served"] == served
                && it["rx_bytes"] == rx
                && it["tx_bytes"] == tx
        };
        self.network(of, |network| {
            network["peers"]
                .as_array()
                .is_some_and(|peers| peers.iter().any(is_it))
        })
        .with_context(|| format!("{peer}: {rx} received, {tx} sent"))
        .map(drop)
    }
}

fn marks(evidence: &Evidence) -> String {
    evidence.json["marks"].to_string()
}

fn outcomes(post: &mut Post) -> Result<()> {
    let container = post.python(
        "outcomes",
        None,
        "server = socket.create_server(('127.0.0.1', 8123))\n\
         socket.create_connection(('127.0.0.1', 8123))\n\
         for address in [('127.0.0.1', 8124)]:\n\
         \ttry: socket.create_connection(address)\n\
         \texcept OSError: pass\n",
    )?;
    let made = post.fact(&container, "outcome", "tcp loopback:8123 ok")?;
    ensure!(made.raw.contains(" us"), "{made:?}");
    let refused = post.fact(&container, "outcome", "tcp loopback:8124 refused")?;
    ensure!(refused.tells_of("python3"), "{refused:?}");
    let failed = |network: &Value| network["connects_failed"] == 1;
    post.network(&container, failed).map(drop)
}

fn unreachable(post: &mut Post) -> Result<()> {
    // Without a network there is no route.
    let container = post.python(
        "unreachable",
        None,
        "try: socket.create_connection(('203.0.113.9', 443))\n\
         except OSError: pass\n",
    )?;
    post.fact(&container, "endpoint", "tcp 203.0.113.9:443")?;
    let outcome = post.fact(&container, "outcome", "tcp 203.0.113.9:443 unreachable")?;
    ensure!(outcome.tells_of("python3"), "{outcome:?}");
    Ok(())
}

fn background(post: &mut Post) -> Result<()> {
    let network = Network::create()?;
    let server = post.python(
        "server",
        Some(&network),
        "server = socket.create_server(('0.0.0.0', 8125))\n\
         while True: server.accept()\n",
    )?;
    post.fact(&server, "listener", "tcp *:8125")?;
    let address = server.address()?;
    // Nobody has the last address; its neighbours are asked in vain until the program gives up.
    let container = post.python(
        "background",
        Some(&network),
        &format!(
            "one = socket.socket(); one.setblocking(False); one.connect_ex(('{address}', 8125))\n\
             two = socket.socket(); two.setblocking(False); two.connect_ex(('{address}', 8126))\n\
             base = '{address}'.rsplit('.', 1)[0]\n\
             gone = socket.socket(); gone.setblocking(False); gone.connect_ex((base + '.254', 8125))\n\
             gone.close()\n"
        ),
    )?;
    post.fact(&container, "outcome", &format!("tcp {address}:8125 ok"))?;
    let refused = post.fact(
        &container,
        "outcome",
        &format!("tcp {address}:8126 refused"),
    )?;
    ensure!(refused.tells_of("python3"), "{refused:?}");
    post.agent
        .await_evidence(&container.name, "outcome", |it| {
            it.fact.ends_with(".254:8125 given up")
        })
        .map(drop)
}

fn datagrams(post: &mut Post) -> Result<()> {
    let container = post.python(
        "datagrams",
        None,
        "one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n\
         one.sendto(b'x', ('127.0.0.1', 8127))\n\
         two = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)\n\
         two.connect(('::1', 8128)); two.send(b'x')\n",
    )?;
    post.fact(&container, "endpoint", "udp loopback:8127")?;
    post.fact(&container, "endpoint", "udp loopback:8128")?;
    Ok(())
}

fn bound(post: &mut Post) -> Result<()> {
    let container = post.python(
        "bound",
        None,
        "one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); one.bind(('0.0.0.0', 8129))\n\
         two = socket.socket(); two.bind(('127.0.0.1', 8130))\n\
         three = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM); three.bind(('::1', 0))\n",
    )?;
    post.fact(&container, "listener", "udp *:8129")?;
    post.fact(&container, "listener", "bind tcp 127.0.0.1:8130")?;
    post.fact(&container, "listener", "udp [::1]:*")?;
    Ok(())
}

fn ports(post: &mut Post) -> Result<()> {
    let busy = post.python(
        "ports",
        None,
        "for port in range(20000, 20600): socket.create_server(('127.0.0.1', port)).close()\n",
    )?;
    let labels = [
        ("container", busy.name.as_str()),
        ("reason", "listeners_full"),
    ];
    wait::until("the count of its losses", Duration::from_secs(20), || {
        let lost = post.agent.metrics()?;
        let lost = lost.sum("picket_container_events_lost_total", &labels);
        Ok(lost.filter(|lost| *lost == 88.0))
    })
    .map(drop)
}

fn kinds(post: &mut Post) -> Result<()> {
    let container = post.python(
        "kinds",
        None,
        "for family, kind, protocol in [(17, 3, 0x300), (38, 5, 0), (2, 3, 1), (16, 3, 0)]:\n\
         \ttry: socket.socket(family, kind, protocol)\n\
         \texcept OSError: pass\n",
    )?;
    for (part, raw) in [
        ("AF_PACKET SOCK_RAW 768", true),
        ("AF_ALG SOCK_SEQPACKET", true),
        ("AF_INET SOCK_RAW 1", true),
        ("AF_NETLINK SOCK_RAW", false),
    ] {
        let socket = post
            .agent
            .await_evidence(&container.name, "socket", |it| it.fact.starts_with(part))?;
        ensure!(marks(&socket).contains("raw_socket") == raw, "{socket:?}");
    }
    Ok(())
}

fn streams(post: &mut Post) -> Result<()> {
    for (name, take) in [
        ("dup", "os.dup2(one.fileno(), 0)"),
        ("fcntl", "os.close(0); fcntl.fcntl(one, fcntl.F_DUPFD, 0)"),
        (
            "socket",
            "os.close(0); other = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)",
        ),
        (
            "accept",
            "client = socket.create_connection(one.getsockname()); os.close(0); got = one.accept()",
        ),
    ] {
        let container = post.python(
            &format!("stream-{name}"),
            None,
            &format!("import fcntl\none = socket.create_server(('127.0.0.1', 0))\n{take}"),
        )?;
        post.agent
            .await_evidence(&container.name, "privileged", |it| {
                it.fact.contains("socket")
            })
            .with_context(|| name.to_owned())?;
    }
    Ok(())
}

fn unix(post: &mut Post) -> Result<()> {
    let container = post.python(
        "unix",
        None,
        "one = socket.socket(socket.AF_UNIX); one.bind('/tmp/app.sock'); one.listen()\n\
         socket.socket(socket.AF_UNIX).connect('/tmp/app.sock')\n\
         two = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); two.bind(b'\\0app')\n\
         socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto(b'x', b'\\0app')\n\
         try: socket.socket(socket.AF_UNIX).connect('/var/run/docker.sock')\n\
         except OSError: pass\n",
    )?;
    for fact in [
        "bind /tmp/app.sock",
        "connect /tmp/app.sock",
        "bind @app",
        "connect @app",
    ] {
        let socket = post.fact(&container, "unix_socket", fact)?;
        ensure!(!marks(&socket).contains("escape_path"), "{socket:?}");
    }
    let runtime = "connect /var/run/docker.sock failed ENOENT";
    let socket = post.fact(&container, "unix_socket", runtime)?;
    ensure!(marks(&socket).contains("escape_path"), "{socket:?}");
    Ok(())
}

/// A server that reads 3000 bytes of each connection and answers with 5000.
const SERVER: &str = "server = socket.create_server(('0.0.0.0', 8131))\n\
     while True:\n\
     \tone, _ = server.accept()\n\
     \tleft = 3000\n\
     \twhile left: left -= len(one.recv(left))\n\
     \tone.sendall(b'x' * 5000); one.close()\n";

fn by_peer(post: &mut Post) -> Result<()> {
    let network = Network::create()?;
    let server = post.python("by-peer-server", Some(&network), SERVER)?;
    post.fact(&server, "listener", "tcp *:8131")?;
    let address = server.address()?;
    // Twice, and datagrams of 100 bytes, which with their headers are 128.
    let client = post.python(
        "by-peer-client",
        Some(&network),
        &format!(
            "for _ in range(2):\n\
             \tone = socket.create_connection(('{address}', 8131)); one.sendall(b'y' * 3000)\n\
             \tleft = 5000\n\
             \twhile left: left -= len(one.recv(left))\n\
             \tone.close()\n\
             two = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n\
             for _ in range(3): two.sendto(b'z' * 100, ('{address}', 8132))\n"
        ),
    )?;
    let other = client.address()?;
    post.peer(
        &client,
        &format!("tcp {address}:8131"),
        false,
        (10_000, 6000),
    )?;
    post.peer(&client, &format!("udp {address}:8132"), false, (0, 384))?;
    post.peer(&server, &format!("tcp {other}:8131"), true, (6000, 10_000))
}

fn living(post: &mut Post) -> Result<()> {
    // It says nothing for longer than a connection's bytes may wait, so that its next word settles what went before.
    let container = post.python(
        "living",
        None,
        "server = socket.create_server(('127.0.0.1', 8133))\n\
         one = socket.create_connection(('127.0.0.1', 8133)); two, _ = server.accept()\n\
         while True: one.sendall(b'x' * 1000); two.recv(1000); time.sleep(0.2)\n",
    )?;
    post.network(&container, |network| {
        let peers = network["peers"].as_array().into_iter().flatten();
        let sent = |it: &Value| it["served"] == false && it["tx_bytes"].as_u64() > Some(2000);
        peers.into_iter().any(sent)
    })
    .map(drop)
}

/// A ring without its library: one submission of `IORING_OP_SEND` with 7000 bytes.
const RING: &str = "import mmap, struct, sys\n\
     libc = ctypes.CDLL(None, use_errno=True)\n\
     server = socket.create_server(('127.0.0.1', 8134))\n\
     one = socket.create_connection(('127.0.0.1', 8134)); two, _ = server.accept()\n\
     params = ctypes.create_string_buffer(120)\n\
     ring = libc.syscall(425, 4, params)\n\
     if ring < 0: sys.exit('io_uring_setup: ' + os.strerror(ctypes.get_errno()))\n\
     head, tail, mask, entries, flags, dropped, array = struct.unpack_from('7I', params, 40)\n\
     queue = mmap.mmap(ring, array + 4 * 4, offset=0)\n\
     calls = mmap.mmap(ring, 64 * 4, offset=0x10000000)\n\
     data = ctypes.create_string_buffer(b'x' * 7000, 7000)\n\
     struct.pack_into('BBHiQQII', calls, 0, 26, 0, 0, one.fileno(), 0, ctypes.addressof(data), 7000, 0)\n\
     struct.pack_into('I', queue, array, 0)\n\
     struct.pack_into('I', queue, tail, 1)\n\
     if libc.syscall(426, ring, 1, 1, 1, None, 0) != 1: sys.exit('io_uring_enter')\n\
     left = 7000\n\
     while left: left -= len(two.recv(left))\n\
     one.close(); two.close()\n";

fn by_ring(post: &mut Post) -> Result<()> {
    // The engine's filter refuses rings.
    let program = format!("import ctypes, os, socket, time\n{RING}time.sleep(300)\n");
    let container = Container::start_with(
        &Run {
            image: &post.python,
            name: "by-ring",
            network: None,
            environment: &[],
            command: &["python3", "-c", &program],
        },
        &["--security-opt", "seccomp=unconfined"],
    )?;
    post.peer(&container, "tcp 127.0.0.1:8134", false, (0, 7000))?;
    post.peer(&container, "tcp 127.0.0.1:8134", true, (7000, 0))
}
