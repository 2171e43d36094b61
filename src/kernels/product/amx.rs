//! AMX: `TDPBF16PS` and `TDPBSSD` on tiles of 16 lines. Stable Rust has no intrinsics for it, but its assembler knows the instructions.
//!
//! A thread has eight registers of 1 KiB. Four hold the sums of 32 rows and 32 outputs, two hold rows and two outputs, so
//! that a multiplication takes one load: a processor does a multiplication in 16 cycles and a load in 8.

use std::arch::asm;
use std::arch::x86_64::__cpuid_count;

use super::avx512;
use super::int8::{ByteTile, IntegerSums};
use super::rows::Terms;
use super::tile::{LINES, Part, Sums, Tile};

#[cfg(test)]
mod emulated;

/// The number of the system call.
const ARCH_PRCTL: isize = 158;
/// Asks for a part of the processor's state that is switched off until a process asks for it.
const ARCH_REQ_XCOMP_PERM: usize = 0x1023;
/// Asks which of these parts the process may use.
const ARCH_GET_XCOMP_PERM: usize = 0x1022;
/// The contents of tiles.
const TILE_DATA: usize = 18;

/// Finds out whether there is AMX, and asks the system to let this process use it.
///
/// # Errors
/// Why it cannot be used, for people.
pub(super) fn enable() -> Result<(), String> {
    // Rows are packed with AVX-512, which every processor with AMX has; only where it is there does the question for tiles,
    // and for those of bf16, have an answer.
    let features = if avx512::is_there() { __cpuid_count(7, 0).edx } else { 0 };
    if features >> 24 & 1 == 0 || features >> 22 & 1 == 0 {
        return Err("this processor has no AMX".to_owned());
    }
    // SAFETY: AVX-512 was found, so the system has switched on what this instruction needs.
    if unsafe { saved_state() } >> 17 & 3 != 3 {
        return Err("the system does not save the tiles of AMX".to_owned());
    }
    // It fails on kernels before 5.16, where a filter of system calls forbids it, and where a thread of the process has an
    // alternate stack for signals that is too small for tiles.
    let refused = arch_prctl(ARCH_REQ_XCOMP_PERM, TILE_DATA);
    if refused != 0 {
        return Err(format!("the system does not let this process use AMX (error {})", -refused));
    }
    let mut permitted = 0_u64;
    if arch_prctl(ARCH_GET_XCOMP_PERM, (&raw mut permitted).expose_provenance()) != 0 || permitted >> TILE_DATA & 1 == 0
    {
        return Err("the system took back its permission to use AMX".to_owned());
    }
    Ok(())
}

/// Whether the tiles of this processor multiply integers, too.
pub(super) fn has_integers() -> bool {
    avx512::is_there() && __cpuid_count(7, 0).edx >> 25 & 1 == 1
}

/// Which parts of the processor's state the system saves.
#[target_feature(enable = "xsave")]
fn saved_state() -> u64 {
    // SAFETY: register 0 is always there.
    unsafe { std::arch::x86_64::_xgetbv(0) }
}

/// The system call, which returns 0 or a negative number of an error. `argument` is a number, or the exposed address of eight
/// bytes that a question is answered in.
fn arch_prctl(code: usize, argument: usize) -> isize {
    let result;
    // SAFETY: with these two codes the system changes nothing of this process but its permission and the bytes of the answer.
    unsafe {
        asm!(
            "syscall",
            inout("rax") ARCH_PRCTL => result,
            in("rdi") code,
            in("rsi") argument,
            out("rcx") _,
            out("r11") _,
            options(nostack),
        );
    }
    result
}

/// What `LDTILECFG` reads.
#[repr(C, align(64))]
struct Configuration {
    palette: u8,
    start_row: u8,
    reserved: [u8; 14],
    line_bytes: [u16; 16],
    lines: [u8; 16],
}

/// Eight tiles of full size.
static FULL: Configuration = Configuration {
    palette: 1,
    start_row: 0,
    reserved: [0; 14],
    line_bytes: [64, 64, 64, 64, 64, 64, 64, 64, 0, 0, 0, 0, 0, 0, 0, 0],
    lines: [16, 16, 16, 16, 16, 16, 16, 16, 0, 0, 0, 0, 0, 0, 0, 0],
};

