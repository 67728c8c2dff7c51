//! Container runtimes: who can tell names and images.

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use super::{Host, Line};
use crate::config::Config;
use crate::workload::bundle;

const TIMEOUT: Duration = Duration::from_secs(2);

pub(super) fn check(host: &Host, config: &Config) -> Vec<Line> {
    let what = "runtime";
    let mut lines: Vec<Line> = docker(host, &config.docker_socket).into_iter().collect();
    lines.extend(config.cri_sockets.iter().map(|socket| cri(host, socket)));
    for location in bundle::locations(&config.runtime_dirs) {
        let folder = location.folder();
        if host.path(folder).is_dir() {
            let name = location.runtime().name();
            lines.push(Line::ok(what, format!("{name}: {}", folder.display())));
        }
    }
    for path in &config.runtime_dirs {
        if !host.path(path).is_dir() {
            lines.push(Line::warn(
                what,
                format!("{} of runtime_dirs is not a directory", path.display()),
                "correct runtime_dirs in the configuration",
            ));
        }
    }
    if lines.is_empty() {
        lines.push(Line::warn(
            what,
            "none found: containers would be known by their id alone",
            "start Docker, containerd, CRI-O or Podman, or name its bundle directory in runtime_dirs",
        ));
    }
    lines
}

fn docker(host: &Host, socket: &Path) -> Option<Line> {
    let what = "docker";
    let path = host.path(socket);
    if !path.exists() {
        return None;
    }
    Some(match ping(&path) {
        Ok(()) => Line::ok(what, format!("{} answers", socket.display())),
        Err(cause) => Line::warn(
            what,
            format!("{} does not answer: {cause}", socket.display()),
            "start Docker, run as root, or set docker_socket; names come from the bundle until then",
        ),
    })
}

fn cri(host: &Host, socket: &Path) -> Line {
    let what = "cri";
    if cfg!(not(feature = "cri")) {
        return Line::warn(
            what,
            format!("{} is not asked by this build", socket.display()),
            "build the agent with the feature cri, or remove cri_sockets from the configuration",
        );
    }
    match UnixStream::connect(host.path(socket)) {
        Ok(_) => Line::ok(what, format!("{} answers", socket.display())),
        Err(cause) => Line::warn(
            what,
            format!("{} does not answer: {cause}", socket.display()),
            "start the container runtime, run as root, or correct cri_sockets; images' digests and pods' labels may be missing until then",
        ),
    }
}

fn ping(socket: &Path) -> io::Result<()> {
    let mut stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    stream.write_all(b"GET /_ping HTTP/1.1\r\nHost: docker\r\nConnection: close\r\n\r\n")?;
    let mut status = [0; 12];
    stream.read_exact(&mut status)?;
    if status.ends_with(b" 200") {
        Ok(())
    } else {
        let status = String::from_utf8_lossy(&status);
        Err(io::Error::other(format!(
            "the answer begins with {status:?}"
        )))
    }
}
