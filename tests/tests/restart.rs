//! The probe outlives its agent: what happens while none runs is neither lost nor counted twice, and what is left in the
//! kernel can be removed.
#![allow(
    clippy::indexing_slicing,
    reason = "indexing JSON yields null, not a panic"
)]

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use picket_tests::agent::{self, Agent, Home};
use picket_tests::cgroup::Cgroup;
use picket_tests::docker::{Container, Run, unique};
use picket_tests::image;
use picket_tests::suite::{Fixture, Suite};
use picket_tests::wait;

fn main() -> ExitCode {
    Suite::<Place>::default()
        .test(
            "nothing_is_lost_or_counted_twice_when_the_agent_is_stopped",
            |place| hand_over(place, |agent| agent.stop().map(drop)),
        )
        .test(
            "nothing_is_lost_or_counted_twice_when_the_agent_is_killed",
            |place| hand_over(place, Agent::kill),
        )
        .test("a_flood_costs_its_maker_and_not_its_neighbour", flood)
        .test("without_pins_nothing_is_left_behind", unpinned)
        .test("what_is_left_behind_can_be_removed", unpin)
        .test("maps_of_another_shape_are_replaced", another_shape)
        .test("the_agent_does_not_watch_itself", |place| {
            own_cgroup(place, "")
        })
        .test("nor_where_its_cgroup_has_no_name_for_it", |place| {
            own_cgroup(place, "unshare --cgroup ")
        })
        .run()
}

/// An image, and the home of the test that runs.
struct Place {
    busybox: String,
    latest: Option<Home>,
}

impl Fixture for Place {
    fn create() -> Result<Self> {
        Ok(Self {
            busybox: image::provide(image::BUSYBOX)?,
            latest: None,
        })
    }

    fn evidence(&self) -> String {
        self.latest.as_ref().map(Home::evidence).unwrap_or_default()
    }
}

impl Place {
    fn home(&mut self) -> Result<&Home> {
        // The one before goes first: it unpins.
        self.latest = None;
        Ok(self.latest.insert(Home::pinned()?))
    }

    fn container(&self, name: &str, script: &str) -> Result<(image::Variant, Container)> {
        let image = image::Variant::create(&self.busybox, &unique(name))?;
        let container = Container::start(&Run {
            image: &image.tag,
            name,
            network: None,
            environment: &[],
            command: &["sh", "-c", script],
        })?;
        Ok((image, container))
    }
}

/// Waits for `/tmp/<name>` with nothing but the shell's own commands.
const AWAIT: &str = "await() { while [ ! -e /tmp/$1 ]; do usleep 20000; done; }";

/// Makes `/tmp/<name>` in a container without running anything there.
fn signal(container: &Container, name: &str) -> Result<()> {
    let path = mark(container, name)?;
    fs::write(&path, "").with_context(|| format!("cannot write {path}"))
}

/// Waits until a container has made its `/tmp/<name>`.
fn await_mark(container: &Container, name: &str) -> Result<()> {
    let path = mark(container, name)?;
    wait::until(&path, Duration::from_secs(30), || {
        Ok(fs::exists(&path)?.then_some(()))
    })
}

fn mark(container: &Container, name: &str) -> Result<String> {
    let pid = container.inspect("{{.State.Pid}}")?;
    Ok(format!("/proc/{pid}/root/tmp/{name}"))
}

/// Programs that run while one agent's programs take over from the other's, some before and some after; slowly, so that they
/// stay within the share of the ring that a container has while no agent runs.
const RUNS_DURING: u64 = 60;

