//! The contract between the kernel programs and the agent: record layouts, limits, counters.
//!
//! Everything here is plain `#[repr(C)]` data without implicit padding, so that both sides agree byte for byte.
#![no_std]

mod calls;
mod events;
mod evidence;
mod keys;
mod limits;
pub mod lost;
mod rows;
pub mod shape;

pub use calls::*;
pub use events::*;
pub use evidence::*;
pub use keys::*;
pub use limits::*;
pub use rows::*;

/// Digest of these files. What pinned maps and waiting records mean is written in them, so that an agent built from
/// another text of theirs starts with fresh ones.
pub const LAYOUT: u32 = digest(include_bytes!("calls.rs"))
    ^ digest(include_bytes!("events.rs")).rotate_left(1)
    ^ digest(include_bytes!("evidence.rs")).rotate_left(2)
    ^ digest(include_bytes!("keys.rs")).rotate_left(3)
    ^ digest(include_bytes!("limits.rs")).rotate_left(4)
    ^ digest(include_bytes!("lost.rs")).rotate_left(5)
    ^ digest(include_bytes!("rows.rs")).rotate_left(6);

/// FNV-1a over the text without its comments and blanks.
#[expect(
    clippy::indexing_slicing,
    reason = "below the length; slice::get is not const"
)]
const fn digest(text: &[u8]) -> u32 {
    let mut digest = 0x811c_9dc5u32;
    let mut at = 0;
    let mut comment = false;
    while at < text.len() {
        if text[at] == b'/' && at + 1 < text.len() && text[at + 1] == b'/' {
            comment = true;
        }
        if text[at] == b'\n' {
            comment = false;
        }
        if !comment && !text[at].is_ascii_whitespace() {
            digest = (digest ^ text[at] as u32).wrapping_mul(0x0100_0193);
        }
        at += 1;
    }
    digest
}

const _: () = assert!(
    size_of::<Row>() == 56 + 4 * lost::ROOM + 16 * file_class::COUNT + 4 * URING_OPS + 8 * CALLS
);
const _: () = assert!(lost::ROOM.is_power_of_two() && lost::COUNT as usize <= lost::ROOM);
const _: () = assert!(size_of::<Control>() == 64);
const _: () = assert!(size_of::<Taken>() == 24 + CGROUP_PATH_BYTES + size_of::<Row>());
const _: () = assert!(size_of::<Slot>() == 16);
const _: () = assert!(size_of::<Caller>() == 128);
const _: () = assert!(size_of::<Thread>() == 32);
const _: () = assert!(history::code(CALLS - 1) < 1 << history::BITS);
const _: () = assert!(size_of::<SeenKey>() == 40);
const _: () = assert!(size_of::<PeerKey>() == 24);
const _: () = assert!(size_of::<ClientKey>() == 32);
const _: () = assert!(size_of::<PeerBytes>() == 32);
const _: () = assert!(size_of::<Flow>() == 80);
const _: () = assert!(size_of::<NameKey>() == 40 + NAME_KEY_BYTES);
const _: () = assert!(size_of::<FileKey>() == 16);
const _: () = assert!(size_of::<FileState>() == 24);
const _: () = assert!(size_of::<Header>() == 40);
const _: () = assert!(size_of::<PathParts>() == 8 + PATH_BYTES);
const _: () =
    assert!(size_of::<ExecEvent>() == 40 + 24 + 2 * (8 + PATH_BYTES) + NAME_BYTES + ARGV_BYTES);

#[cfg(not(target_arch = "bpf"))]
mod pod {
    // SAFETY: plain integers and arrays of them, valid for every bit pattern.
    unsafe impl aya::Pod for super::Row {}
    // SAFETY: as above.
    unsafe impl aya::Pod for super::Control {}
    // SAFETY: as above.
    unsafe impl aya::Pod for super::Taken {}
    // SAFETY: as above.
    unsafe impl aya::Pod for super::Slot {}
    // SAFETY: as above.
    unsafe impl aya::Pod for super::Held {}
    // SAFETY: as above.
    unsafe impl aya::Pod for super::Caller {}
    // SAFETY: as above.
    unsafe impl aya::Pod for super::Thread {}
    // SAFETY: as above.
    unsafe impl aya::Pod for super::Sequences {}
    // SAFETY: as above.
    unsafe impl aya::Pod for super::SeenKey {}
    // SAFETY: as above.
    unsafe impl aya::Pod for super::ListenerKey {}
    // SAFETY: as above.
    unsafe impl aya::Pod for super::FileKey {}
    // SAFETY: as above.
    unsafe impl aya::Pod for super::PeerKey {}
    // SAFETY: as above.
    unsafe impl aya::Pod for super::PeerBytes {}
    // SAFETY: as above.
    unsafe impl aya::Pod for super::FileState {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_text_is_another_layout_but_for_its_comments() {
        assert_eq!(
            digest(b"/// One.\nlen: u32,\n"),
            digest(b"len: u32, // Two.")
        );
        assert_ne!(digest(b"len: u32,"), digest(b"len: u64,"));
    }

    #[test]
    fn numbers_beyond_the_table_share_a_cell() {
        assert_eq!(cell(0), 0);
        assert_eq!(cell(508), 508);
        assert_eq!(cell(509), CALL_OTHER);
        assert_eq!(cell(u64::from(u32::MAX)), CALL_SIGRETURN);
        assert_eq!(cell(510), CALL_OTHER);
        assert_eq!(cell(u64::MAX), CALL_OTHER);
    }
}
