//! Contacts that can never be learned, and that the workload itself makes each time it starts.
//!
//! Some frameworks ask the metadata address at their start whether they run in a cloud. An intruder may not hide behind
//! that, so only this much of it becomes ordinary: the same contact, by the same program in the same line of programs, in
//! the start phase, which ends when others are served, once other lives of the workload did it as well. Whoever wants to
//! make a contact ordinary has to be there at several starts, and is told of at each.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::facts::truncate;
use super::hash::hash64;
use crate::observe::command::Program;
use crate::observe::fact::{Origin, Phase, ProcessInfo, Sighting};

/// Lives that make a contact a habit of starting.
pub const ENOUGH_LIVES: usize = 3;

/// Lives remembered of one contact, those with the smallest hashes; more only show again that it is a habit.
const LIVES: usize = 16;

/// Contacts kept, those with the smallest hashes. One that finds no room goes on alerting.
const CONTACTS: usize = 16;

/// Longest text that is kept of a contact, bytes. Contacts are told apart by all of it.
const TEXT: usize = 1024;

/// A contact at a start, as far as it is compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StartContact {
    id: u64,
    text: String,
}

impl StartContact {
    /// The contact that a sighting is, if it is one by the server itself at its start, and all of its line is known.
    #[must_use]
    pub fn of(sighting: &Sighting) -> Option<Self> {
        let fact = &sighting.fact;
        if sighting.phase != Phase::Start || fact.origin != Origin::Server {
            return None;
        }
        let line = std::iter::once(&sighting.process).chain(&sighting.ancestry);
        let mut parts = vec![fact.value.clone()];
        let mut text = format!("{} by ", fact.value);
        for (depth, process) in line.enumerate() {
            if process.pid == 0 || process.exe.is_empty() {
                return None;
            }
            let program = program(process);
            if depth > 0 {
                text.push_str(" <- ");
            }
            text.push_str(&program.shown);
            parts.extend([program.shown, program.code]);
        }
        let bytes: Vec<&[u8]> = parts.iter().map(String::as_bytes).collect();
        text.truncate(text.floor_char_boundary(TEXT));
        Some(Self {
            id: hash64(&bytes),
            text,
        })
    }
}

/// A program of a line: as facts about programs show it, and the code it was handed, which they leave open.
struct Compared {
    shown: String,
    code: String,
}

fn program(process: &ProcessInfo) -> Compared {
    let Program { label, shape, .. } = Program::running(&process.exe, &process.argv);
    // `-c`, `-e`, and `-` for standard input end a shape that does not say what is run.
    let last = shape.rsplit(' ').next().unwrap_or_default();
    let code = match last.starts_with('-') {
        true => process.argv.join("\n"),
        false => String::new(),
    };
    Compared {
        shown: format!("{label}{shape}"),
        code,
    }
}

/// What is known of one contact.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lives {
    /// The contact and the line of programs, in words.
    pub contact: String,
    /// First seen, Unix seconds.
    pub first_s: i64,
    /// Last seen, Unix seconds.
    pub last_s: i64,
    /// Hashes of the lives that made it.
    lives: BTreeSet<u64>,
}

impl Lives {
    /// How many lives made it, as far as they are remembered.
    #[must_use]
    pub fn count(&self) -> usize {
        self.lives.len()
    }

    /// Whether lives to come may make it without an alert.
    #[must_use]
    pub fn is_habit(&self) -> bool {
        self.lives.len() >= ENOUGH_LIVES
    }

    fn add(&mut self, life: u64) {
        self.lives.insert(life);
        while self.lives.len() > LIVES {
            self.lives.pop_last();
        }
    }
}

/// The contacts of a workload's starts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct StartContacts {
    contacts: BTreeMap<u64, Lives>,
}

impl StartContacts {
    /// Notes that a life made a contact.
    pub fn note(&mut self, contact: &StartContact, life: u64, now_s: i64) {
        let lives = self.contacts.entry(contact.id).or_insert_with(|| Lives {
            contact: contact.text.clone(),
            first_s: now_s,
            last_s: now_s,
            lives: BTreeSet::new(),
        });
        lives.first_s = lives.first_s.min(now_s);
        lives.last_s = lives.last_s.max(now_s);
        lives.add(life);
        truncate(&mut self.contacts, CONTACTS);
    }

    /// How many lives besides this one made a contact at their start.
    #[must_use]
    pub fn others(&self, contact: &StartContact, life: u64) -> usize {
        self.contacts.get(&contact.id).map_or(0, |known| {
            known.lives.iter().filter(|other| **other != life).count()
        })
    }

    /// The contacts with their ids.
    pub fn iter(&self) -> impl Iterator<Item = (u64, &Lives)> {
        self.contacts.iter().map(|(id, lives)| (*id, lives))
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.contacts.is_empty()
    }