/// Configures the tiles of this thread. By the calling convention no function keeps tiles for its caller, so a host that
/// uses AMX itself loses nothing.
///
/// # Safety
/// AMX must be there and permitted.
pub(super) unsafe fn configure() {
    // SAFETY: the configuration is valid and has 64 bytes.
    unsafe { asm!("ldtilecfg [{}]", in(reg) &raw const FULL, options(nostack, preserves_flags, readonly)) };
}

/// Gives the tiles of this thread back: while they are in use, the system saves 8 KiB more at each switch.
///
/// # Safety
/// AMX must be there and permitted.
pub(super) unsafe fn release() {
    // SAFETY: the instruction has no operands.
    unsafe { asm!("tilerelease", options(nostack, preserves_flags, nomem)) };
}

/// The product of the strips of some rows and the blocks of a panel. An odd strip or block is multiplied twice, and written
/// once.
///
/// # Safety
/// The tiles of this thread must be configured. There must be a strip of `steps` tiles of each term for each 16 rows of the
/// part, as many tiles of outputs for each 16 of its columns, two blocks at most, and one step at least.
pub(super) unsafe fn panel(left: &[Tile], right: &[Tile], steps: usize, terms: Terms, mut part: Part<'_>) {
    let put = |sums: &Sums, row, column| part.put(sums, row, column);
    // SAFETY: as for this function.
    unsafe {
        pairs(left, right, (steps, terms.count()), &mut [[Sums::ZEROS; 2]; 2], put, |rows, outputs, sums| {
            pair_of_strips(rows, outputs, steps, terms, sums);
        });
    }
}

/// The same with integers. `put` gets the sums of 16 rows and 16 outputs, and the first of both.
///
/// # Safety
/// As for [`panel`] with one term.
pub(super) unsafe fn integer_panel(
    left: &[ByteTile],
    right: &[ByteTile],
    steps: usize,
    put: impl FnMut(&IntegerSums, usize, usize),
) {
    // SAFETY: as for this function.
    unsafe {
        pairs(left, right, (steps, 1), &mut [[IntegerSums::ZEROS; 2]; 2], put, |rows, outputs, sums| {
            pair_of_integer_strips(rows, outputs, steps, sums);
        });
    }
}

/// Multiplies two strips with two blocks at a time. `right` has one or two blocks.
///
/// # Safety
/// That of `multiply`, which gets strips and blocks of so many steps and terms.
unsafe fn pairs<T, S>(
    left: &[T],
    right: &[T],
    (steps, terms): (usize, usize),
    sums: &mut [[S; 2]; 2],
    mut put: impl FnMut(&S, usize, usize),
    multiply: impl Fn([*const T; 2], [*const T; 2], &mut [[S; 2]; 2]),
) {
    let strip = steps * terms;
    let (last, blocks) = (left.len() / strip - 1, right.len() / steps);
    let outputs = [right.as_ptr(), right[right.len() - steps..].as_ptr()];
    for first in (0..=last).step_by(2) {
        let second = last.min(first + 1);
        multiply([left[first * strip..].as_ptr(), left[second * strip..].as_ptr()], outputs, sums);
        for (row, sums) in sums[..=second - first].iter().enumerate() {
            for (column, sums) in sums[..blocks].iter().enumerate() {
                put(sums, (first + row) * LINES, column * LINES);
            }
        }
    }
}

/// A step of the first term that is multiplied: outputs and rows are loaded, each right before it is needed.
macro_rules! step {
    ($offset:literal, $multiply:literal) => {
        concat!(
            "tileloadd tmm4, [{rows_0} + {line} + ",
            $offset,
            "]\n",
            "tileloadd tmm6, [{outputs_0} + {line}]\n",
            $multiply,
            " tmm0, tmm4, tmm6\n",
            "tileloadd tmm7, [{outputs_1} + {line}]\n",
            $multiply,
            " tmm1, tmm4, tmm7\n",
            "tileloadd tmm5, [{rows_1} + {line} + ",
            $offset,
            "]\n",
            $multiply,
            " tmm2, tmm5, tmm6\n",
            $multiply,
            " tmm3, tmm5, tmm7",
        )
    };
}

