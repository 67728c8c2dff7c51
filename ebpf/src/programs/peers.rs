//! Traffic by peer, in a table that the agent reads every window.

use core::arch::asm;

use aya_ebpf::{
    bindings::BPF_NOEXIST,
    macros::map,
    maps::{Array, HashMap},
};
use picket_ebpf::{PEERS, PEERS_OF_ROW, PeerBytes, PeerKey, ROWS, lost};

use super::emit;

/// What went to and came from each peer. The agent removes the peers that have been silent for a while. When full, or when
/// the container has its share, the bytes count for the container alone and `LOST[PEERS_FULL]` is counted.
#[map]
static PEER: HashMap<PeerKey, PeerBytes> = HashMap::with_max_entries(PEERS, 0);

/// Peers in the table by row; set by the agent as it reads the table, raised here.
#[map]
static PEERS_HELD: Array<u32> = Array::with_max_entries(ROWS, 0);

/// Adds to a peer's traffic.
#[inline(always)]
pub fn add(key: &PeerKey, bytes: &PeerBytes) {
    let Some(to) = PEER.get_ptr_mut(key).or_else(|| entered(key)) else {
        return;
    };
    // SAFETY: a map value, which lives as long as the program runs; other CPUs add to it too, hence the atomic additions.
    unsafe {
        let to = to.cast::<u64>();
        for (index, amount) in [
            bytes.rx_bytes,
            bytes.tx_bytes,
            bytes.rx_packets,
            bytes.tx_packets,
        ]
        .into_iter()
        .enumerate()
        {
            // An atomic addition costs as much as all else here.
            if amount != 0 {
                asm!("lock *(u64 *)({0} + 0) += {1}", in(reg) to.add(index), in(reg) amount);
            }
        }
    }
}

#[inline(always)]
fn entered(key: &PeerKey) -> Option<*mut PeerBytes> {
    const NOTHING: PeerBytes = PeerBytes {
        rx_bytes: 0,
        tx_bytes: 0,
        rx_packets: 0,
        tx_packets: 0,
    };
    let held = PEERS_HELD.get_ptr_mut(key.row)?;
    // SAFETY: a map value. CPUs that enter peers at once may miss one of each other; the agent's next reading is exact.
    unsafe {
        let before = held.read_volatile();
        if before < PEERS_OF_ROW {
            if PEER.insert(key, &NOTHING, u64::from(BPF_NOEXIST)).is_ok() {
                held.write_volatile(before + 1);
            }
            // Another CPU may have entered it first; its entry serves as well.
            if let Some(entry) = PEER.get_ptr_mut(key) {
                return Some(entry);
            }
        }
    }
    emit::count_loss(key.row, lost::PEERS_FULL);
    None
}