    /// Joins with what others saw.
    pub fn merge(&mut self, other: &Self) {
        for (id, theirs) in &other.contacts {
            let mine = self.contacts.entry(*id).or_insert_with(|| theirs.clone());
            mine.first_s = mine.first_s.min(theirs.first_s);
            mine.last_s = mine.last_s.max(theirs.last_s);
            theirs.lives.iter().for_each(|life| mine.add(*life));
        }
        truncate(&mut self.contacts, CONTACTS);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use proptest::prelude::*;

    use super::*;
    use crate::observe::fact::{Fact, Family};

    fn process(exe: &str, argv: &[&str]) -> ProcessInfo {
        ProcessInfo {
            pid: 7,
            exe: exe.to_owned(),
            argv: argv.iter().map(|part| (*part).to_owned()).collect(),
            ..ProcessInfo::default()
        }
    }

    fn contact(value: &str, line: &[ProcessInfo]) -> Sighting {
        let fact = Fact {
            family: Family::Endpoint,
            origin: Origin::Server,
            value: value.to_owned(),
        };
        let (process, ancestry) = line.split_first().unwrap();
        Sighting {
            process: process.clone(),
            ancestry: ancestry.to_vec(),
            ..Sighting::plain(Phase::Start, &fact)
        }
    }

    fn asks(code: &str) -> Sighting {
        let shell = process("/usr/bin/dash", &["sh", "/start.sh"]);
        let python = process("/usr/bin/python3.11", &["python3", "-c", code]);
        contact("tcp 169.254.169.254:80", &[python, shell])
    }

    #[test]
    fn a_contact_is_told_apart_by_all_that_was_run() {
        let one = StartContact::of(&asks("ask()")).unwrap();
        assert_eq!(
            one.text,
            "tcp 169.254.169.254:80 by /usr/bin/python3.11 -c <- /usr/bin/dash /start.sh"
        );
        assert_eq!(StartContact::of(&asks("ask()")), Some(one.clone()));
        let mut others = vec![asks("steal()")];
        let mut change = |change: fn(&mut Sighting)| {
            let mut sighting = asks("ask()");
            change(&mut sighting);
            others.push(sighting);
        };
        change(|it| it.fact.value = "tcp 169.254.170.2:80".into());
        change(|it| it.process.exe = "/tmp/python3.11".into());
        change(|it| it.ancestry.clear());
        change(|it| {
            for process in &mut it.ancestry {
                process.argv.pop();
            }
        });
        for other in others {
            let other = StartContact::of(&other).unwrap();
            assert_ne!(other.id, one.id, "{other:?}");
        }
    }

    #[test]
    fn arguments_that_differ_from_run_to_run_do_not_tell_contacts_apart() {
        let serve = |port: &str| {
            let argv = ["python3", "-m", "server", "--port", port];
            let line = [process("/usr/bin/python3.11", &argv)];
            StartContact::of(&contact("tcp 169.254.169.254:80", &line))
        };
        assert!(serve("1").is_some());
        assert_eq!(serve("1"), serve("2"));
    }

    #[test]
    fn only_a_known_line_of_the_servers_own_at_its_start_makes_one() {
        let no = |change: fn(&mut Sighting)| {
            let mut sighting = asks("ask()");
            change(&mut sighting);
            StartContact::of(&sighting).is_none()
        };
        assert!(no(|it| it.fact.origin = Origin::Runtime));
        assert!(no(|it| it.process.exe.clear()));
        assert!(no(|it| it.process.pid = 0));
        assert!(no(|it| it.ancestry.push(ProcessInfo::default())));
        for phase in Phase::ALL {
            let mut sighting = asks("ask()");
            sighting.phase = phase;
            assert_eq!(StartContact::of(&sighting).is_some(), phase == Phase::Start);
        }
    }

    fn numbered(n: u64) -> StartContact {
        StartContact {
            id: n,
            text: n.to_string(),
        }
    }

    #[test]
    fn lives_count_once_and_what_is_kept_is_bounded() {
        let mut starts = StartContacts::default();
        for _ in 0..9 {
            starts.note(&numbered(1), 7, 0);
        }
        assert_eq!(starts.others(&numbered(1), 7), 0);
        assert_eq!(starts.others(&numbered(1), 8), 1);
        assert_eq!(starts.others(&numbered(2), 8), 0);
        for n in 0..100 {
            starts.note(&numbered(n), n, 0);
            starts.note(&numbered(0), n, 0);
        }
        assert_eq!(starts.iter().count(), CONTACTS);
        assert!(starts.iter().all(|(_, lives)| lives.count() <= LIVES));
    }

    fn starts() -> impl Strategy<Value = StartContacts> {
        prop::collection::vec((0_u64..40, 0_u64..40, 0_i64..100), 0..120).prop_map(|noted| {
            let mut starts = StartContacts::default();
            for (contact, life, now_s) in noted {
                starts.note(&numbered(contact), life, now_s);
            }
            starts
        })
    }

    fn joined(a: &StartContacts, b: &StartContacts) -> StartContacts {
        let mut out = a.clone();
        out.merge(b);
        out
    }

    proptest! {
        #[test]
        fn any_order_of_merging_gives_the_same_bytes(a in starts(), b in starts(), c in starts()) {
            let one = joined(&joined(&a, &b), &c);
            let two = joined(&c, &joined(&b, &a));
            prop_assert_eq!(serde_json::to_vec(&one).ok(), serde_json::to_vec(&two).ok());
            prop_assert_eq!(joined(&a, &a), a.clone());
            let bytes = serde_json::to_vec(&a).unwrap();
            prop_assert_eq!(serde_json::from_slice::<StartContacts>(&bytes).unwrap(), a);
        }
    }
}
