#![allow(clippy::unwrap_used, reason = "tests")]

use proptest::prelude::*;

use super::*;

const QUESTION: &[u8] =
    b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x08Registry\x07example\x00\x00\x01\x00\x01";

/// An answer to [`QUESTION`] with these records.
fn answer(rcode: u8, records: &[&[u8]]) -> Vec<u8> {
    let mut message = QUESTION.to_vec();
    message.splice(2..4, [0x81, 0x80 | rcode]);
    message.splice(6..8, u16::try_from(records.len()).unwrap().to_be_bytes());
    message.extend(records.concat());
    message
}

const ALIAS: &[u8] = b"\xc0\x0c\x00\x05\x00\x01\x00\x00\x00\x3c\x00\x06\x03cdn\xc0\x15";
const V4: &[u8] = b"\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x3c\x00\x04\x0a\x00\x00\x07";
const V6: &[u8] = b"\x03cdn\x07example\x00\x00\x1c\x00\x01\x00\x00\x0e\x10\x00\x10\xfd\x00\0\0\0\0\0\0\0\0\0\0\0\0\0\x07";

#[test]
fn a_question_is_read() {
    let read = parse(QUESTION).unwrap();
    assert!(!read.is_answer && read.addresses.is_empty());
    assert_eq!(read.question.to_string(), "A registry.example");
}

#[test]
fn an_answer_gives_addresses_with_their_time() {
    let read = parse(&answer(0, &[ALIAS, V4, V6])).unwrap();
    assert!(read.is_answer);
    assert_eq!(read.outcome, "NOERROR");
    assert_eq!(read.question.name, "registry.example");
    let addresses: Vec<_> = read
        .addresses
        .iter()
        .map(|it| (it.ip.to_string(), it.ttl_s))
        .collect();
    let expected = [("10.0.0.7", 60), ("fd00::7", 3600)];
    assert_eq!(addresses, expected.map(|(ip, ttl)| (ip.to_owned(), ttl)));
}

#[test]
fn a_refusal_is_an_outcome() {
    assert_eq!(parse(&answer(3, &[])).unwrap().outcome, "NXDOMAIN");
    assert_eq!(parse(&answer(2, &[])).unwrap().outcome, "SERVFAIL");
}

#[test]
fn a_cut_answer_gives_what_is_whole() {
    let whole = answer(0, &[V4, V6]);
    let counts: Vec<usize> = (QUESTION.len()..=whole.len())
        .map(|length| parse(whole.get(..length).unwrap()).unwrap().addresses.len())
        .collect();
    assert!(counts.is_sorted());
    assert_eq!((counts.first(), counts.last()), (Some(&0), Some(&2)));
    for length in 0..QUESTION.len() {
        assert_eq!(parse(QUESTION.get(..length).unwrap()), None);
    }
}

#[test]
fn compression_loops_end() {
    let mut message = QUESTION.get(..12).unwrap().to_vec();
    message.extend(b"\xc0\x0c\x00\x01\x00\x01");
    assert_eq!(parse(&message), None);
    let looping = b"\x01a\xc0\x20\x00\x01\x00\x01\x00\x00\x00\x3c\x00\x04\x0a\x00\x00\x07";
    let _ = parse(&answer(0, &[looping]));
}

#[test]
fn bytes_of_an_attackers_choice_are_spelled_out() {
    let mut message = QUESTION.get(..12).unwrap().to_vec();
    message.extend(b"\x05*. \n\xff\x07example\x00\x00\x10\x00\x01");
    let read = parse(&message).unwrap();
    assert_eq!(
        read.question.to_string(),
        "TXT \\042\\046\\032\\010\\255.example"
    );
    let root = b"\0\0\0\0\0\x01\0\0\0\0\0\0\0\0\x02\0\x01";
    assert_eq!(parse(root).unwrap().question.to_string(), "NS .");
}

#[test]
fn names_as_text_take_the_same_form() {
    let name = |text: &str| name_from_text(text.as_bytes());
    assert_eq!(name("A.Example.").as_deref(), Some("a.example"));
    assert_eq!(name("a b").as_deref(), Some("a\\032b"));
    let long = "a".repeat(64);
    for bad in ["", ".", "a..b", long.as_str(), &"a.".repeat(128)] {
        assert_eq!(name(bad), None, "{bad}");
    }
}

proptest! {
    #[test]
    fn no_bytes_panic_and_what_is_read_is_bounded(
        head in prop::sample::select(vec![QUESTION.to_vec(), answer(0, &[V4, V6]), Vec::new()]),
        rest in prop::collection::vec(any::<u8>(), 0..600),
        at in 0usize..80,
    ) {
        let mut message = head;
        let at = at.min(message.len());
        message.splice(at.., rest);
        if let Some(read) = parse(&message) {
            prop_assert!(read.question.name.len() <= 4 * 255);
            prop_assert!(read.question.name.bytes().all(|b| b.is_ascii_graphic()));
            prop_assert!(read.addresses.len() <= MAX_ADDRESSES);
            let _ = generalise(&read.question.name);
        }
    }

    #[test]
    fn every_name_reads_back(labels in prop::collection::vec("[a-z0-9_-]{1,20}", 1..10)) {
        let mut message = QUESTION.get(..12).unwrap().to_vec();
        for label in &labels {
            message.push(u8::try_from(label.len()).unwrap());
            message.extend(label.as_bytes());
        }
        message.extend(b"\x00\x00\x1c\x00\x01");
        let read = parse(&message).unwrap();
        prop_assert_eq!(&read.question.name, &labels.join("."));
        prop_assert_eq!(name_from_text(labels.join(".").as_bytes()), Some(read.question.name));
    }
}