/// The next term of the same inputs, with the outputs that are there.
macro_rules! next_term {
    ($offset:literal, $multiply:literal) => {
        concat!(
            "tileloadd tmm4, [{rows_0} + {line} + ",
            $offset,
            "]\n",
            $multiply,
            " tmm0, tmm4, tmm6\n",
            $multiply,
            " tmm1, tmm4, tmm7\n",
            "tileloadd tmm5, [{rows_1} + {line} + ",
            $offset,
            "]\n",
            $multiply,
            " tmm2, tmm5, tmm6\n",
            $multiply,
            " tmm3, tmm5, tmm7",
        )
    };
}

/// All steps in one block of assembly, so that nothing comes between tiles and their use.
macro_rules! steps {
    ($rows:ident, $outputs:ident, $steps:ident, $sums:ident, $strip_bytes:literal, $($term:expr),+) => {
        asm!(
            "tilezero tmm0",
            "tilezero tmm1",
            "tilezero tmm2",
            "tilezero tmm3",
            "2:",
            $($term,)+
            concat!("add {rows_0}, ", $strip_bytes),
            concat!("add {rows_1}, ", $strip_bytes),
            "add {outputs_0}, 1024",
            "add {outputs_1}, 1024",
            "dec {steps}",
            "jnz 2b",
            "tilestored [{sums} + {line}], tmm0",
            "tilestored [{sums} + {line} + 1024], tmm1",
            "tilestored [{sums} + {line} + 2048], tmm2",
            "tilestored [{sums} + {line} + 3072], tmm3",
            rows_0 = inout(reg) $rows[0] => _,
            rows_1 = inout(reg) $rows[1] => _,
            outputs_0 = inout(reg) $outputs[0] => _,
            outputs_1 = inout(reg) $outputs[1] => _,
            steps = inout(reg) $steps => _,
            sums = in(reg) std::ptr::from_mut($sums),
            // The distance of the lines of a tile, in an index register that is not scaled.
            line = in(reg) 64_usize,
            out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _,
            out("tmm4") _, out("tmm5") _, out("tmm6") _, out("tmm7") _,
            options(nostack),
        )
    };
}

/// The products of two strips and two blocks, `sums[strip][block]`: in each step the smallest terms first.
///
/// # Safety
/// The tiles of this thread must be configured; `steps` tiles of each term must lie behind each pointer to rows and `steps`
/// tiles behind each pointer to outputs, one step at least.
#[rustfmt::skip]
unsafe fn pair_of_strips(
    rows: [*const Tile; 2],
    outputs: [*const Tile; 2],
    steps: usize,
    terms: Terms,
    sums: &mut [[Sums; 2]; 2],
) {
    // SAFETY: each step reads 1 KiB of each term of the rows and 1 KiB of the outputs; the sums are four times 1 KiB.
    unsafe {
        match terms {
            Terms::One => steps!(rows, outputs, steps, sums, 1024, step!(0, "tdpbf16ps")),
            Terms::Three => steps!(
                rows, outputs, steps, sums, 3072,
                step!(2048, "tdpbf16ps"), next_term!(1024, "tdpbf16ps"), next_term!(0, "tdpbf16ps")
            ),
        }
    }
}

/// The products of two strips and two blocks of integers, `sums[strip][block]`.
///
/// # Safety
/// As for [`pair_of_strips`] with one term.
#[rustfmt::skip]
unsafe fn pair_of_integer_strips(
    rows: [*const ByteTile; 2],
    outputs: [*const ByteTile; 2],
    steps: usize,
    sums: &mut [[IntegerSums; 2]; 2],
) {
    // SAFETY: each step reads 1 KiB of the rows and 1 KiB of the outputs; the sums are four times 1 KiB.
    unsafe { steps!(rows, outputs, steps, sums, 1024, step!(0, "tdpbssd")) }
}
