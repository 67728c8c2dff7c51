//! Names of hosts already reported.

use aya_ebpf::{
    macros::map,
    maps::{Array, LruHashMap},
};
use picket_ebpf::{
    ANSWERED as ANSWERED_ENTRIES, HOST_BYTES, HostKey, SEEN_HOSTS as SEEN_HOSTS_ENTRIES, Slot, lost,
};

use super::{emit, maps::EPOCH, payload::Payload};

/// Questions, answers and server names already reported. When full, the least recently used give way and are reported
/// again.
#[map]
static SEEN_HOSTS: LruHashMap<HostKey, u8> = LruHashMap::with_max_entries(SEEN_HOSTS_ENTRIES, 0);

/// How many new answers there were about an address, by its hash. A peer known by its address may now be another by
/// name, so that a contact is reported again; addresses with one hash are so once too often.
#[map]
static ANSWERED: Array<u32> = Array::with_max_entries(ANSWERED_ENTRIES, 0);

/// A key without a name.
#[inline(always)]
pub fn key(slot: Slot, what: u64) -> Option<HostKey> {
    let &epoch = EPOCH.get(slot.row)?;
    Some(HostKey {
        row: slot.row,
        epoch,
        what,
        address: [0; 2],
        name: [0; HOST_BYTES / 8],
    })
}

/// Reads the name, in lower case; false when it does not fit or is not all there.
#[inline(always)]
pub fn read_name(key: &mut HostKey, payload: &Payload, at: u32, length: u32) -> bool {
    let to = key.name.as_mut_ptr().cast();
    let fits = length >= 1 && length <= HOST_BYTES as u32;
    if !fits || !payload.load_into::<{ HOST_BYTES as u32 }>(at, to, length) {
        return false;
    }
    for word in &mut key.name {
        *word = lower(*word);
    }
    true
}

/// The word with its ASCII capitals in lower case. The lengths of labels, below 64, are none of them.
#[inline(always)]
fn lower(word: u64) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    let ascii = word & (0x7f * ONES);
    let from_a = ascii + (0x80 - b'A' as u64) * ONES;
    let above_z = ascii + (0x80 - b'Z' as u64 - 1) * ONES;
    let capitals = from_a & !above_z & !word & (0x80 * ONES);
    word | capitals >> 2
}

/// Whether it is known already.
#[inline(always)]
pub fn is_known(key: &HostKey) -> bool {
    SEEN_HOSTS.get_ptr(key).is_some()
}

/// Remembers it.
#[inline(always)]
pub fn remember(key: &HostKey) {
    if SEEN_HOSTS.insert(key, &1, 0).is_err() {
        emit::count_loss(key.row, lost::SEEN_FULL);
    }
}

/// Forgets what could not be reported, so that it is when it comes again.
#[inline(always)]
pub fn forget(key: &HostKey) {
    let _ = SEEN_HOSTS.remove(key);
}

/// Notes a new answer about an address.
#[inline(always)]
pub fn answered(address: [u64; 2]) {
    if let Some(count) = ANSWERED.get_ptr_mut(hash(address)) {
        // SAFETY: a map value, which lives as long as the map. Two CPUs may count as one, which is a change all the same.
        unsafe { *count = (*count).wrapping_add(1) };
    }
}

/// How many new answers there were about an address, and about others with its hash.
#[inline(always)]
pub fn answers(address: [u64; 2]) -> u32 {
    // An IPv6 socket reaches an IPv4 peer under an address that maps it (RFC 4291, 2.5.5.2).
    let address = if address[0] == 0 && address[1] as u32 == 0xffff_0000_u32.to_le() {
        [address[1] >> 32, 0]
    } else {
        address
    };
    ANSWERED.get(hash(address)).copied().unwrap_or(0)
}

#[inline(always)]
fn hash(address: [u64; 2]) -> u32 {
    let mixed = (address[0] ^ address[1].rotate_left(32)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed >> 32) as u32 & (ANSWERED_ENTRIES - 1)
}
