//! The operations of io_uring by name.

use std::borrow::Cow;

/// `include/uapi/linux/io_uring.h`, `enum io_uring_op`, in order. Numbers there are never reused.
const OPERATIONS: &[&str] = &[
    "nop",
    "readv",
    "writev",
    "fsync",
    "read_fixed",
    "write_fixed",
    "poll_add",
    "poll_remove",
    "sync_file_range",
    "sendmsg",
    "recvmsg",
    "timeout",
    "timeout_remove",
    "accept",
    "async_cancel",
    "link_timeout",
    "connect",
    "fallocate",
    "openat",
    "close",
    "files_update",
    "statx",
    "read",
    "write",
    "fadvise",
    "madvise",
    "send",
    "recv",
    "openat2",
    "epoll_ctl",
    "splice",
    "provide_buffers",
    "remove_buffers",
    "tee",
    "shutdown",
    "renameat",
    "unlinkat",
    "mkdirat",
    "symlinkat",
    "linkat",
    "msg_ring",
    "fsetxattr",
    "setxattr",
    "fgetxattr",
    "getxattr",
    "socket",
    "uring_cmd",
    "send_zc",
    "sendmsg_zc",
    "read_multishot",
    "waitid",
    "futex_wait",
    "futex_wake",
    "futex_waitv",
    "fixed_fd_install",
    "ftruncate",
    "bind",
    "listen",
    "recv_zc",
    "epoll_wait",
    "readv_fixed",
    "writev_fixed",
    "pipe",
];

/// Name of an operation: `openat`; `operation_<number>` for one without a name here.
#[must_use]
pub fn name(opcode: u8) -> Cow<'static, str> {
    OPERATIONS.get(usize::from(opcode)).map_or_else(
        || Cow::Owned(format!("operation_{opcode}")),
        |name| Cow::Borrowed(*name),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations_have_their_kernel_names() {
        for (opcode, expected) in [
            (0, "nop"),
            (18, "openat"),
            (22, "read"),
            (45, "socket"),
            (200, "operation_200"),
        ] {
            assert_eq!(name(opcode), expected);
        }
    }
}
