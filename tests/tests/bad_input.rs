//! What the agent says and does when it is given something wrong.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use picket_tests::agent::{self, Agent, Home};
use picket_tests::docker::{Container, Run};
use picket_tests::image;
use picket_tests::suite::{Fixture, Suite};
use picket_tests::wait;

fn main() -> ExitCode {
    Suite::<Homes>::default()
        .test(
            "an_unknown_key_is_named_with_the_nearest_known_one",
            unknown_key,
        )
        .test("broken_yaml_is_located", broken_yaml)
        .test("a_port_in_use_is_named", port_in_use)
        .test("a_missing_capability_is_named", missing_capability)
        .test("a_damaged_baseline_is_set_aside", damaged_baseline)
        .test("a_baseline_from_the_future_is_set_aside", future_baseline)
        .test("a_full_disk_is_named_and_survived", full_disk)
        .test("without_dockers_socket_the_agent_goes_on", no_docker_socket)
        .run()
}

/// The home of the test that runs.
struct Homes {
    latest: Home,
}

impl Fixture for Homes {
    fn create() -> Result<Self> {
        let latest = Home::create()?;
        Ok(Self { latest })
    }

    fn evidence(&self) -> String {
        self.latest.evidence()
    }
}

impl Homes {
    /// A fresh home with a change in its configuration.
    fn fresh(&mut self, old: &str, new: &str) -> Result<&Home> {
        self.latest = Home::create()?;
        let configuration = self.latest.configuration()?;
        ensure!(configuration.contains(old), "no {old:?} in {configuration}");
        self.latest.configure(&configuration.replace(old, new))?;
        Ok(&self.latest)
    }
}

/// A start that must fail with this exit code; its message must have these parts.
fn refuses(home: &Home, wrapper: &[&str], code: i32, parts: &[&str]) -> Result<()> {
    let config = home.config();
    let config = config.to_str().context("path")?;
    let output = agent::command(wrapper, &["run", "--config", config])?;
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    ensure!(
        output.status.code() == Some(code),
        "{}: {message}",
        output.status
    );
    for part in parts {
        ensure!(message.contains(part), "no {part:?} in: {message}");
    }
    Ok(())
}

fn unknown_key(homes: &mut Homes) -> Result<()> {
    let home = homes.fresh("learning:", "learnig:")?;
    let configuration = home.configuration()?;
    let wrong = |line: &str| line.starts_with("learnig");
    let above = configuration
        .lines()
        .position(wrong)
        .context("no such line")?;
    let place = format!("picket.yaml:{}:1", above + 1);
    refuses(home, &[], 2, &[&place, "learnig", "\"learning\""])
}

fn broken_yaml(homes: &mut Homes) -> Result<()> {
    let home = homes.fresh("[{all: true}]", "[{all: true}")?;
    refuses(home, &[], 2, &["picket.yaml:"])
}

fn port_in_use(homes: &mut Homes) -> Result<()> {
    let home = homes.fresh("", "")?;
    let _taken = TcpListener::bind(home.listen)?;
    let address = home.listen.to_string();
    refuses(home, &[], 1, &[&address, "another program", "`listen`"])
}

fn missing_capability(homes: &mut Homes) -> Result<()> {
    let home = homes.fresh("", "")?;
    let without = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"];
    refuses(home, &without, 1, &["refused the probe", "`picket check`"])?;
    let check = agent::command(&without, &["check"])?;
    let report = String::from_utf8_lossy(&check.stdout).into_owned();
    ensure!(check.status.code() == Some(1), "{}: {report}", check.status);
    let names_it = |line: &str| line.starts_with("fail") && line.contains("CAP_BPF");
    ensure!(report.lines().any(names_it), "{report}");
    Ok(())
}

fn damaged_baseline(homes: &mut Homes) -> Result<()> {
    let damaged = "picket-baseline 1 sha256:0000\n{\"facts\": [";
    sets_aside(homes.fresh("", "")?, damaged)
}

fn future_baseline(homes: &mut Homes) -> Result<()> {
    let future = "picket-baseline 4000000 sha256:0000\n{}";
    sets_aside(homes.fresh("", "")?, future)
}

/// An agent that finds this baseline keeps the file under another name, says so, and goes on.
fn sets_aside(home: &Home, content: &str) -> Result<()> {
    let dir = home.state().join("baselines");
    fs::create_dir_all(&dir)?;
    let name = "0123456789abcdef.baseline";
    fs::write(dir.join(name), content)?;
    let agent = Agent::start(home)?;
    let count = agent
        .metrics()?
        .sum("picket_baseline_files_set_aside_total", &[]);
    ensure!(count == Some(1.0), "{count:?} files set aside");
    let log = fs::read_to_string(home.log())?;
    ensure!(log.contains(name), "the log does not name the file");
    let kept: Vec<PathBuf> = files(&dir)?;
    let same = |path: &PathBuf| fs::read_to_string(path).is_ok_and(|text| text == content);
    ensure!(
        !dir.join(name).exists() && kept.iter().any(same),
        "{kept:?}"
    );
    Ok(())
}

fn files(dir: &Path) -> Result<Vec<PathBuf>> {
    let entries = dir.read_dir()?.collect::<Result<Vec<_>, _>>()?;
    Ok(entries.iter().map(fs::DirEntry::path).collect())
}

fn full_disk(homes: &mut Homes) -> Result<()> {
    let disk = Disk::mount("64k")?;
    let old = format!("state_dir: {}", homes.fresh("", "")?.state().display());
    let new = format!("state_dir: {}", disk.dir.path().display());
    let configuration = homes.latest.configuration()?;
    homes.latest.configure(&configuration.replace(&old, &new))?;
    let busybox = image::provide(image::BUSYBOX)?;
    let agent = Agent::start(&homes.latest)?;
    // Filled only now: with no room at all from the start, there would be nothing to lose.
    let filler = disk.dir.path().join("filler");
    let filled = fs::write(filler, vec![0; 1 << 20]);
    ensure!(filled.is_err(), "the disk is not full");
    let _work = Container::start(&Run {
        image: &busybox,
        name: "work",
        network: None,
        environment: &[],
        command: &["sh", "-c", "while :; do usleep 20000; done"],
    })?;
    wait::until("a failed save", Duration::from_secs(60), || {
        let errors = agent
            .metrics()?
            .sum("picket_baseline_save_errors_total", &[]);
        Ok(errors.filter(|count| *count > 0.0).map(drop))
    })?;
    let log = fs::read_to_string(homes.latest.log())?;
    ensure!(log.contains("no space left"), "the log does not say so");
    agent.await_windows(3)
}

/// A small file system in memory.
struct Disk {
    dir: tempfile::TempDir,
}

impl Disk {
    fn mount(size: &str) -> Result<Self> {
        let dir = tempfile::tempdir()?;
        let option = format!("size={size}");
        let mut mount = Command::new("mount");
        mount
            .args(["-t", "tmpfs", "-o", &option, "picket-test"])
            .arg(dir.path());
        ensure!(mount.status()?.success(), "cannot mount a file system");
        Ok(Self { dir })
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Lazily, as a file may still be open.
        let unmounted = Command::new("umount")
            .arg("--lazy")
            .arg(self.dir.path())
            .status();
        if !unmounted.is_ok_and(|status| status.success()) {
            eprintln!("cannot unmount {}", self.dir.path().display());
        }
    }
}

fn no_docker_socket(homes: &mut Homes) -> Result<()> {
    let home = homes.fresh("docker_socket: ", "docker_socket: /nowhere")?;
    let agent = Agent::start(home)?;
    agent.await_windows(2)
}
