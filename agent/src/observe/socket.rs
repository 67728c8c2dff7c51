//! Kinds of sockets, and the names of UNIX sockets, in comparable form.

use super::event::Access;
use super::{errno, path, syscall};

/// A socket that was asked for or named, generalised.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Socket {
    /// Canonical form: `AF_PACKET SOCK_RAW denied EPERM`, `connect /run/docker.sock`, `bind @name`.
    pub value: String,
    /// The call with its arguments and result.
    pub raw: String,
    /// It sees or makes packets below TCP and UDP, or is of a family that no server uses.
    pub raw_socket: bool,
    /// It leads to what runs containers or the machine.
    pub escape: bool,
    /// The kernel or a seccomp filter refused it.
    pub denied: bool,
    /// It lies in a scratch place.
    pub scratch: bool,
    /// There is nobody at the other end.
    pub unanswered: bool,
}

/// `include/linux/socket.h`. The second value says that servers use the family.
const FAMILIES: &[(u32, &str, bool)] = &[
    (1, "AF_UNIX", true),
    (2, "AF_INET", true),
    (3, "AF_AX25", false),
    (4, "AF_IPX", false),
    (5, "AF_APPLETALK", false),
    (9, "AF_X25", false),
    (10, "AF_INET6", true),
    (15, "AF_KEY", false),
    (16, "AF_NETLINK", true),
    (17, "AF_PACKET", false),
    (21, "AF_RDS", false),
    (23, "AF_IRDA", false),
    (24, "AF_PPPOX", false),
    (29, "AF_CAN", false),
    (30, "AF_TIPC", false),
    (31, "AF_BLUETOOTH", false),
    (35, "AF_PHONET", false),
    (36, "AF_IEEE802154", false),
    (37, "AF_CAIF", false),
    (38, "AF_ALG", false),
    (39, "AF_NFC", false),
    (40, "AF_VSOCK", false),
    (41, "AF_KCM", false),
    (42, "AF_QIPCRTR", false),
    (43, "AF_SMC", false),
    (44, "AF_XDP", false),
    (45, "AF_MCTP", false),
];

const AF_NETLINK: u32 = 16;

/// `include/linux/net.h`.
const TYPES: &[(u32, &str)] = &[
    (1, "SOCK_STREAM"),
    (2, "SOCK_DGRAM"),
    (SOCK_RAW, "SOCK_RAW"),
    (4, "SOCK_RDM"),
    (5, "SOCK_SEQPACKET"),
    (6, "SOCK_DCCP"),
    (SOCK_PACKET, "SOCK_PACKET"),
];

const SOCK_RAW: u32 = 3;
const SOCK_PACKET: u32 = 10;

/// Netlink protocols (`include/uapi/linux/netlink.h`) of ordinary programs: addresses and routes, lists of sockets, devices
/// that come and go, and what generic families serve.
const ORDINARY_NETLINK: &[u32] = &[0, 4, 15, 16];

/// Names of sockets by which one commands container runtimes, the node's agent and the machine's service manager.
const COMMANDING: &[&str] = &[
    "docker.sock",
    "containerd.sock",
    "containerd.sock.ttrpc",
    "crio.sock",
    "cri-dockerd.sock",
    "dockershim.sock",
    "podman.sock",
    "buildkitd.sock",
    "kubelet.sock",
    "system_bus_socket",
];

/// Directories in which all sockets are of that kind.
const COMMANDING_DIRECTORIES: &[&str] = &[
    "/run/containerd/",
    "/run/crio/",
    "/run/docker/",
    "/run/podman/",
    "/run/systemd/",
    // The shims that containerd once had reachable from containers with the host's network.
    "@/containerd-shim/",
];

/// The comparable form of a kind of socket. `result` is 0 or a negative errno.
#[must_use]
pub fn kind(domain: u32, kind: u32, protocol: u32, result: i32) -> Socket {
    let family = FAMILIES.iter().find(|(number, ..)| *number == domain);
    let family_name = family.map_or_else(|| format!("AF_{domain}"), |(_, name, _)| (*name).into());
    let kind_name = TYPES
        .iter()
        .find(|(number, _)| *number == kind)
        .map_or_else(|| format!("type {kind}"), |(_, name)| (*name).to_owned());
    let is_raw = domain != AF_NETLINK && matches!(kind, SOCK_RAW | SOCK_PACKET);
    let is_odd_netlink = domain == AF_NETLINK && !ORDINARY_NETLINK.contains(&protocol);
    let is_used = family.is_some_and(|(.., used)| *used);
    let shown = if protocol == 0 {
        String::new()
    } else {
        format!(" {protocol}")
    };
    Socket {
        value: format!("{family_name} {kind_name}{shown}{}", outcome(result)),
        raw: format!(
            "socket({family_name}, {kind_name}, {protocol}){}",
            returned(result)
        ),
        raw_socket: is_raw || is_odd_netlink || !is_used,
        escape: false,
        denied: is_refusal(result),
        scratch: false,
        unanswered: false,
    }
}

