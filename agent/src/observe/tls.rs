//! Server names that TLS clients ask for.

use std::net::SocketAddr;

use super::dns;

/// A server name in comparable form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerName {
    /// Canonical form: the generalised name and the port, `registry.example:443`.
    pub value: String,
    /// The name as it was sent, in lower case, and the peer it was sent to.
    pub raw: String,
}

/// The comparable form of a server name (RFC 6066, section 3). The bytes are the container's: a name that no server can
/// have is `invalid`, and shown in full in the raw form.
#[must_use]
pub fn server_name(name: &[u8], peer: SocketAddr) -> ServerName {
    let port = peer.port();
    match dns::name_from_text(name) {
        Some(name) => ServerName {
            value: format!("{}:{port}", dns::generalise(&name)),
            raw: format!("{name}:{port} at {peer}"),
        },
        None => ServerName {
            value: format!("invalid:{port}"),
            raw: format!("\"{}\":{port} at {peer}", name.escape_ascii()),
        },
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use proptest::prelude::*;

    use super::*;

    fn named(name: &str) -> ServerName {
        server_name(name.as_bytes(), "10.0.0.7:8443".parse().unwrap())
    }

    #[test]
    fn names_have_one_form() {
        for (name, value) in [
            ("Registry.Example", "registry.example:8443"),
            ("registry.example.", "registry.example:8443"),
            ("3f2a9b8c7d6e4f10.cdn.example", "*.cdn.example:8443"),
            ("*.example", "\\042.example:8443"),
            ("", "invalid:8443"),
            ("a..b", "invalid:8443"),
        ] {
            assert_eq!(named(name).value, value);
        }
        assert_eq!(named("A.example").raw, "a.example:8443 at 10.0.0.7:8443");
        assert_eq!(named("a..\n").raw, "\"a..\\n\":8443 at 10.0.0.7:8443");
    }

    proptest! {
        #[test]
        fn any_bytes_give_a_bounded_printable_name(name in proptest::collection::vec(any::<u8>(), 0..300)) {
            let found = server_name(&name, "10.0.0.7:443".parse().unwrap());
            prop_assert!(found.value.len() <= 4 * 256 + 6);
            prop_assert!(found.value.bytes().all(|b| b.is_ascii_graphic()));
            prop_assert!(found.raw.bytes().all(|b| b.is_ascii_graphic() || b == b' '));
        }
    }
}
