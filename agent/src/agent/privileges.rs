//! Gives up what the agent no longer needs once the probe is attached.

use caps::{CapSet, Capability, CapsHashSet};

/// Drops every capability of this thread, and so of all threads started later. `still_works` is asked afterwards: where
/// the kernel refuses map access without CAP_BPF (before 5.19 with unprivileged BPF switched off), that one is kept.
///
/// Files that belong to root stay readable, as the agent runs as root without its powers.
///
/// # Errors
///
/// Names what could not be dropped; the agent then goes on with it.
pub fn drop_all(still_works: impl Fn() -> bool) -> Result<(), String> {
    let fail = |error: caps::errors::CapsError| {
        format!("capabilities could not be dropped ({error}); the agent keeps them")
    };
    let held = caps::read(None, CapSet::Permitted).map_err(fail)?;
    caps::clear(None, CapSet::Effective).map_err(fail)?;
    let keep: CapsHashSet = if still_works() {
        CapsHashSet::new()
    } else {
        held.intersection(&CapsHashSet::from([Capability::CAP_BPF]))
            .copied()
            .collect()
    };
    caps::set(None, CapSet::Effective, &keep).map_err(fail)?;
    caps::set(None, CapSet::Inheritable, &CapsHashSet::new()).map_err(fail)?;
    caps::set(None, CapSet::Permitted, &keep).map_err(fail)
}
