//! Cells of system calls in a container's row, and what the probe does at them.

/// Cells of a container's row: one per system call number.
pub const CALLS: usize = 512;
/// Cell of 32-bit (compat) calls, whose numbers mean something else.
pub const CALL_COMPAT: usize = CALLS - 1;
/// Cell of numbers beyond the table.
pub const CALL_OTHER: usize = CALLS - 2;
/// Cell of returns from a signal's handler, at which the kernel has put -1 in the place of the number.
pub const CALL_SIGRETURN: usize = CALLS - 3;

/// Cell of a system call number in a container's row.
#[must_use]
pub const fn cell(number: u64) -> usize {
    if number < CALL_SIGRETURN as u64 {
        number as usize
    } else if number == u32::MAX as u64 {
        CALL_SIGRETURN
    } else {
        CALL_OTHER
    }
}

/// Cells of a container's io_uring operations.
pub const URING_OPS: usize = 64;

/// Flags of a system call in the `CALL_FLAGS` global: the call opens a file.
pub const CALL_OPENS: u32 = 1;
/// The call is privileged and rare: every distinct use is reported.
pub const CALL_PRIVILEGED: u32 = 2;
/// The call duplicates a descriptor.
pub const CALL_DUPLICATES: u32 = 4;
/// The call starts a program.
pub const CALL_EXECS: u32 = 8;
/// The call is privileged, and its first three arguments may be texts, which tell its uses apart.
pub const CALL_TEXTS: u32 = 32;
/// Whether and how often the call is made depends on what others do: it is no part of sequences.
pub const CALL_WAITS: u32 = 1 << 31;
/// The call is privileged, and its first argument points to a structure that begins with flags, which stand in its place.
pub const CALL_STRUCT: u32 = 64;
/// The call asks for a socket.
pub const CALL_SOCKET: u32 = 128;
/// The call gives a socket an address by its second and third argument.
pub const CALL_ADDRESS: u32 = 256;
/// The call takes a connection that came to a listening socket.
pub const CALL_ACCEPTS: u32 = 1 << 17;
/// As [`CALL_ADDRESS`], and the address is a peer's.
pub const CALL_CONNECTS: u32 = 512;
/// The call sends to an address by its fifth and sixth argument, if it has one.
pub const CALL_SENDS: u32 = 1024;
/// The call does to a descriptor what its second argument says.
pub const CALL_COMMANDS: u32 = 2048;
/// The call is about sockets.
pub const CALL_ABOUT_SOCKETS: u32 =
    CALL_SOCKET | CALL_ADDRESS | CALL_CONNECTS | CALL_SENDS | CALL_COMMANDS;
/// The call changes what it names.
pub const CALL_NAMES: u32 = 16;
/// The call maps files.
pub const CALL_MAPS: u32 = 1 << 12;
/// The call reads from the descriptor in its first argument, and returns the bytes.
pub const CALL_READS: u32 = 1 << 13;
/// The call writes to the descriptor in its first argument, and returns the bytes.
pub const CALL_WRITES: u32 = 1 << 14;
/// The call moves bytes from one descriptor to another, and returns how many.
pub const CALL_MOVES: u32 = 1 << 15;
/// The call changes the file behind the descriptor in its first argument.
pub const CALL_CHANGES: u32 = 1 << 16;