fn hand_over(place: &mut Place, end: impl Fn(&mut Agent) -> Result<()>) -> Result<()> {
    place.home()?;
    let (_image, worker) = place.container(
        "worker",
        // Hard links, as the path of a symbolic link's program would be the one behind it.
        &format!(
            "{AWAIT}; mkdir -p /srv /tmp; for i in $(seq 20); do ln /bin/busybox /srv/program-$i; done; \
             await before; sync; sync; sync; /bin/uname; \
             await between; for i in $(seq 7); do sync; done; \
             for i in $(seq 20); do echo $i >/srv/file-$i; /srv/program-$i; done; \
             >/tmp/worked; \
             await during; for i in $(seq {RUNS_DURING}); do /bin/arch; usleep 50000; done; \
             /bin/whoami; while :; do usleep 20000; done"
        ),
    )?;
    let home = place.latest.as_ref().context("no home")?;
    let mut agent = Agent::start(home)?;
    signal(&worker, "before")?;
    agent.await_evidence(&worker.name, "executable", |it| it.tells_of("uname"))?;
    agent.await_windows(2)?;
    end(&mut agent)?;

    signal(&worker, "between")?;
    await_mark(&worker, "worked")?;
    let (_image, born) = place.container("born", "/bin/whoami; while :; do usleep 20000; done")?;
    let (_image, brief) = place.container("brief", "/bin/hostname")?;
    brief.wait()?;

    // A fresh memory, so that what was learned before is news again, with its count.
    fs::remove_dir_all(home.state())?;
    signal(&worker, "during")?;
    let agent = Agent::start(home)?;
    agent.await_evidence(&worker.name, "executable", |it| it.tells_of("program-20"))?;
    agent.await_evidence(&worker.name, "executable", |it| it.tells_of("whoami"))?;
    let syncs = agent.await_evidence(&worker.name, "syscall", |it| it.fact == "sync")?;
    ensure!(syncs.raw == "sync: 7 calls, 0 errors", "{syncs:?}");
    agent.await_evidence(&born.name, "executable", |it| it.tells_of("whoami"))?;
    agent.await_evidence(&brief.name, "executable", |it| it.tells_of("hostname"))?;
    agent.await_windows(2)?;
    let known = agent.container(&worker.name)?;
    // The mark that the work is done is a file too.
    for (kind, count) in [("exec", 20 + RUNS_DURING + 1), ("open", 21)] {
        ensure!(known["events"][kind] == count, "{kind}: {known:#}");
    }
    ensure!(known["events_lost"] == 0, "{known:#}");
    let known = agent.container(&born.name)?;
    ensure!(known["id"] == born.id.as_str(), "{known:#}");
    let gap = agent.metrics()?.sum("picket_restart_gap_seconds", &[]);
    ensure!(gap.is_some_and(|gap| gap > 0.0), "{gap:?}");
    Ok(())
}

fn flood(place: &mut Place) -> Result<()> {
    place.home()?;
    // More than the whole ring of program starts holds.
    let (_image, flooder) = place.container(
        "flooder",
        &format!(
            "{AWAIT}; mkdir -p /tmp; await begin; /bin/uname; await flood; for i in $(seq 1000); do /bin/arch; done; \
             >/tmp/flooded; while :; do usleep 20000; done"
        ),
    )?;
    let (_image, neighbour) = place.container(
        "neighbour",
        &format!("{AWAIT}; mkdir -p /tmp; await flooded; /bin/whoami; >/tmp/done; while :; do usleep 20000; done"),
    )?;
    let home = place.latest.as_ref().context("no home")?;
    let mut agent = Agent::start(home)?;
    signal(&flooder, "begin")?;
    agent.await_evidence(&flooder.name, "executable", |it| it.tells_of("uname"))?;
    agent.stop()?;
    // Nobody reads the rings meanwhile.
    signal(&flooder, "flood")?;
    await_mark(&flooder, "flooded")?;
    signal(&neighbour, "flooded")?;
    await_mark(&neighbour, "done")?;

    let agent = Agent::start(home)?;
    agent.await_evidence(&neighbour.name, "executable", |it| it.tells_of("whoami"))?;
    wait::until("a finding of the loss", Duration::from_secs(20), || {
        let found = agent.anomalies(&flooder.name, "sensor")?;
        Ok(found.filter(|count| *count >= 1.0))
    })?;
    let metrics = agent.metrics()?;
    let lost = |container: &Container| {
        let labels = [("container", container.name.as_str()), ("reason", "quota")];
        metrics.sum("picket_container_events_lost_total", &labels)
    };
    ensure!(lost(&flooder).is_some_and(|lost| lost > 0.0), "no loss");
    ensure!(lost(&neighbour) == Some(0.0), "{:?}", lost(&neighbour));
    let known = agent.container(&flooder.name)?;
    ensure!(known["lost"]["quota"].as_u64() > Some(0), "{known:#}");
    Ok(())
}

fn pins(home: &Home) -> Result<PathBuf> {
    Ok(home.pins().context("no pins")?.to_owned())
}

fn unpinned(place: &mut Place) -> Result<()> {
    let home = place.home()?;
    let pins = pins(home)?;
    let mut agent = Agent::start_under(home, &[], &[], &["--no-pin"])?;
    ensure!(!pins.exists(), "{} exists", pins.display());
    agent.stop()?;
    ensure!(!pins.exists(), "{} exists", pins.display());
    Ok(())
}

