//! Network addresses in comparable form.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::dns;
use super::event::Protocol;

/// From here on Linux picks ports by itself (`net.ipv4.ip_local_port_range`, Documentation/networking/ip-sysctl.rst).
const FIRST_EPHEMERAL_PORT: u16 = 32768;

/// DNS. Some clouds answer it at the address of their metadata service.
const DNS_PORT: u16 = 53;

/// Where clouds hand out instance identity and credentials.
const METADATA_ADDRESSES: [IpAddr; 9] = [
    // AWS, GCP, Azure, OpenStack, DigitalOcean, Oracle
    v4(169, 254, 169, 254),
    v6([0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254]),
    v6([0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254]),
    // AWS: ECS task and EKS pod credentials
    v4(169, 254, 170, 2),
    v4(169, 254, 170, 23),
    v6([0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x23]),
    // Alibaba
    v4(100, 100, 100, 200),
    // Azure's WireServer
    v4(168, 63, 129, 16),
    // Oracle
    v4(192, 0, 0, 192),
];

const fn v4(a: u8, b: u8, c: u8, d: u8) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(a, b, c, d))
}

const fn v6([a, b, c, d, e, f, g, h]: [u16; 8]) -> IpAddr {
    IpAddr::V6(Ipv6Addr::new(a, b, c, d, e, f, g, h))
}

/// What stands between address and name in [`Endpoint::raw`].
pub const NAMED: &str = " as ";

/// A generalised address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// Canonical form: `tcp registry.example:443`, `tcp 10.0.0.7:443`, `udp [fd00::7]:53`, `tcp loopback:*`.
    pub value: String,
    /// The address as the program gave it, IPv4-mapped addresses as IPv4; then the name that explains it, if one does:
    /// `tcp 10.0.0.7:443 as registry.example`.
    pub raw: String,
    /// It hands out cloud identity or credentials.
    pub metadata: bool,
    /// It lies in the container's own network namespace.
    pub loopback: bool,
}

/// The comparable form of a peer. On loopback, ports that the system picks are one. A peer that was reached by `name`
/// is known by that and not by its address, `tcp registry.example:443`, except where the address itself says what it
/// is.
#[must_use]
pub fn peer(protocol: Protocol, address: SocketAddr, name: Option<&str>) -> Endpoint {
    let (ip, port) = (address.ip().to_canonical(), address.port());
    // Linux connects to the unspecified address as to loopback.
    let loopback = ip.is_loopback() || ip.is_unspecified();
    let protocol = protocol_name(protocol);
    let metadata = port != DNS_PORT && is_metadata(ip);
    let mut raw = format!("{protocol} {}", SocketAddr::new(ip, port));
    let value = if !loopback {
        match name {
            Some(name) if !metadata => {
                let value = format!("{protocol} {}:{port}", dns::generalise(name));
                raw.push_str(NAMED);
                raw.push_str(name);
                value
            }
            _ => raw.clone(),
        }
    } else if port >= FIRST_EPHEMERAL_PORT {
        format!("{protocol} loopback:*")
    } else {
        format!("{protocol} loopback:{port}")
    };
    Endpoint {
        value,
        raw,
        metadata,
        loopback,
    }
}

/// The comparable form of a listening TCP socket: `tcp *:8000`, `tcp 127.0.0.1:*`. The container's own outer addresses
/// differ between replicas and reach as far as the wildcard, so they are written as it. Only on loopback are ports
/// that the system picks one: an unknown port open to the outside is news.
#[must_use]
pub fn listener(local: SocketAddr) -> Endpoint {
    own(Protocol::Tcp, local)
}

/// The comparable form of an address that a socket was bound to: `udp *:5353`, `bind tcp *:8000`. Binding makes a server
/// of a UDP socket, but not of a TCP socket. Port 0 is one that the system picks.
#[must_use]
pub fn bound(protocol: Protocol, local: SocketAddr) -> Endpoint {
    let mut endpoint = own(protocol, local);
    if protocol == Protocol::Tcp {
        endpoint.value.insert_str(0, "bind ");
    }
    endpoint
}

/// The comparable form of a port at which the container serves: that of its listener, `tcp *:8000`.
#[must_use]
pub fn served(protocol: Protocol, port: u16) -> String {
    format!("{} *:{port}", protocol_name(protocol))
}

fn own(protocol: Protocol, local: SocketAddr) -> Endpoint {
    let (ip, port) = (local.ip().to_canonical(), local.port());
    let protocol = protocol_name(protocol);
    let shown = if port == 0 || (ip.is_loopback() && port >= FIRST_EPHEMERAL_PORT) {
        "*".to_owned()
    } else {
        port.to_string()
    };
    let value = if ip.is_loopback() {
        format!("{protocol} {}:{shown}", bracketed(ip))
    } else {
        format!("{protocol} *:{shown}")
    };
    Endpoint {
        value,
        raw: format!("{protocol} {}", SocketAddr::new(ip, port)),
        metadata: false,
        loopback: ip.is_loopback(),
    }
}

fn protocol_name(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Tcp => "tcp",
        Protocol::Udp => "udp",
        Protocol::Other => "ip",
    }
}

fn bracketed(ip: IpAddr) -> String {
    match ip {
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => format!("[{ip}]"),
    }
}

