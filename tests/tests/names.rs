//! The names that containers ask for, in DNS and in TLS, and peers known by them.

use std::process::{self, ExitCode};
use std::time::Duration;

use anyhow::{Result, ensure};
use picket_tests::agent::{Agent, Evidence, Home};
use picket_tests::docker::{Container, Network, RUN_LABEL, Run, docker, run_name, unique};
use picket_tests::image;
use picket_tests::suite::{Fixture, Suite};
use picket_tests::wait;

const SCRIPT: &str = include_str!("names/names.py");

fn main() -> ExitCode {
    Suite::<Post>::default()
        .test("a_question_is_told_with_its_answer", connected)
        .test("sockets_without_a_connection_are_seen", unconnected)
        .test("dns_over_tcp_is_seen", over_tcp)
        .test("dns_over_ipv6_is_seen", over_ipv6)
        .test("a_name_that_is_not_there_is_told", not_there)
        .test(
            "the_resolver_of_the_engine_is_seen_through",
            engine_resolver,
        )
        .test("a_peer_keeps_its_name_when_it_moves", moves)
        .test("a_new_name_at_a_known_address_is_news", renamed)
        .test("an_unknown_resolver_explains_nothing", rogue)
        .test("the_server_name_of_tls_is_told", tls)
        .test("the_same_question_again_ships_nothing", steady)
        .run()
}

/// A running agent, and a name server on a network of its own.
struct Post {
    agent: Agent,
    server: Container,
    network: Network,
    image: image::Variant,
    home: Home,
}

impl Fixture for Post {
    fn create() -> Result<Self> {
        let image = image::provide(image::MODEL_SERVER)?;
        let image = image::Variant::create(&image, &unique("names"))?;
        let home = Home::create()?;
        // What is counted over all containers is then this test's alone.
        let mine = format!("picket-{}-{}-*", run_name(), process::id());
        let settings = home.configuration()?;
        home.configure(&settings.replace("{all: true}", &format!("{{name: \"{mine}\"}}")))?;
        let agent = Agent::start(&home)?;
        let network = Network::create()?;
        let server = Container::start(&Run {
            image: &image.tag,
            name: "nameserver",
            network: Some(&network),
            environment: &[],
            command: &["python3", "-c", SCRIPT, "server"],
        })?;
        wait_done(&server)?;
        Ok(Self {
            agent,
            server,
            network,
            image,
            home,
        })
    }

    fn evidence(&self) -> String {
        self.home.evidence()
    }
}

impl Post {
    /// A container that takes these steps. `SERVER` in them stands for the name server's address.
    fn client(&self, name: &str, steps: &[&str]) -> Result<Container> {
        let server = format!("'{}'", self.server.address()?);
        let steps: Vec<String> = steps
            .iter()
            .map(|step| step.replace("SERVER", &server))
            .collect();
        let steps = steps.iter().map(String::as_str);
        let command: Vec<&str> = ["python3", "-c", SCRIPT].into_iter().chain(steps).collect();
        let client = Container::start(&Run {
            image: &self.image.tag,
            name,
            network: Some(&self.network),
            environment: &[],
            command: &command,
        })?;
        wait_done(&client)?;
        Ok(client)
    }

    fn await_raw(&self, client: &Container, family: &str, raw: &str) -> Result<String> {
        let is_it = |it: &Evidence| it.raw.contains(raw);
        let found = self.agent.await_evidence(&client.name, family, is_it)?;
        Ok(found.fact)
    }

    /// DNS messages that the probe shipped.
    fn shipped(&self) -> Result<f64> {
        let labels = [("kind", "dns")];
        let metrics = self.agent.metrics()?;
        Ok(metrics.sum("picket_events_total", &labels).unwrap_or(0.0))
    }
}

fn wait_done(container: &Container) -> Result<()> {
    wait::until("the end of the steps", Duration::from_secs(30), || {
        let logs = container.logs()?;
        ensure!(!logs.contains("Traceback"), "{logs}");
        Ok(logs.contains("done").then_some(()))
    })
}

fn connected(post: &mut Post) -> Result<()> {
    let client = post.client("udp", &["ask(SERVER, 'UDP.example')"])?;
    let raw = format!(
        "A udp.example: NOERROR 10.99.0.1 (77 s) from {}",
        post.server.address()?
    );
    let fact = post.await_raw(&client, "dns_name", &raw)?;
    ensure!(fact == "udp.example", "{fact}");
    Ok(())
}

fn unconnected(post: &mut Post) -> Result<()> {
    let steps = ["ask_without_connection(SERVER, 'sent.example')"];
    let client = post.client("sent", &steps)?;
    let raw = "A sent.example: NOERROR 10.99.0.2 (77 s)";
    post.await_raw(&client, "dns_name", raw).map(drop)
}

fn over_tcp(post: &mut Post) -> Result<()> {
    let client = post.client("tcp", &["ask_over_tcp(SERVER, 'tcp.example')"])?;
    let raw = "A tcp.example: NOERROR 10.99.0.3 (77 s)";
    post.await_raw(&client, "dns_name", raw).map(drop)
}

