//! The agent's own place on the machine: state directory, address, socket.

use std::io;
use std::net::TcpListener;
use std::os::unix::net::UnixStream;
use std::path::Path;

use rustix::fs::{Access, access, statvfs};

use super::{Host, Line};
use crate::config::Config;

/// A node's baselines need a few MiB; below this a write may fail soon.
const LEAST_SPACE: u64 = 64 << 20;

pub(super) fn check(host: &Host, config: &Config) -> Vec<Line> {
    let running = UnixStream::connect(host.path(&config.socket)).is_ok();
    vec![
        state_dir(host, &config.state_dir),
        agent(&config.socket, running),
        listen(config, running),
    ]
}

fn state_dir(host: &Host, directory: &Path) -> Line {
    let what = "state_dir";
    let shown = directory.display();
    // What does not exist yet is created in its nearest existing parent.
    let existing = directory
        .ancestors()
        .find(|ancestor| host.path(ancestor).exists())
        .unwrap_or(Path::new("/"));
    let path = host.path(existing);
    if !path.is_dir() {
        return Line::warn(
            what,
            format!(
                "{} is not a directory: nothing learned is kept",
                existing.display()
            ),
            "set state_dir to a directory",
        );
    }
    if let Err(error) = access(&path, Access::WRITE_OK | Access::EXEC_OK) {
        return Line::warn(
            what,
            format!(
                "{} is not writable ({}): nothing learned is kept",
                existing.display(),
                io::Error::from(error)
            ),
            "run as root, or set state_dir to a writable directory",
        );
    }
    let free = statvfs(&path).map_or(u64::MAX, |fs| fs.f_bavail.saturating_mul(fs.f_frsize));
    if free < LEAST_SPACE {
        return Line::warn(
            what,
            format!("{shown} has only {} MiB free", free >> 20),
            "free some space, or set state_dir to another disk",
        );
    }
    let note = match existing == directory {
        true => "writable",
        false => "will be created",
    };
    Line::ok(what, format!("{shown} ({note})"))
}

fn agent(socket: &Path, running: bool) -> Line {
    let what = "agent";
    match running {
        true => Line::ok(what, format!("running, answers on {}", socket.display())),
        false => Line::ok(what, "not running"),
    }
}

fn listen(config: &Config, running: bool) -> Line {
    let what = "listen";
    let address = config.listen;
    match TcpListener::bind(address) {
        Ok(_) => Line::ok(what, format!("{address} is free")),
        Err(error) if running && error.kind() == io::ErrorKind::AddrInUse => Line::ok(
            what,
            format!("{address} is in use, and an agent is running"),
        ),
        Err(error) => Line::warn(
            what,
            format!("cannot listen on {address}: {error}"),
            "stop what uses the address, or set listen to another one",
        ),
    }
}
