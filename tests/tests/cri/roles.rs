//! What a container is in its pod, and who runs a program in it.

use anyhow::{Result, ensure};
use picket_tests::pod::ContainerSpec;

use crate::node::{Node, ensure_place, reading};

pub fn init_server_and_sidecar(node: &mut Node) -> Result<()> {
    let pod = node.pod("models", "trio-0")?;
    let script = "mkdir -p /srv; echo 1 >/srv/init.conf; cat /srv/init.conf; /bin/uname";
    let init = node.start(&pod, "fetch-model", script)?;
    ensure!(init.await_end()? == 0, "{}", init.logs());
    let server = node.start(&pod, "server", &reading("server.conf"))?;
    let sidecar = node.start(&pod, "metrics", &reading("sidecar.conf"))?;
    for (container, file) in [
        (&init, "init.conf"),
        (&server, "server.conf"),
        (&sidecar, "sidecar.conf"),
    ] {
        let known = node.await_known(container)?;
        ensure_place(&known, ["models", "trio-0", &container.name])?;
        let place = ["models", "trio", container.name.as_str()];
        node.await_fact(place, "file_read", file)?;
        let facts = node.facts(place)?;
        let mut others = facts
            .iter()
            .filter(|fact| fact.value.contains(".conf") && !fact.value.contains(file));
        ensure!(others.next().is_none(), "{facts:?}");
    }
    let ended = node.await_known(&init)?;
    ensure!(ended["ended_ms"] != 0, "{ended:#}");
    Ok(())
}

pub fn second_attempt(node: &mut Node) -> Result<()> {
    let pod = node.pod("models", "again-0")?;
    let place = ["models", "again", "server"];
    let first = node.start(&pod, "server", &reading("first.conf"))?;
    let before = node.await_known(&first)?;
    node.await_fact(place, "file_read", "first.conf")?;
    first.remove()?;
    let script = reading("second.conf");
    let second = pod.start(&ContainerSpec {
        attempt: 1,
        ..ContainerSpec::new("server", &node.image, &["sh", "-c", &script])
    })?;
    let after = node.await_known(&second)?;
    ensure_place(&after, ["models", "again-0", "server"])?;
    ensure!(
        after["baseline_id"] == before["baseline_id"],
        "{before:#} {after:#}"
    );
    node.await_fact(place, "file_read", "second.conf")?;
    node.await_fact(place, "file_read", "first.conf")?;
    Ok(())
}

pub fn ephemeral(node: &mut Node) -> Result<()> {
    let pod = node.pod("models", "debugged-0")?;
    let server = node.start(&pod, "server", &reading("server.conf"))?;
    let place = ["models", "debugged", "server"];
    node.await_fact(place, "file_read", "server.conf")?;
    // Through the server's root, whose processes it sees.
    let script = "cat /proc/1/root/srv/server.conf; /bin/whoami; sleep 3600";
    let debugger = pod.start(&ContainerSpec {
        target: Some(&server),
        ..ContainerSpec::new("debugger-x7kq2", &node.image, &["sh", "-c", script])
    })?;
    let known = node.await_known(&debugger)?;
    ensure_place(&known, ["models", "debugged-0", "debugger-x7kq2"])?;
    let own = ["models", "debugged", "debugger-x7kq2"];
    let fact = node.await_fact(own, "executable", "whoami")?;
    ensure!(fact.origin == "server", "{fact:?}");
    ensure!(debugger.logs().contains('1'), "{}", debugger.logs());
    let facts = node.facts(place)?;
    ensure!(
        facts.iter().all(|fact| !fact.value.contains("whoami")),
        "{facts:?}"
    );
    Ok(())
}

pub fn probe_and_shell(node: &mut Node) -> Result<()> {
    let pod = node.pod("models", "probed-0")?;
    let server = node.start(&pod, "server", &reading("server.conf"))?;
    let place = ["models", "probed", "server"];
    node.await_fact(place, "file_read", "server.conf")?;
    let probe = server.probe(&["/bin/hostname"])?;
    ensure!(probe.exit_code == 0, "{probe:?}");
    ensure!(probe.stdout == b"probed-0\n", "{probe:?}");
    // `env` runs the applet as a program; the shell would run it itself.
    let printed = node.containerd.exec(
        &server.id,
        &["sh", "-c", "env /bin/arch; env cat /etc/hostname"],
    )?;
    ensure!(printed.contains("probed-0"), "{printed}");
    for program in ["hostname", "arch"] {
        let fact = node.await_fact(place, "executable", program)?;
        ensure!(fact.origin == "runtime", "{fact:?}");
    }
    let fact = node.await_fact(place, "executable", "cat")?;
    ensure!(fact.origin == "server", "{fact:?}");
    Ok(())
}