fn over_ipv6(post: &mut Post) -> Result<()> {
    let steps = [
        "serve('::1', socket.AF_INET6)",
        "ask('::1', 'six.example', AAAA, socket.AF_INET6)",
        "contact('fd99::4')",
    ];
    // The engine leaves IPv6 out of networks that have none, loopback included.
    let name = unique("six");
    let label = format!("{RUN_LABEL}={}", run_name());
    let mut command = vec!["run", "--detach", "--name", &name, "--label", &label];
    command.extend(["--network", "none", "--sysctl"]);
    command.extend(["net.ipv6.conf.all.disable_ipv6=0", &post.image.tag]);
    command.extend(["python3", "-c", SCRIPT]);
    command.extend(steps);
    let id = docker(&command)?;
    let client = Container { name, id };
    wait_done(&client)?;
    let raw = "AAAA six.example: NOERROR fd99::4 (77 s) from ::1";
    post.await_raw(&client, "dns_name", raw)?;
    let fact = post.await_raw(&client, "endpoint", "[fd99::4]:443")?;
    ensure!(fact == "tcp six.example:443", "{fact}");
    Ok(())
}

fn not_there(post: &mut Post) -> Result<()> {
    let client = post.client("nowhere", &["ask(SERVER, 'nowhere.example')"])?;
    let raw = "A nowhere.example: NXDOMAIN from";
    post.await_raw(&client, "dns_name", raw).map(drop)
}

fn engine_resolver(post: &mut Post) -> Result<()> {
    let name = &post.server.name;
    let address = post.server.address()?;
    let lookup = format!("contact(socket.getaddrinfo('{name}', 80, socket.AF_INET)[0][4][0], 80)");
    // As C libraries do that do not connect their sockets; the engine knows a container by its short id too.
    let unconnected = "ask_without_connection('127.0.0.11', socket.gethostname())";
    let client = post.client("engine", &[&lookup, unconnected])?;
    let raw = format!("A {name}: NOERROR {address} (600 s) from 127.0.0.11");
    post.await_raw(&client, "dns_name", &raw)?;
    let id = client.id.get(..12).unwrap_or_default();
    post.await_raw(&client, "dns_name", &format!("A {id}: NOERROR"))?;
    let raw = format!("tcp {address}:80 as {name}");
    post.await_raw(&client, "endpoint", &raw).map(drop)
}

fn moves(post: &mut Post) -> Result<()> {
    let steps = [
        "ask(SERVER, 'move.example')",
        "contact('10.99.0.5')",
        "ask(SERVER, 'move.example')",
        "contact('10.99.0.6')",
        "contact('10.99.0.6', 9999)",
    ];
    let client = post.client("move", &steps)?;
    // The last contact shows that all before it were seen.
    let raw = "tcp 10.99.0.6:9999 as move.example";
    post.await_raw(&client, "endpoint", raw)?;
    for fact in post.agent.facts(&post.image.tag)? {
        let by_address = ["10.99.0.5", "10.99.0.6"];
        ensure!(
            !by_address
                .iter()
                .any(|address| fact.value.contains(address)),
            "{fact:?}"
        );
    }
    let fact = post
        .agent
        .await_fact(&post.image.tag, "endpoint", "move.example:443")?;
    ensure!(fact.value == "tcp move.example:443", "{fact:?}");
    Ok(())
}

fn renamed(post: &mut Post) -> Result<()> {
    let steps = [
        "ask(SERVER, 'first.example')",
        "contact('10.99.0.9', 4443)",
        "ask(SERVER, 'second.example')",
        "contact('10.99.0.9', 4443)",
    ];
    let client = post.client("renamed", &steps)?;
    post.await_raw(&client, "endpoint", "tcp 10.99.0.9:4443 as first.example")?;
    let raw = "tcp 10.99.0.9:4443 as second.example";
    post.await_raw(&client, "endpoint", raw).map(drop)
}

fn rogue(post: &mut Post) -> Result<()> {
    let steps = [
        "[serve(f'127.0.0.{n}') for n in range(2, 6)]",
        "[ask(f'127.0.0.{n}', 'udp.example') for n in range(2, 5)]",
        "ask('127.0.0.5', 'rogue.example')",
        "contact('10.99.0.7')",
    ];
    let client = post.client("rogue", &steps)?;
    post.await_raw(&client, "dns_name", "A rogue.example: NOERROR 10.99.0.7")?;
    let fact = post.await_raw(&client, "endpoint", "10.99.0.7:443")?;
    ensure!(fact == "tcp 10.99.0.7:443", "{fact}");
    Ok(())
}

fn tls(post: &mut Post) -> Result<()> {
    let client = post.client("tls", &["greet('TLS.example', 8443)"])?;
    let raw = "tls.example:8443 at 127.0.0.1:8443";
    let fact = post.await_raw(&client, "tls_name", raw)?;
    ensure!(fact == "tls.example:8443", "{fact}");
    Ok(())
}

fn steady(post: &mut Post) -> Result<()> {
    let before = post.shipped()?;
    let steps = [
        "[ask(SERVER, 'steady.example') for _ in range(1000)]",
        "ask(SERVER, 'steady-end.example')",
    ];
    let client = post.client("steady", &steps)?;
    post.await_raw(&client, "dns_name", "A steady-end.example: NXDOMAIN")?;
    let shipped = post.shipped()? - before;
    ensure!(shipped <= 20.0, "{shipped} messages shipped");
    Ok(())
}
