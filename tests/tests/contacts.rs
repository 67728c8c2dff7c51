//! Who contacts a peer: a program, a copy of it, or several clients; and who takes the connections that come to a port.

use std::process::ExitCode;

use anyhow::{Context, Result, ensure};
use picket_tests::agent::{Agent, Evidence, Home};
use picket_tests::docker::{Container, Network, Run};
use picket_tests::image;
use picket_tests::suite::{Fixture, Suite};

fn main() -> ExitCode {
    Suite::<Peer>::default()
        .test("a_copy_that_contacts_a_peer_is_told_apart", copy)
        .test(
            "a_client_beside_one_that_keeps_its_connection_is_seen",
            beside,
        )
        .test("one_client_that_is_busy_makes_a_second_connection", busy)
        .test("a_client_in_each_of_two_processes_is_one_each", each)
        .test("a_copy_that_takes_connections_is_told_apart", takes)
        .run()
}

/// A running agent, and a peer that answers with what it was sent: at once one byte, a second later two.
struct Peer {
    agent: Agent,
    python: String,
    address: String,
    // Ends before its network does.
    _peer: Container,
    network: Network,
    home: Home,
}

impl Fixture for Peer {
    fn create() -> Result<Self> {
        let python = image::provide(image::MODEL_SERVER)?;
        let home = Home::create()?;
        let agent = Agent::start(&home)?;
        let network = Network::create()?;
        let peer = start(
            &python,
            &network,
            "peer",
            "def answer(one):\n\
             \twhile data := one.recv(9): time.sleep(len(data) - 1); one.sendall(data)\n\
             def serve(server):\n\
             \twhile True: threading.Thread(target=answer, args=(server.accept()[0],)).start()\n\
             for port in range(8125, 8129):\n\
             \tthreading.Thread(target=serve, args=(socket.create_server(('0.0.0.0', port)),)).start()\n",
        )?;
        agent.await_evidence(&peer.name, "listener", |it| it.fact == "tcp *:8128")?;
        Ok(Self {
            agent,
            python,
            network,
            address: peer.address()?.to_string(),
            _peer: peer,
            home,
        })
    }

    fn evidence(&self) -> String {
        self.home.evidence()
    }
}

impl Peer {
    /// A container that runs a program, in which `ask` gets an answer at this port on a new connection or the one given. Each
    /// test has a port: what one container did is known when another of the image does it.
    fn client(&self, name: &str, port: u16, program: &str) -> Result<Container> {
        let program = format!(
            "def ask(what=b'1', one=None):\n\
             \tone = one or socket.create_connection(('{}', {port})); one.sendall(what); one.recv(9); return one\n\
             {program}",
            self.address
        );
        start(&self.python, &self.network, name, &program)
    }

    /// Waits for the way of contacting the peer.
    fn contact(&self, of: &Container, port: u16, who: &str) -> Result<Evidence> {
        let fact = self.fact(port, who);
        let found = self
            .agent
            .await_evidence(&of.name, "contact", |it| it.fact == fact);
        found.with_context(|| of.logs().unwrap_or_default())
    }

    fn has_one_client(&self, container: &Container, port: u16) -> Result<()> {
        let several = self.fact(port, "several clients");
        let evidence = self.agent.evidence(&container.name)?;
        ensure!(evidence.iter().all(|it| it.fact != several), "{evidence:?}");
        Ok(())
    }

    fn fact(&self, port: u16, who: &str) -> String {
        format!("tcp {}:{port} <- {who}", self.address)
    }
}

fn start(image: &str, network: &Network, name: &str, program: &str) -> Result<Container> {
    let program = format!("import os, socket, threading, time\n{program}\ntime.sleep(300)\n");
    Container::start(&Run {
        image,
        name,
        network: Some(network),
        environment: &[],
        command: &["python3", "-c", &program],
    })
}

const PYTHON: &str = "/usr/bin/python3.11 -c";

fn copy(peer: &mut Peer) -> Result<()> {
    let program = "ask()\nif os.fork() == 0: ask(); os._exit(0)\nos.wait()\n";
    let container = peer.client("copy", 8125, program)?;
    let own = peer.contact(&container, 8125, PYTHON)?;
    let copy = peer.contact(&container, 8125, &format!("a copy of {PYTHON}"))?;
    ensure!(
        own.tells_of("python3") && copy.tells_of("python3"),
        "{own:?} {copy:?}"
    );
    Ok(())
}

fn beside(peer: &mut Peer) -> Result<()> {
    let program = "kept = ask(); time.sleep(0.5); ask(); ask(one=kept)\n";
    let container = peer.client("beside", 8126, program)?;
    peer.contact(&container, 8126, "several clients")?;
    Ok(())
}

/// The connection that is kept has been silent for as long, but waits for its answer.
fn busy(peer: &mut Peer) -> Result<()> {
    let program = "kept = ask(); time.sleep(0.5); kept.sendall(b'22'); ask(); kept.recv(9); ask(one=kept)\n\
                   os.open('/etc/hostname', os.O_RDONLY)\n";
    let container = peer.client("busy", 8127, program)?;
    peer.contact(&container, 8127, PYTHON)?;
    peer.agent
        .await_evidence(&container.name, "file_read", |it| {
            it.fact == "/etc/hostname"
        })?;
    peer.has_one_client(&container, 8127)
}

/// The parent's connection is used again that was idle when the child made its own.
fn each(peer: &mut Peer) -> Result<()> {
    let program = "kept = ask(); time.sleep(0.5)\n\
                   if os.fork() == 0: ask(); os._exit(0)\n\
                   os.wait(); ask(one=kept)\n\
                   os.open('/etc/passwd', os.O_RDONLY)\n";
    let container = peer.client("each", 8128, program)?;
    peer.contact(&container, 8128, &format!("a copy of {PYTHON}"))?;
    peer.agent
        .await_evidence(&container.name, "file_read", |it| it.fact == "/etc/passwd")?;
    peer.has_one_client(&container, 8128)
}

fn takes(peer: &mut Peer) -> Result<()> {
    let program = "own = socket.gethostbyname(socket.gethostname())\n\
                   server = socket.create_server(('0.0.0.0', 8130))\n\
                   def take(): socket.create_connection((own, 8130)); server.accept()\n\
                   take()\n\
                   if os.fork() == 0: take(); os._exit(0)\n\
                   os.wait()\n";
    let container = start(&peer.python, &peer.network, "takes", program)?;
    for who in [PYTHON, &format!("a copy of {PYTHON}")] {
        let fact = format!("accept tcp *:8130 <- {who}");
        let seen = peer
            .agent
            .await_evidence(&container.name, "contact", |it| it.fact == fact)?;
        ensure!(seen.tells_of("python3"), "{seen:?}");
    }
    Ok(())
}
