//! Names that containers ask for and name servers answer.

use std::net::{Ipv4Addr, SocketAddr};

use picket::observe::{dns, tls};

/// Longest name in bytes: 255 of DNS, each escaped.
const LONGEST: usize = 4 * 255;

/// A DNS message.
pub(crate) fn dns(input: &[u8]) {
    let Some(message) = dns::parse(input) else {
        return;
    };
    let name = &message.question.name;
    assert!(message.addresses.len() <= 64);
    assert!(name.len() <= LONGEST && !name.is_empty());
    assert!(
        name.bytes()
            .all(|byte| byte.is_ascii_graphic() && byte != b'*'),
        "{name}"
    );
    let general = dns::generalise(name);
    assert!(
        general.len() <= name.len().max("*.in-addr.arpa".len()),
        "{general}"
    );
    assert_eq!(dns::generalise(&general), general, "{name}");
    let is_plain = !name.contains('\\') && name != ".";
    assert!(
        !is_plain
            || name.len() > 253
            || dns::name_from_text(name.as_bytes()).as_ref() == Some(name)
    );
}

/// A server name of TLS.
pub(crate) fn tls(input: &[u8]) {
    let peer = SocketAddr::from((Ipv4Addr::LOCALHOST, 443));
    let found = tls::server_name(input, peer);
    for text in [&found.value, &found.raw] {
        assert!(
            text.bytes()
                .all(|byte| byte.is_ascii_graphic() || byte == b' '),
            "{text}"
        );
    }
    assert!(found.value.len() <= LONGEST + ":443".len());
    assert!(found.value.ends_with(":443"));
}
