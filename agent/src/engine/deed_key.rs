//! Deeds as numbers, which are compared faster than paths.

use std::hash::{BuildHasher, RandomState};
use std::net::SocketAddr;

use siphasher::sip128::SipHasher13;

use crate::observe::event::{Action, Place};

/// What is equal where two deeds are. Two that differ have the same one with a chance of 1 in 2^128, which nobody who does
/// not know the engine's secret can better.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct DeedKey(u64, u64);

/// Makes keys.
#[derive(Debug)]
pub(super) struct DeedKeys {
    hasher: SipHasher13,
    /// Memory for the deed at hand.
    deed: Vec<u8>,
}

impl DeedKeys {
    /// With a secret of its own. Keys are compared and never shown or ordered, so that engines with other secrets come to
    /// the same results.
    pub(super) fn new() -> Self {
        let random = || RandomState::new().hash_one(());
        Self {
            hasher: SipHasher13::new_with_keys(random(), random()),
            deed: Vec::new(),
        }
    }

    /// The key of a deed; `None` for kinds of actions that have none. `name` is the one by which a peer was reached.
    pub(super) fn of(&mut self, action: &Action, name: Option<&str>) -> Option<DeedKey> {
        Parts::of(action, name)?.write(&mut self.deed);
        let hash = self.hasher.hash(&self.deed);
        Some(DeedKey(hash.h1, hash.h2))
    }
}

/// All that tells a deed from others.
struct Parts<'a> {
    kind: [u8; 4],
    numbers: [u32; 3],
    wide: u128,
    texts: [&'a str; 2],
}

impl<'a> Parts<'a> {
    fn of(action: &'a Action, name: Option<&'a str>) -> Option<Self> {
        Some(match action {
            Action::Open {
                path,
                access,
                truncated,
                flags,
                place,
                file,
            } => Parts {
                kind: [0, *access as u8, u8::from(*truncated), bits(*place)],
                numbers: [*flags, file.device, 0],
                wide: file.inode.into(),
                texts: [path, ""],
            },
            Action::OpenFailed {
                path,
                errno,
                access,
            } => Parts {
                kind: [1, *access as u8, 0, 0],
                numbers: [errno.cast_unsigned(), 0, 0],
                wide: 0,
                texts: [path, ""],
            },
            Action::Map {
                path,
                mapping,
                truncated,
                place,
                file,
            } => Parts {
                kind: [2, *mapping as u8, u8::from(*truncated), bits(*place)],
                numbers: [file.device, 0, 0],
                wide: file.inode.into(),
                texts: [path, ""],
            },
            Action::Change {
                call,
                result,
                path,
                other,
                detail,
            } => Parts {
                kind: [3, u8::from(other.is_some()), 0, 0],
                numbers: [(*call).into(), result.cast_unsigned(), 0],
                wide: (*detail).into(),
                texts: [path, other.as_deref().unwrap_or_default()],
            },
            Action::Connect { protocol, peer } => {
                let kind = |version| [4, *protocol as u8, version, u8::from(name.is_some())];
                let port = peer.port().into();
                let texts = [name.unwrap_or_default(), ""];
                match peer {
                    SocketAddr::V4(peer) => Parts {
                        kind: kind(4),
                        numbers: [port, 0, 0],
                        wide: peer.ip().to_bits().into(),
                        texts,
                    },
                    SocketAddr::V6(peer) => Parts {
                        kind: kind(6),
                        numbers: [port, peer.flowinfo(), peer.scope_id()],
                        wide: peer.ip().to_bits(),
                        texts,
                    },
                }
            }
            _ => return None,
        })
    }

    /// Writes them in place of what `key` holds, so that no two deeds read the same.
    fn write(&self, key: &mut Vec<u8>) {
        let [first, second] = self.texts;
        let [one, two, three] = self.numbers;
        key.clear();
        key.extend_from_slice(&self.kind);
        for number in [one, two, three] {
            key.extend_from_slice(&number.to_le_bytes());
        }
        key.extend_from_slice(&self.wide.to_le_bytes());
        // Without its length, one text could run into the other.
        key.extend_from_slice(&first.len().to_le_bytes());
        key.extend_from_slice(first.as_bytes());
        key.extend_from_slice(second.as_bytes());
    }
}

