//! From a descriptor of the current task to its file.
//!
//! A small table lies within `files_struct`, as an array whose elements the verifier knows the type of: all that hangs on
//! such a file is read without a helper. A table that has grown is behind a pointer to pointers, which the verifier
//! knows nothing of, so files there are read through the helper, which takes some 25 ns a field.

use core::arch::asm;

use super::{
    fields::{self, direct, peek, peek_at},
    watch,
};

/// Descriptors in the table within `files_struct` (`NR_OPEN_DEFAULT` of a 64-bit kernel, include/linux/fdtable.h).
const EMBEDDED: u32 = 64;

/// How the fields of a file, its inode and so on are read.
pub trait Read {
    /// The field at this offset.
    fn field<T: Copy>(base: *const u8, offset: &aya_ebpf::Global<u64>) -> T;
}

/// Through a pointer whose type the verifier knows.
pub struct Typed;

impl Read for Typed {
    #[inline(always)]
    fn field<T: Copy>(base: *const u8, offset: &aya_ebpf::Global<u64>) -> T {
        // SAFETY: `with_file` says this of typed pointers only; what cannot be read is zero.
        unsafe { direct(base, offset) }
    }
}

/// Through any address.
pub struct Untyped;

impl Read for Untyped {
    #[inline(always)]
    fn field<T: Copy>(base: *const u8, offset: &aya_ebpf::Global<u64>) -> T {
        peek(base, offset)
    }
}

/// What is to be done with a file.
pub trait WithFile {
    /// Does it. `file` is null for a descriptor that is not open.
    fn run<R: Read>(self, file: *const u8);
}

/// Finds the file behind a descriptor of the current task, given by [`watch::current_task`], and does something with it
/// in the cheapest way there is.
#[inline(always)]
pub fn with_file(task: *const u8, fd: u64, action: impl WithFile) {
    if fields::TYPED_TASK.load() == 0 {
        return action.run::<Untyped>(file_of(fd));
    }
    // SAFETY: typed, and every field read is a pointer to a structure that the verifier follows; a null is read as zeroes.
    unsafe {
        let files: *const u8 = direct(task, &fields::TASK_FILES);
        let table: *const u8 = direct(files, &fields::FILES_FDT);
        let limit: u32 = direct(table, &fields::FDT_MAX_FDS);
        if fd >= u64::from(limit) {
            return;
        }
        if limit <= EMBEDDED {
            action.run::<Typed>(embedded(files, fd));
        } else {
            let slots: *const u8 = direct(table, &fields::FDT_FD);
            action.run::<Untyped>(peek_at(slots.wrapping_byte_add((fd * 8) as usize)));
        }
    }
}

/// The file in one of the slots within `files_struct`.
///
/// The verifier gives a loaded pointer its type only when the offset is a constant, so each slot has a load of its own. It
/// is written as assembly because the compiler would join the loads into one with a computed offset.
///
/// # Safety
///
/// `files` is a typed pointer.
#[inline(always)]
unsafe fn embedded(files: *const u8, fd: u64) -> *const u8 {
    let slots = unsafe { files.byte_add(fields::FILES_EMBEDDED.load() as usize) };
    macro_rules! slot {
        ($($number:literal)+) => {
            match fd {
                $($number => load!($number),)+
                // The caller has checked the bound.
                _ => load!(63),
            }
        };
    }
    macro_rules! load {
        ($number:literal) => {{
            let file: *const u8;
            // SAFETY: within the array; the verifier checks it.
            unsafe {
                asm!("{0} = *(u64 *)({1} + {2})", out(reg) file, in(reg) slots, const $number * 8);
            }
            file
        }};
    }
    slot!(
        0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31
        32 33 34 35 36 37 38 39 40 41 42 43 44 45 46 47 48 49 50 51 52 53 54 55 56 57 58 59 60 61 62
    )
}

/// The file behind a descriptor of the current task, or null; its fields are to be read with `peek`.
#[inline(always)]
pub fn file_of(fd: u64) -> *const u8 {
    let files: *const u8 = peek(watch::current_task(), &fields::TASK_FILES);
    let table: *const u8 = peek(files, &fields::FILES_FDT);
    let limit: u32 = peek(table, &fields::FDT_MAX_FDS);
    if fd >= u64::from(limit) {
        return core::ptr::null();
    }
    let slots: *const u8 = peek(table, &fields::FDT_FD);
    peek_at(slots.wrapping_byte_add((fd * 8) as usize))
}
