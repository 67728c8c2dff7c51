//! Names asked for, and peers known by them.

use super::*;

const SERVER: &str = "10.0.0.2";

/// A message about the A records of a name; with addresses, or an error, it is an answer.
fn message(name: &str, rcode: u8, addresses: &[[u8; 4]]) -> Vec<u8> {
    let is_answer = rcode != 0 || !addresses.is_empty();
    let mut bytes = vec![0x12, 0x34, if is_answer { 0x81 } else { 1 }, rcode, 0, 1];
    bytes.extend(u16::try_from(addresses.len()).unwrap().to_be_bytes());
    bytes.extend([0; 4]);
    for label in name.split('.') {
        bytes.push(u8::try_from(label.len()).unwrap());
        bytes.extend(label.bytes());
    }
    bytes.extend([0, 0, 1, 0, 1]);
    for address in addresses {
        bytes.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4]);
        bytes.extend(address);
    }
    bytes
}

impl Feed {
    fn ask(&mut self, name: &str) -> Option<Sighting> {
        self.dns(10, SERVER, true, message(name, 0, &[]))
    }

    fn answer(&mut self, name: &str, address: [u8; 4]) -> Option<Sighting> {
        self.dns(0, SERVER, false, message(name, 0, &[address]))
    }

    fn dns(&mut self, pid: u32, ip: &str, outbound: bool, message: Vec<u8>) -> Option<Sighting> {
        let server = format!("{ip}:53").parse().unwrap();
        self.act(
            pid,
            Action::Dns {
                server,
                outbound,
                message,
            },
        )
    }

    fn connect(&mut self, peer: &str) -> Sighting {
        let peer = peer.parse().unwrap();
        let protocol = Protocol::Tcp;
        self.act(10, Action::Connect { protocol, peer }).unwrap()
    }
}

#[test]
fn a_question_is_told_with_its_answer() {
    let mut feed = Feed::served();
    assert_eq!(feed.ask("Registry.example"), None);
    let told = feed.answer("registry.example", [10, 0, 0, 7]).unwrap();
    assert_eq!(told.fact.family, Family::DnsName);
    assert_eq!(told.fact.value, "registry.example");
    assert_eq!(
        told.raw,
        "A registry.example: NOERROR 10.0.0.7 (60 s) from 10.0.0.2"
    );
    assert_eq!((told.process.pid, told.fact.origin), (10, Origin::Server));
    assert_eq!(feed.answer("registry.example", [10, 0, 0, 8]), None);
}

#[test]
fn a_refused_question_tells_how() {
    let mut feed = Feed::served();
    feed.ask("nowhere.example");
    let answer = message("nowhere.example", 3, &[]);
    let told = feed.dns(0, SERVER, false, answer).unwrap();
    assert_eq!(told.raw, "A nowhere.example: NXDOMAIN from 10.0.0.2");
    assert!(told.marks.unanswered);
}

#[test]
fn an_unanswered_question_is_told_with_the_window() {
    let mut feed = Feed::served();
    feed.ask("silent.example");
    let told = feed.window(Counters::default()).sightings;
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].raw, "A silent.example");
    assert_eq!(feed.window(Counters::default()).sightings, []);
}

#[test]
fn no_question_is_forgotten_in_a_flood() {
    let mut feed = Feed::served();
    let mut told: Vec<String> = (0..1000)
        .filter_map(|n| feed.ask(&format!("name{n}.evil.example")))
        .map(|sighting| sighting.raw)
        .collect();
    let rest = feed.window(Counters::default()).sightings;
    told.extend(rest.into_iter().map(|sighting| sighting.raw));
    let expected: Vec<String> = (0..1000)
        .map(|n| format!("A name{n}.evil.example"))
        .collect();
    assert_eq!(told, expected);
}

#[test]
fn bytes_that_are_no_question_are_told() {
    let mut feed = Feed::served();
    let told = feed.dns(10, SERVER, true, b"stolen".to_vec()).unwrap();
    assert_eq!(told.fact.value, "unreadable");
    assert_eq!(feed.dns(0, SERVER, false, b"orders".to_vec()), None);
}

#[test]
fn a_peer_keeps_its_name_when_it_moves() {
    let mut feed = Feed::served();
    feed.ask("registry.example");
    feed.answer("registry.example", [10, 0, 0, 7]);
    let first = feed.connect("10.0.0.7:443");
    assert_eq!(first.fact.value, "tcp registry.example:443");
    assert_eq!(first.raw, "tcp 10.0.0.7:443 as registry.example");
    feed.answer("registry.example", [10, 0, 0, 8]);
    assert_eq!(feed.connect("10.0.0.8:443").fact, first.fact);
    feed.ask("other.example");
    feed.answer("other.example", [10, 0, 0, 8]);
    let other = feed.connect("10.0.0.8:443").fact.value;
    assert_eq!(other, "tcp other.example:443");
}

#[test]
fn a_name_does_not_hide_a_metadata_address() {
    let mut feed = Feed::served();
    feed.ask("harmless.example");
    feed.answer("harmless.example", [169, 254, 169, 254]);
    let told = feed.connect("169.254.169.254:80");
    assert!(told.marks.metadata_address);
    assert_eq!(told.fact.value, "tcp 169.254.169.254:80");
}

#[test]
fn only_the_containers_own_servers_explain() {
    let mut feed = Feed::served();
    feed.ask("registry.example");
    let forged = message("registry.example", 0, &[[6, 6, 6, 6]]);
    feed.dns(0, "6.6.6.53", false, forged);
    assert_eq!(feed.connect("6.6.6.6:443").fact.value, "tcp 6.6.6.6:443");
    feed.answer("never-asked.example", [10, 0, 0, 9]);
    assert_eq!(feed.connect("10.0.0.9:443").fact.value, "tcp 10.0.0.9:443");
}

#[test]
fn a_server_name_carries_its_port() {
    let mut feed = Feed::served();
    let action = Action::TlsName {
        peer: "10.0.0.7:8443".parse().unwrap(),
        name: "Registry.Example".to_owned(),
    };
    let told = feed.act(10, action).unwrap();
    assert_eq!(told.fact.family, Family::TlsName);
    assert_eq!(told.fact.value, "registry.example:8443");
}
