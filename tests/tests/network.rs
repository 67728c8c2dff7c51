//! Evidence of the network: how connects end, what is bound, kinds of sockets, UNIX names, and traffic by peer.
#![allow(
    clippy::indexing_slicing,
    reason = "indexing JSON yields null, not a panic"
)]

use std::process::ExitCode;

use anyhow::{Context, Result, ensure};
use picket_tests::agent::{Agent, Evidence, Home};
use picket_tests::docker::{Container, Network, Run};
use picket_tests::image;
use picket_tests::suite::{Fixture, Suite};

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
        .test("kinds_of_sockets_are_seen", kinds)
        .test("a_socket_in_the_place_of_a_stream_is_seen", streams)
        .test("unix_sockets_are_seen_by_name", unix)
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
    Ok(())
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
