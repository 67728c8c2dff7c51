//! Collision-resistant short identities for replicas and sample rows.

use sha2::{Digest, Sha256};

/// First 64 bits of the SHA-256 of `parts`, each preceded by its length so that no two lists run together.
///
/// A cheaper hash would let a workload choose names that collide or that always win a place in a bounded set.
#[must_use]
pub fn hash64(parts: &[&[u8]]) -> u64 {
    let mut sha = Sha256::new();
    for part in parts {
        sha.update((part.len() as u64).to_le_bytes());
        sha.update(part);
    }
    let mut first = [0_u8; 8];
    for (to, from) in first.iter_mut().zip(sha.finalize()) {
        *to = from;
    }
    u64::from_be_bytes(first)
}

/// SHA-256 of `bytes` as 64 lower-case hex digits.
#[must_use]
pub fn sha256_hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    Sha256::digest(bytes)
        .iter()
        .fold(String::with_capacity(64), |mut hex, byte| {
            // Writing to a String cannot fail.
            let _ = write!(hex, "{byte:02x}");
            hex
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_do_not_run_together() {
        assert_ne!(hash64(&[b"ab", b"c"]), hash64(&[b"a", b"bc"]));
        assert_ne!(hash64(&[b"abc"]), hash64(&[b"abc", b""]));
    }

    #[test]
    fn sha256_is_the_standard_one() {
        assert_eq!(
            sha256_hex(b"abc"),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }
}
