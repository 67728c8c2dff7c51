//! Whose deed it was: containers that live a moment, that were there first, and that run side by side.
#![allow(
    clippy::indexing_slicing,
    reason = "indexing JSON yields null, not a panic"
)]

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use picket_tests::agent::{Agent, Home};
use picket_tests::docker::{Container, Run, unique};
use picket_tests::image;
use picket_tests::suite::{Fixture, Suite};
use picket_tests::wait;

fn main() -> ExitCode {
    Suite::<Post>::default()
        .test(
            "a_container_that_lives_50_ms_is_attributed",
            brief_container,
        )
        .test("two_containers_never_mix", two_containers)
        .test(
            "a_container_older_than_the_agent_is_attributed",
            older_container,
        )
        .test(
            "a_container_is_known_by_its_name_and_image",
            named_container,
        )
        .run()
}

/// A running agent and an image to start containers from.
struct Post {
    agent: Agent,
    busybox: String,
    home: Home,
}

impl Fixture for Post {
    fn create() -> Result<Self> {
        let busybox = image::provide(image::BUSYBOX)?;
        let home = Home::create()?;
        Ok(Self {
            agent: Agent::start(&home)?,
            busybox,
            home,
        })
    }

    fn evidence(&self) -> String {
        self.home.evidence()
    }
}

impl Post {
    /// An image with a baseline of its own.
    fn image(&self, name: &str) -> Result<image::Variant> {
        image::Variant::create(&self.busybox, &unique(name))
    }
}

fn start(image: &image::Variant, name: &str, script: &str) -> Result<Container> {
    Container::start(&Run {
        image: &image.tag,
        name,
        network: None,
        environment: &[],
        command: &["sh", "-c", script],
    })
}

fn brief_container(post: &mut Post) -> Result<()> {
    let image = post.image("brief")?;
    let container = Container::start(&Run {
        image: &image.tag,
        name: "brief",
        network: None,
        environment: &[],
        command: &["usleep", "50000"],
    })?;
    ensure!(container.wait()? == 0);
    // The first exec in the container is the one that starts its main process.
    post.agent
        .await_fact(&image.tag, "executable", "usleep")
        .map(drop)
}

fn two_containers(post: &mut Post) -> Result<()> {
    // By their paths, as busybox's shell runs its own applets without an exec.
    let work = |file: &str, command: &str| {
        format!(
            "mkdir -p /srv; echo 1 >/srv/{file}; while :; do cat /srv/{file}; {command}; usleep 20000; done"
        )
    };
    let (left_image, right_image) = (post.image("left")?, post.image("right")?);
    let _left = start(&left_image, "left", &work("left.conf", "/bin/uname"))?;
    let _right = start(&right_image, "right", &work("right.conf", "/bin/whoami"))?;
    for (image, mine, others) in [
        (
            &left_image,
            ["left.conf", "uname"],
            ["right.conf", "whoami"],
        ),
        (
            &right_image,
            ["right.conf", "whoami"],
            ["left.conf", "uname"],
        ),
    ] {
        let [file, program] = mine;
        post.agent.await_fact(&image.tag, "file_read", file)?;
        post.agent.await_fact(&image.tag, "executable", program)?;
        post.agent.await_windows(3)?;
        for fact in post.agent.facts(&image.tag)? {
            let of_other = others.iter().any(|other| fact.value.contains(other));
            ensure!(
                // `uname` is a system call too.
                !of_other || fact.family == "syscall",
                "{fact:?} belongs to the other container"
            );
        }
    }
    Ok(())
}

fn older_container(post: &mut Post) -> Result<()> {
    let image = post.image("older")?;
    let script = "while :; do cat /etc/hostname; usleep 20000; done";
    let container = start(&image, "older", script)?;
    // Another agent, which cannot have seen the start.
    let home = Home::create()?;
    let agent = Agent::start(&home)?;
    agent
        .await_fact(&image.tag, "file_read", "/etc/hostname")
        .with_context(|| home.evidence())?;
    let known = agent.container(&container.name)?;
    ensure!(known["id"] == container.id.as_str(), "{known:#}");
    ensure!(known["image"] == image.tag.as_str(), "{known:#}");
    Ok(())
}

fn named_container(post: &mut Post) -> Result<()> {
    let image = post.image("named")?;
    let container = start(&image, "named", "while :; do usleep 20000; done")?;
    let info = wait::until("picket_container_info", Duration::from_secs(10), || {
        let metrics = post.agent.metrics()?;
        let labels = [("container", container.name.as_str())];
        let info = metrics
            .select("picket_container_info", &labels)
            .next()
            .cloned();
        Ok(info)
    })?;
    let label = |name: &str| {
        info.labels
            .get(name)
            .map(String::as_str)
            .unwrap_or_default()
    };
    ensure!(label("namespace") == "docker", "{info:?}");
    ensure!(label("runtime") == "docker", "{info:?}");
    ensure!(label("container_id").ends_with(&container.id), "{info:?}");
    ensure!(label("image") == image.tag, "{info:?}");
    Ok(())
}