fn is_metadata(ip: IpAddr) -> bool {
    METADATA_ADDRESSES.contains(&ip)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use proptest::prelude::*;

    use super::*;

    fn tcp(address: &str) -> Endpoint {
        peer(Protocol::Tcp, address.parse().unwrap(), None)
    }

    #[test]
    fn peers_have_one_form() {
        for (address, value, metadata, loopback) in [
            ("10.0.0.7:443", "tcp 10.0.0.7:443", false, false),
            ("[::ffff:10.0.0.7]:443", "tcp 10.0.0.7:443", false, false),
            ("10.0.0.7:50051", "tcp 10.0.0.7:50051", false, false),
            ("[fd00::7]:443", "tcp [fd00::7]:443", false, false),
            ("[fe80::1%3]:80", "tcp [fe80::1]:80", false, false),
            ("127.0.0.1:8000", "tcp loopback:8000", false, true),
            ("127.0.0.1:40001", "tcp loopback:*", false, true),
            ("[::1]:32768", "tcp loopback:*", false, true),
            ("[::1]:32767", "tcp loopback:32767", false, true),
            ("0.0.0.0:80", "tcp loopback:80", false, true),
            ("169.254.169.254:80", "tcp 169.254.169.254:80", true, false),
            (
                "[::ffff:169.254.169.254]:80",
                "tcp 169.254.169.254:80",
                true,
                false,
            ),
            ("169.254.169.254:53", "tcp 169.254.169.254:53", false, false),
            ("169.254.170.2:80", "tcp 169.254.170.2:80", true, false),
            ("[fd00:ec2::254]:80", "tcp [fd00:ec2::254]:80", true, false),
            ("[fd20:ce::254]:80", "tcp [fd20:ce::254]:80", true, false),
            ("169.254.170.23:80", "tcp 169.254.170.23:80", true, false),
            ("[fd00:ec2::23]:80", "tcp [fd00:ec2::23]:80", true, false),
            ("192.0.0.192:80", "tcp 192.0.0.192:80", true, false),
            ("100.100.100.200:80", "tcp 100.100.100.200:80", true, false),
            ("168.63.129.16:80", "tcp 168.63.129.16:80", true, false),
            ("169.254.1.1:80", "tcp 169.254.1.1:80", false, false),
        ] {
            let endpoint = tcp(address);
            assert_eq!(endpoint.value, value);
            assert_eq!(endpoint.metadata, metadata, "{address}");
            assert_eq!(endpoint.loopback, loopback, "{address}");
        }
        let dns = peer(Protocol::Udp, "10.0.0.2:53".parse().unwrap(), None);
        assert_eq!(dns.value, "udp 10.0.0.2:53");
    }

    #[test]
    fn a_peer_is_known_by_its_name_unless_its_address_says_more() {
        let named = |address: &str, name: &str| {
            let found = peer(Protocol::Tcp, address.parse().unwrap(), Some(name));
            (found.value, found.raw)
        };
        for (address, name, value, raw) in [
            (
                "10.0.0.7:443",
                "registry.example",
                "tcp registry.example:443",
                "tcp 10.0.0.7:443 as registry.example",
            ),
            (
                "[fd00::7]:443",
                "3f2a9b8c7d6e4f10.cdn.example",
                "tcp *.cdn.example:443",
                "tcp [fd00::7]:443 as 3f2a9b8c7d6e4f10.cdn.example",
            ),
            (
                "169.254.169.254:80",
                "harmless.example",
                "tcp 169.254.169.254:80",
                "tcp 169.254.169.254:80",
            ),
            (
                "127.0.0.1:8000",
                "harmless.example",
                "tcp loopback:8000",
                "tcp 127.0.0.1:8000",
            ),
        ] {
            assert_eq!(named(address, name), (value.to_owned(), raw.to_owned()));
        }
    }

    #[test]
    fn listeners_have_one_form() {
        for (address, value) in [
            ("0.0.0.0:8000", "tcp *:8000"),
            ("[::]:8000", "tcp *:8000"),
            ("10.244.1.7:8000", "tcp *:8000"),
            ("0.0.0.0:50051", "tcp *:50051"),
            ("127.0.0.1:8000", "tcp 127.0.0.1:8000"),
            ("127.0.0.1:45123", "tcp 127.0.0.1:*"),
            ("[::1]:45123", "tcp [::1]:*"),
        ] {
            assert_eq!(listener(address.parse().unwrap()).value, value);
        }
    }

    #[test]
    fn bound_addresses_have_one_form() {
        for (protocol, address, value) in [
            (Protocol::Udp, "0.0.0.0:5353", "udp *:5353"),
            (Protocol::Udp, "[fd00::7]:5353", "udp *:5353"),
            (Protocol::Udp, "0.0.0.0:0", "udp *:*"),
            (Protocol::Udp, "127.0.0.1:0", "udp 127.0.0.1:*"),
            (Protocol::Tcp, "0.0.0.0:8000", "bind tcp *:8000"),
            (Protocol::Tcp, "10.0.0.7:0", "bind tcp *:*"),
        ] {
            assert_eq!(bound(protocol, address.parse().unwrap()).value, value);
        }
    }

    proptest! {
        #[test]
        fn mapped_and_plain_addresses_are_the_same(ip: std::net::Ipv4Addr, port: u16) {
            let plain = peer(Protocol::Tcp, SocketAddr::new(ip.into(), port), None);
            let mapped = peer(Protocol::Tcp, SocketAddr::new(ip.to_ipv6_mapped().into(), port), None);
            prop_assert_eq!(plain, mapped);
        }
    }
}