/// The comparable form of a UNIX socket connected to, bound or sent to. An abstract name begins with `@`.
#[must_use]
pub fn unix(call: u16, name: &str, result: i32) -> Socket {
    let verb = match syscall::name(call).as_ref() {
        "bind" => "bind",
        // To the one that is named, sending is as connecting.
        _ => "connect",
    };
    let general = name.strip_prefix('@').map_or_else(
        || path::generalise(name, Access::Write),
        |name| format!("@{}", path::generalise(name, Access::Write)),
    );
    Socket {
        value: format!("{verb} {general}{}", outcome(result)),
        raw: format!("{}({name:?}){}", syscall::name(call), returned(result)),
        raw_socket: false,
        escape: verb == "connect" && is_commanding(name),
        denied: is_refusal(result),
        scratch: path::marks(name, Access::Write).scratch,
        unanswered: matches!(-result, libc::ENOENT | libc::ENOTDIR | libc::ECONNREFUSED),
    }
}

fn is_commanding(name: &str) -> bool {
    let name = name.strip_prefix("/var").unwrap_or(name);
    let file = name.rsplit('/').next().unwrap_or(name);
    COMMANDING.contains(&file)
        || COMMANDING_DIRECTORIES
            .iter()
            .any(|directory| name.starts_with(directory))
}

fn outcome(result: i32) -> String {
    if result == 0 {
        String::new()
    } else if is_refusal(result) {
        format!(" denied {}", errno::name(result))
    } else {
        format!(" failed {}", errno::name(result))
    }
}

fn returned(result: i32) -> String {
    if result == 0 {
        String::new()
    } else {
        format!(" = -1 {}", errno::name(result))
    }
}

fn is_refusal(result: i32) -> bool {
    matches!(-result, libc::EPERM | libc::EACCES)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn kinds_have_one_form_and_unusual_ones_are_marked() {
        let refused = -libc::EPERM;
        for (domain, number, protocol, result, value, raw) in [
            (1, 1, 0, 0, "AF_UNIX SOCK_STREAM", false),
            (2, 3, 1, 0, "AF_INET SOCK_RAW 1", true),
            (2, 2, 1, 0, "AF_INET SOCK_DGRAM 1", false),
            (
                10,
                3,
                255,
                refused,
                "AF_INET6 SOCK_RAW 255 denied EPERM",
                true,
            ),
            (16, 3, 0, 0, "AF_NETLINK SOCK_RAW", false),
            (16, 3, 12, 0, "AF_NETLINK SOCK_RAW 12", true),
            (
                17,
                3,
                768,
                refused,
                "AF_PACKET SOCK_RAW 768 denied EPERM",
                true,
            ),
            (
                38,
                5,
                0,
                -libc::EAFNOSUPPORT,
                "AF_ALG SOCK_SEQPACKET failed EAFNOSUPPORT",
                true,
            ),
            (
                99,
                77,
                0,
                -libc::EINVAL,
                "AF_99 type 77 failed EINVAL",
                true,
            ),
        ] {
            let socket = kind(domain, number, protocol, result);
            assert_eq!(socket.value, value);
            assert_eq!(socket.raw_socket, raw, "{value}");
            assert_eq!(socket.denied, result == refused, "{value}");
        }
        assert_eq!(
            kind(17, 3, 768, refused).raw,
            "socket(AF_PACKET, SOCK_RAW, 768) = -1 EPERM"
        );
    }

    #[test]
    fn unix_sockets_have_one_form_and_commanding_ones_are_marked() {
        let [connect, bind, sendto] = [libc::SYS_connect, libc::SYS_bind, libc::SYS_sendto]
            .map(|call| u16::try_from(call).unwrap());
        let missing = -libc::ENOENT;
        for (call, name, result, value, escape) in [
            (connect, "/run/app.sock", 0, "connect /run/app.sock", false),
            (sendto, "/dev/log", 0, "connect /dev/log", false),
            (bind, "@app", 0, "bind @app", false),
            (
                connect,
                "/var/run/docker.sock",
                missing,
                "connect /var/run/docker.sock failed ENOENT",
                true,
            ),
            (
                connect,
                "/host/run/containerd/containerd.sock",
                0,
                "connect /host/run/containerd/containerd.sock",
                true,
            ),
            (
                connect,
                "@/containerd-shim/x.sock",
                0,
                "connect @/containerd-shim/x.sock",
                true,
            ),
            (
                connect,
                "/run/systemd/private",
                -libc::EACCES,
                "connect /run/systemd/private denied EACCES",
                true,
            ),
            (bind, "/run/docker.sock", 0, "bind /run/docker.sock", false),
        ] {
            let socket = unix(call, name, result);
            assert_eq!(socket.value, value);
            assert_eq!(socket.escape, escape, "{value}");
        }
        assert_eq!(
            unix(connect, "/a\nb", missing).raw,
            "connect(\"/a\\nb\") = -1 ENOENT"
        );
    }
}