fn unpin(place: &mut Place) -> Result<()> {
    let home = place.home()?;
    let pins = pins(home)?;
    let config = home.config().to_string_lossy().into_owned();
    let unpin = || agent::command(&[], &["unpin", "--config", &config]);
    let mut agent = Agent::start(home)?;
    let refused = unpin()?;
    let message = String::from_utf8_lossy(&refused.stderr).into_owned();
    ensure!(refused.status.code() == Some(1), "{message}");
    ensure!(message.contains("belongs to another agent"), "{message}");
    let second = agent::command(&[], &["run", "--config", &config])?;
    let message = String::from_utf8_lossy(&second.stderr).into_owned();
    ensure!(second.status.code() == Some(1), "{message}");
    ensure!(message.contains("belongs to another agent"), "{message}");

    agent.stop()?;
    ensure!(pins.join("CONTROL").exists(), "nothing was pinned");
    for expected in ["removed", "nothing is pinned"] {
        let output = unpin()?;
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        ensure!(output.status.success() && said.contains(expected), "{said}");
        ensure!(!pins.exists(), "{} exists", pins.display());
    }
    Ok(())
}

fn another_shape(place: &mut Place) -> Result<()> {
    place.home()?;
    let (_image, worker) =
        place.container("worker", "while :; do /bin/uname; usleep 20000; done")?;
    let home = place.latest.as_ref().context("no home")?;
    let mut agent = Agent::start(home)?;
    agent.await_evidence(&worker.name, "executable", |it| it.tells_of("uname"))?;
    agent.await_windows(1)?;
    agent.stop()?;
    let configuration = home.configuration()?;
    home.configure(&format!("{configuration}max_containers: 64\n"))?;
    fs::remove_dir_all(home.state())?;
    let agent = Agent::start(home)?;
    agent.await_evidence(&worker.name, "executable", |it| it.tells_of("uname"))?;
    agent.await_windows(1)?;
    let log = fs::read_to_string(home.log())?;
    for part in ["are replaced", "Nothing is known of the time since"] {
        ensure!(log.contains(part), "no {part:?}");
    }
    Ok(())
}

/// `namespace` is what runs the agent in a cgroup namespace of its own, or nothing.
fn own_cgroup(place: &mut Place, namespace: &str) -> Result<()> {
    let home = place.home()?;
    // The kernel side marks the cgroups that are made while it runs: also the one that the next agent starts in.
    let mut before = Agent::start(home)?;
    let own = Cgroup::create('a')?;
    let mut neighbour = Cgroup::create('b')?;
    neighbour.inhabit("while :; do /bin/cat /etc/hostname; sleep 0.05; done")?;
    let listed = |agent: &Agent, cgroup: &Cgroup| -> Result<bool> {
        let containers = agent.api("containers")?;
        let containers = containers.as_array().context("a list")?;
        Ok(containers
            .iter()
            .any(|it| it["id"] == cgroup.id.as_str() && it["ended_ms"] == 0))
    };
    let await_listed = |agent: &Agent, cgroup: &Cgroup| {
        wait::until("a cgroup to be listed", Duration::from_secs(10), || {
            Ok(listed(agent, cgroup)?.then_some(()))
        })
    };
    // For another agent than the one inside, both are containers like any other.
    await_listed(&before, &own)?;
    await_listed(&before, &neighbour)?;
    before.stop()?;

    let wrapper = own.wrapper(namespace);
    let wrapper = wrapper.each_ref().map(String::as_str);
    let agent = Agent::start_under(home, &wrapper, &[], &[])?;
    let procs = fs::read_to_string(own.path.join("cgroup.procs"))?;
    ensure!(
        procs.lines().any(|pid| pid == agent.pid().to_string()),
        "the agent is not in its cgroup"
    );
    await_listed(&agent, &neighbour)?;
    let strangers = || -> Result<Option<f64>> {
        let metrics = agent.metrics()?;
        Ok(metrics.sum("picket_events_unattributed_total", &[]))
    };
    let before = strangers()?;
    for _ in 0..3 {
        agent.await_windows(1)?;
        ensure!(!listed(&agent, &own)?, "the agent watches itself");
    }
    // What the kernel counted of it would come as events of a container that nobody knows.
    ensure!(strangers()? == before, "{before:?}, {:?}", strangers()?);
    ensure!(listed(&agent, &neighbour)?, "the neighbour is gone");
    let socket = home.socket();
    let tested = agent::command(&[], &["selftest", "--socket", &socket.to_string_lossy()])?;
    ensure!(tested.status.success(), "{tested:?}");
    Ok(())
}
