//! The canary: one harmless deed for each hook, by which it must be seen. None needs a capability.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};
use std::time::Duration;

/// How long a connect on loopback may take where something drops its packets.
const CONNECT_PATIENCE: Duration = Duration::from_millis(500);

/// The hooks that some deed of the canary passes.
pub const HOOKS: [&str; 13] = [
    "sched_process_fork",
    "sched_process_exec",
    "sched_process_exit",
    "sys_exit",
    "inet_sock_set_state",
    "connect4",
    "connect6",
    "bind4",
    "bind6",
    "sendmsg4",
    "sendmsg6",
    "skb_ingress",
    "skb_egress",
];

/// Does what the hooks for which `wanted` holds must see, in a thread that bears the nonce as its name. Returns what could
/// not be done, with the reason, by hook.
pub fn act(nonce: &str, wanted: impl Fn(&str) -> bool) -> BTreeMap<&'static str, String> {
    let mut failed = BTreeMap::new();
    let mut attempt = |hooks: &[&'static str], deed: &dyn Fn() -> io::Result<()>| {
        if hooks.iter().any(|hook| wanted(hook))
            && let Err(error) = deed()
        {
            failed.extend(hooks.iter().map(|hook| (*hook, error.to_string())));
        }
    };
    attempt(&["sys_exit"], &|| look_for_nothing(nonce));
    attempt(
        &[
            "sched_process_fork",
            "sched_process_exec",
            "sched_process_exit",
        ],
        &|| start_oneself(nonce),
    );
    let (v4, v6) = (Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into());
    attempt(&["bind4", "connect4", "inet_sock_set_state"], &|| {
        listen_and_connect(SocketAddr::new(v4, 0))
    });
    attempt(&["bind6", "connect6"], &|| {
        listen_and_connect(SocketAddr::new(v6, 0))
    });
    attempt(&["sendmsg4", "skb_ingress", "skb_egress"], &|| {
        send_to_oneself(SocketAddr::new(v4, 0))
    });
    attempt(&["sendmsg6"], &|| send_to_oneself(SocketAddr::new(v6, 0)));
    failed
}

/// Opens a file that does not exist.
fn look_for_nothing(nonce: &str) -> io::Result<()> {
    // What the call answers does not matter: it returns, and that is the hook.
    let _ = File::open(format!("/{nonce}"));
    Ok(())
}

/// Starts this very program, which says its version to nobody.
fn start_oneself(nonce: &str) -> io::Result<()> {
    Command::new("/proc/self/exe")
        .arg0(nonce)
        .arg("version")
        .env_clear()
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .map(drop)
}

/// Listens on a free port for a moment, and connects to it when it is closed again.
fn listen_and_connect(free: SocketAddr) -> io::Result<()> {
    let closed = TcpListener::bind(free)?.local_addr()?;
    // Refused, as it should be, or dropped by a packet filter.
    let _ = TcpStream::connect_timeout(&closed, CONNECT_PATIENCE);
    Ok(())
}

/// Sends a datagram from a socket to itself.
fn send_to_oneself(free: SocketAddr) -> io::Result<()> {
    let socket = UdpSocket::bind(free)?;
    socket.send_to(&[0], socket.local_addr()?).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::programs;

    #[test]
    fn every_hook_of_the_list_exists() {
        for hook in HOOKS {
            assert!(programs::named(hook).is_some(), "{hook}");
        }
    }

    #[test]
    fn only_what_is_wanted_is_done() {
        let failed = act("selftest-000000", |hook| {
            ["sys_exit", "bind4", "sendmsg4"].contains(&hook)
        });
        assert!(failed.is_empty(), "{failed:?}");
        assert!(act("selftest-000000", |_| false).is_empty());
    }
}
