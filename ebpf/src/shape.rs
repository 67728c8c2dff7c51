//! Where among its arguments a system call has what the probe reads.
//!
//! Four bits for each, the argument's position from 1 on, or 0 where the call has no such argument.

/// Shift of the position of the name.
pub const NAME: u32 = 0;
/// Shift of the position of the descriptor of the directory from which the name starts.
pub const DIRECTORY: u32 = 4;
/// Shift of the position of a second name.
pub const OTHER: u32 = 8;
/// Shift of the position of the directory from which the second name starts.
pub const OTHER_DIRECTORY: u32 = 12;
/// Shift of the position of flags or a mode.
pub const DETAIL: u32 = 16;
/// Shift of the position of the descriptor that is read from.
pub const SOURCE: u32 = 0;
/// Shift of the position of the descriptor that is written to.
pub const TARGET: u32 = 4;
/// Added to a position: the argument is the address of what is meant.
pub const BEHIND: u32 = 8;
