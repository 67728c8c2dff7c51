//! Operations submitted to io_uring, which no system call shows.

use aya_ebpf::{macros::btf_tracepoint, programs::BtfTracePointContext};
use picket_ebpf::URING_OPS;

use super::{fields, fields::direct, maps::ROW, watch};

/// `include/trace/events/io_uring.h`: `TP_PROTO(struct io_kiocb *req)`, since 6.3. Fires in the task that submits: the
/// caller of `io_uring_enter`, or the thread that the kernel made for the ring in the caller's process.
#[btf_tracepoint(function = "io_uring_submit_req")]
pub fn io_uring_submit_req(ctx: BtfTracePointContext) -> i32 {
    let Some(row) = watch::of_current().and_then(|slot| ROW.get_ptr_mut(slot.row)) else {
        return 0;
    };
    let request: *const u8 = ctx.arg(0);
    // SAFETY: typed argument and offset from BTF; the row is this CPU's own, the index masked into it.
    unsafe {
        let opcode = direct::<u8>(request, &fields::URING_OPCODE) as usize;
        let cell = opcode.min(URING_OPS - 1) & (URING_OPS - 1);
        (*row).uring[cell] = (*row).uring[cell].wrapping_add(1);
    }
    0
}