fn bits(place: Place) -> u8 {
    let Place {
        tmpfs,
        upper_layer,
        unlinked,
        memfd,
        device,
    } = place;
    let bits = [tmpfs, upper_layer, unlinked, memfd, device];
    bits.iter().fold(0, |bits, bit| bits << 1 | u8::from(*bit))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use std::collections::BTreeSet;

    use super::*;
    use crate::observe::event::{Access, FileId, Mapping, Protocol};

    #[test]
    fn deeds_that_differ_in_anything_have_keys_of_their_own() {
        let place = |set: fn(&mut Place)| {
            let mut place = Place::default();
            set(&mut place);
            place
        };
        let places = [
            Place::default(),
            place(|it| it.tmpfs = true),
            place(|it| it.upper_layer = true),
            place(|it| it.unlinked = true),
            place(|it| it.memfd = true),
            place(|it| it.device = true),
        ];
        let files = [(0, 0), (1, 0), (0, 1)].map(|(device, inode)| FileId { device, inode });
        let mut deeds = Vec::new();
        for (place, file) in places.iter().flat_map(|it| files.map(|file| (*it, file))) {
            for (path, truncated) in [("/a", false), ("/a", true), ("/b", false), ("", false)] {
                let path = path.to_owned();
                for (access, flags) in [(Access::Read, 0), (Access::Read, 1), (Access::Write, 0)] {
                    deeds.push(Action::Open {
                        path: path.clone(),
                        access,
                        truncated,
                        flags,
                        place,
                        file,
                    });
                }
                deeds.extend(
                    [Mapping::Code, Mapping::SharedWrite].map(|mapping| Action::Map {
                        path: path.clone(),
                        mapping,
                        truncated,
                        place,
                        file,
                    }),
                );
            }
        }
        for (errno, access) in [(2, Access::Read), (-2, Access::Read), (2, Access::Write)] {
            deeds.push(Action::OpenFailed {
                path: "/a".to_owned(),
                errno,
                access,
            });
        }
        let change = |path: &str, other: Option<&str>, call, result, detail| Action::Change {
            call,
            result,
            path: path.to_owned(),
            other: other.map(str::to_owned),
            detail,
        };
        deeds.extend([
            change("/a", None, 82, 0, 0),
            change("/a", Some(""), 82, 0, 0),
            change("/a", Some("/b"), 82, 0, 0),
            change("/a/", Some("b"), 82, 0, 0),
            change("/a/b", Some(""), 82, 0, 0),
            change("/a/b", None, 82, 0, 0),
            change("/a", None, 87, 0, 0),
            change("/a", None, 82, -1, 0),
            change("/a", None, 82, 0, 1),
        ]);
        let peers = [
            "10.0.0.1:1",
            "10.0.0.1:2",
            "10.0.0.2:1",
            "[::a00:1]:1",
            "[::1%3]:1",
        ];
        for peer in peers.map(|peer| peer.parse().unwrap()) {
            deeds.extend(
                [Protocol::Tcp, Protocol::Udp].map(|protocol| Action::Connect { protocol, peer }),
            );
        }
        let mut keys = BTreeSet::new();
        let mut made = DeedKeys::new();
        for deed in &deeds {
            assert!(keys.insert(made.of(deed, None).unwrap()), "{deed:?}");
        }
        for name in ["", "a", "b"] {
            let key = made.of(deeds.last().unwrap(), Some(name));
            assert!(keys.insert(key.unwrap()), "{name:?}");
        }
        for deed in &deeds {
            assert!(!keys.insert(made.of(deed, None).unwrap()), "{deed:?}");
        }
        assert_eq!(made.of(&Action::Exit { status: 0 }, None), None);
        assert_ne!(
            made.of(deeds.last().unwrap(), None),
            DeedKeys::new().of(deeds.last().unwrap(), None),
        );
    }
}
