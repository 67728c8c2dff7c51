//! Birth and death of cgroups: a container is watched from the moment its cgroup is made, before its first exec.

use core::mem::MaybeUninit;

use aya_ebpf::{
    helpers::generated::bpf_probe_read_kernel_str, macros::btf_tracepoint,
    programs::BtfTracePointContext,
};
use picket_ebpf::{CGROUP_PATH_BYTES, CgroupEvent, NESTED_OF_ROW, NO_ROW, Slot, kind, lost};

use super::{
    emit::{self, Ring},
    fields,
    fields::{direct, peek_at},
    maps::{FREE_ROWS, HELD, WATCHED},
    watch,
};

/// Hex digits of a container id.
const ID_DIGITS: usize = 64;

/// `include/trace/events/cgroup.h`: `TP_PROTO(struct cgroup *cgrp, const char *path)`.
#[btf_tracepoint(function = "cgroup_mkdir")]
pub fn cgroup_mkdir(ctx: BtfTracePointContext) -> i32 {
    let group: *const u8 = ctx.arg(0);
    let path: *const u8 = ctx.arg(1);
    // SAFETY: typed argument, offsets from BTF.
    unsafe {
        if watch::control().is_none() || !on_v2(group) {
            return 0;
        }
        let id = id_of(group);
        let slot = inherited(group).or_else(|| {
            if looks_like_container(group) {
                taken(id)
            } else {
                None
            }
        });
        let slot = slot.filter(|slot| entered(id, slot));
        report(kind::CGROUP_MKDIR, id, slot, path);
    }
    0
}

/// `include/trace/events/cgroup.h`: as `cgroup_mkdir`.
#[btf_tracepoint(function = "cgroup_rmdir")]
pub fn cgroup_rmdir(ctx: BtfTracePointContext) -> i32 {
    let group: *const u8 = ctx.arg(0);
    let path: *const u8 = ctx.arg(1);
    // SAFETY: typed argument, offsets from BTF.
    unsafe {
        if watch::control().is_none() || !on_v2(group) {
            return 0;
        }
        let id = id_of(group);
        let slot = watch::by_cgroup(id);
        if WATCHED.remove(&id).is_ok()
            && let Some(slot) = &slot
            && slot.container != id
        {
            nests(slot, -1);
        }
        report(kind::CGROUP_RMDIR, id, slot, path);
    }
    0
}

/// Both tracepoints fire for every hierarchy; the v2 one has number 0.
#[inline(always)]
unsafe fn on_v2(group: *const u8) -> bool {
    unsafe {
        let root: *const u8 = direct(group, &fields::CGROUP_ROOT);
        direct::<u32>(root, &fields::ROOT_HIERARCHY_ID) == 0
    }
}

#[inline(always)]
unsafe fn id_of(group: *const u8) -> u64 {
    unsafe {
        let node: *const u8 = direct(group, &fields::CGROUP_KN);
        direct(node, &fields::KN_ID)
    }
}

/// The slot of the parent: what a container nests in itself belongs to it.
#[inline(always)]
unsafe fn inherited(group: *const u8) -> Option<Slot> {
    unsafe {
        let above: *const u8 = direct(group, &fields::CGROUP_SELF_PARENT);
        if above.is_null() {
            return None;
        }
        let parent: *const u8 = direct(above, &fields::CSS_CGROUP);
        let id = id_of(parent);
        watch::by_cgroup(id)
    }
}

/// A row of its own for a new container.
#[inline(always)]
fn taken(id: u64) -> Option<Slot> {
    match FREE_ROWS.pop() {
        Ok(Some(row)) => Some(Slot {
            row,
            _pad: 0,
            container: id,
        }),
        _ => {
            emit::count_loss(NO_ROW, lost::ROWS_FULL);
            None
        }
    }
}

/// Enters a cgroup among the watched. Where there is no room, a row taken for it is free again.
#[inline(always)]
fn entered(id: u64, slot: &Slot) -> bool {
    let is_nested = slot.container != id;
    if (!is_nested || nests(slot, 1)) && WATCHED.insert(&id, slot, 0).is_ok() {
        return true;
    }
    emit::count_loss(slot.row, lost::WATCHED_FULL);
    if !is_nested {
        // There is room for every row there is.
        let _ = FREE_ROWS.push(slot.row, 0);
    }
    false
}

/// Counts a cgroup that a container nests in itself (1), or no longer does (-1); false where it has its share.
#[inline(always)]
fn nests(slot: &Slot, change: i32) -> bool {
    let Some(held) = HELD.get_ptr_mut(slot.row) else {
        return false;
    };
    // SAFETY: a map value, which lives as long as the map; the declaration says what other CPUs do.
    unsafe {
        let nested = &raw mut (*held).nested;
        let before = nested.read_volatile();
        if change > 0 && before >= NESTED_OF_ROW {
            return false;
        }
        // Those from before the container was watched were not counted when they were made.
        nested.write_volatile(before.saturating_add_signed(change));
    }
    true
}

/// Whether the directory's name ends in a container id: `<64 hex>` or `<64 hex>.scope`, as every runtime writes it.
/// The agent decides what is really watched and lets go of the rest.
#[inline(always)]
unsafe fn looks_like_container(group: *const u8) -> bool {
    const SCOPE: [u8; 6] = *b".scope";
    unsafe {
        let node: *const u8 = direct(group, &fields::CGROUP_KN);
        let name: *const u8 = direct(node, &fields::KN_NAME);
        let mut buffer = MaybeUninit::<[u8; 192]>::uninit();
        let written = bpf_probe_read_kernel_str(buffer.as_mut_ptr().cast(), 192, name.cast());
        let length = (written as usize).wrapping_sub(1);
        if !(ID_DIGITS..190).contains(&length) {
            return false;
        }
        let tail: [u8; 6] = peek_at(name.wrapping_add(length - SCOPE.len()));
        let end = if tail == SCOPE {
            length - SCOPE.len()
        } else {
            length
        };
        if end < ID_DIGITS {
            return false;
        }
        let digits: [u8; ID_DIGITS] = peek_at(name.wrapping_add(end - ID_DIGITS));
        digits
            .iter()
            .all(|&digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'))
    }
}

#[inline(always)]
unsafe fn report(kind: u32, id: u64, slot: Option<Slot>, path: *const u8) {
    let (row, container) = slot.map_or((NO_ROW, 0), |slot| (slot.row, slot.container));
    // A container cannot hide its end, nor the next with its row lose its birth, by using up a share: of its own cgroup
    // the runtime makes one event each. What it nests in itself is its own doing.
    let payer = if container == id { NO_ROW } else { row };
    let Some(mut entry) = emit::reserve::<CgroupEvent>(payer, Ring::Alerts) else {
        return;
    };
    // SAFETY: reserved ring memory; every field is written, `path` as far as `len` says.
    unsafe {
        let event = entry.as_mut_ptr();
        emit::write_header(&raw mut (*event).header, kind, id);
        (&raw mut (*event).container).write(container);
        (&raw mut (*event).row).write(row);
        let written = bpf_probe_read_kernel_str(
            (&raw mut (*event).path).cast(),
            CGROUP_PATH_BYTES as u32,
            path.cast(),
        );
        (&raw mut (*event).len).write(if written > 0 { written as u32 - 1 } else { 0 });
    }
    entry.submit(emit::wake_flags(true));
}
