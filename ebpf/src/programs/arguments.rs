//! Arguments of a system call, by the places that `CALL_SHAPES` gives for it.

use core::mem::MaybeUninit;

use aya_ebpf::helpers::generated::bpf_probe_read_user;
use picket_ebpf::{CALLS, shape};

use super::fields::{self, direct};

/// A call's arguments and where among them what is looked for lies.
#[derive(Clone, Copy)]
pub struct Arguments {
    registers: *const u8,
    number: u64,
}

impl Arguments {
    /// # Safety
    ///
    /// `registers` is the typed argument of the tracepoint.
    #[inline(always)]
    pub unsafe fn of(registers: *const u8, number: u64) -> Self {
        Self { registers, number }
    }

    #[inline(always)]
    fn shape(&self) -> u32 {
        // SAFETY: the index is masked into the table.
        unsafe {
            (&raw const fields::CALL_SHAPES)
                .cast::<u32>()
                .add(self.number as usize & (CALLS - 1))
                .read_volatile()
        }
    }

    /// The argument whose place stands at this shift of the shape.
    #[inline(always)]
    pub fn get(&self, shift: u32) -> Option<u64> {
        self.at(self.shape() >> shift & (shape::BEHIND - 1))
    }

    /// Flags or mode, 0 where the call has none.
    #[inline(always)]
    pub fn detail(&self) -> u64 {
        let value = self.get(shape::DETAIL).unwrap_or(0);
        if self.shape() >> shape::DETAIL & shape::BEHIND == 0 {
            return value;
        }
        let mut behind = MaybeUninit::<u64>::uninit();
        // SAFETY: the helper copes with any address, and clears the destination when it fails.
        unsafe {
            bpf_probe_read_user(behind.as_mut_ptr().cast(), 8, value as *const _);
            behind.assume_init()
        }
    }

    #[inline(always)]
    fn at(&self, position: u32) -> Option<u64> {
        // SAFETY: typed argument and offsets from BTF.
        unsafe {
            Some(match position {
                1 => direct(self.registers, &fields::REGS_ARG0),
                2 => direct(self.registers, &fields::REGS_ARG1),
                3 => direct(self.registers, &fields::REGS_ARG2),
                4 => direct(self.registers, &fields::REGS_ARG3),
                5 => direct(self.registers, &fields::REGS_ARG4),
                _ => return None,
            })
        }
    }
}
