//! The assembly for AMX on a processor without it: the processor refuses each of the instructions, the system tells the
//! process so by SIGILL, and its handler does in software what the instruction would have done. So what is tested are the
//! bytes that the assembler made: operands, addresses, the order of tiles.

use std::ffi::{c_int, c_void};
use std::sync::Mutex;

use crate::kernels::product::int8::{ByteTile, Int8Kernel, IntegerSums, add_integer_product, has_the_bits_of_portable};
use crate::kernels::product::kernel::Kernel;
use crate::kernels::product::software::add_product;
use crate::kernels::product::tests::has_the_bits_of_software;
use crate::kernels::product::tile::{Sums, Tile};

/// The signal of an instruction that a processor does not know.
const SIGILL: c_int = 4;
/// The handler takes three arguments.
const SA_SIGINFO: c_int = 4;

/// `struct sigaction` of glibc on x86-64.
#[repr(C)]
struct Action {
    handler: usize,
    mask: [u64; 16],
    flags: c_int,
    restorer: usize,
}

/// The beginning of `ucontext_t` of Linux on x86-64.
#[repr(C)]
struct Context {
    flags: u64,
    link: usize,
    stack: [u64; 3],
    registers: [u64; 23],
}

/// Where `ucontext_t` has the registers, by the numbers that instructions have for them.
const REGISTERS: [usize; 16] = [13, 14, 12, 11, 15, 10, 9, 8, 0, 1, 2, 3, 4, 5, 6, 7];
/// And the address of the instruction.
const RIP: usize = 16;

unsafe extern "C" {
    fn sigaction(signal: c_int, new: *const Action, old: *mut Action) -> c_int;
}

/// What tiles hold, and what was done.
struct State {
    is_configured: bool,
    tiles: [Tile; 8],
    multiplications: usize,
}

static STATE: Mutex<State> = Mutex::new(State { is_configured: false, tiles: [Tile::ZEROS; 8], multiplications: 0 });

/// An address of an operand in memory: its first line, and the distance of lines.
fn address(bytes: &[u8], registers: &[u64; 23]) -> (u64, u64, usize) {
    let value = |number: u8| registers[REGISTERS[usize::from(number)]];
    let (prefix, modrm, sib) = (bytes[1], bytes[4], bytes[5]);
    assert_eq!(modrm & 7, 4, "an operand without a second register");
    // The two bits of a prefix are inverted.
    let base = sib & 7 | (prefix >> 5 & 1 ^ 1) << 3;
    let index = sib >> 3 & 7 | (prefix >> 6 & 1 ^ 1) << 3;
    let (offset, length) = match modrm >> 6 {
        0 if base & 7 != 5 => (0, 6),
        1 => (i64::from(bytes[6] as i8), 7),
        2 => (i64::from(i32::from_le_bytes([bytes[6], bytes[7], bytes[8], bytes[9]])), 10),
        other => panic!("an operand of kind {other}"),
    };
    assert_ne!(index, 4, "an operand without a distance of lines");
    (value(base).wrapping_add_signed(offset), value(index) << (sib >> 6), length)
}

/// Does what the instruction at RIP does, and goes on behind it; false for one that is not of tiles.
fn step(registers: &mut [u64; 23]) -> bool {
    // SAFETY: the processor has just read the instruction there; the longest of tiles has ten bytes, and code goes on behind.
    let bytes = unsafe { std::slice::from_raw_parts(registers[RIP] as *const u8, 10) };
    if bytes[0] != 0xc4 || bytes[1] & 0x1f != 2 {
        return false;
    }
    let mut state = STATE.lock().unwrap();
    let (kind, opcode, modrm) = (bytes[2] & 3, bytes[3], bytes[4]);
    let register = usize::from(modrm >> 3 & 7);
    assert!(kind == 0 && opcode == 0x49 || state.is_configured, "tiles without a configuration");
    let length = match (kind, opcode) {
        (0, 0x49) if modrm == 0xc0 => {
            state.is_configured = false;
            5
        }
        (0, 0x49) => {
            state.is_configured = true;
            state.tiles = [Tile([[0x7fff; 32]; 16]); 8];
            // The operand has one register, perhaps with an offset or a byte for a second register.
            let sib = usize::from(modrm & 7 == 4);
            5 + sib + [0, 1, 4, 0][usize::from(modrm >> 6)]
        }
        (3, 0x49) => {
            state.tiles[register] = Tile::ZEROS;
            5
        }
        (3 | 2, 0x4b) => {
            let (first, distance, length) = address(bytes, registers);
            for line in 0..16_u64 {
                let place = (first + line * distance) as *mut [u16; 32];
                let tile = &mut state.tiles[register].0[line as usize];
                // SAFETY: the kernel says that there are 64 bytes, as it says to the processor.
                unsafe { if kind == 3 { *tile = place.read_unaligned() } else { place.write_unaligned(*tile) } };
            }
            length
        }
        (3, 0x5e) => {
            let [left, right] = [usize::from(modrm & 7), usize::from(!bytes[2] >> 3 & 7)];
            // SAFETY: all are 1 KiB of which every value is valid.
            unsafe {
                let mut sums: IntegerSums = std::mem::transmute(state.tiles[register]);
                let [left, right] = [left, right].map(|tile| std::mem::transmute::<Tile, ByteTile>(state.tiles[tile]));
                add_integer_product(&mut sums, &left, &right);
                state.tiles[register] = std::mem::transmute::<IntegerSums, Tile>(sums);
            }
            state.multiplications += 1;
            5
        }
        (2, 0x5c) => {
            let [left, right] = [usize::from(modrm & 7), usize::from(!bytes[2] >> 3 & 7)];
            // SAFETY: both are 1 KiB of which every value is valid.
            let mut sums: Sums = unsafe { std::mem::transmute(state.tiles[register]) };
            add_product(&mut sums, &state.tiles[left], &state.tiles[right]);
            // SAFETY: likewise.
            state.tiles[register] = unsafe { std::mem::transmute::<Sums, Tile>(sums) };
            state.multiplications += 1;
            5
        }
        _ => return false,
    };
    registers[RIP] += length as u64;
    true
}

extern "C" fn handle(_: c_int, _: *const c_void, context: *mut Context) {
    // SAFETY: the system gives the registers of the interrupted thread, which are read back when the handler returns.
    let registers = unsafe { &mut (*context).registers };
    if !step(registers) {
        std::process::abort();
    }
}

#[test]
fn the_assembly_for_amx_has_the_bits_of_tiles_in_software() {
    if Kernel::amx().is_ok() {
        return eprintln!("skipped: AMX is there, and tested itself");
    }
    let new = Action { handler: handle as *const () as usize, mask: [0; 16], flags: SA_SIGINFO, restorer: 0 };
    let mut old = Action { handler: 0, mask: [0; 16], flags: 0, restorer: 0 };
    // SAFETY: both structs are those of glibc, and the handler does what one may do for a signal of its own thread.
    assert_eq!(unsafe { sigaction(SIGILL, &raw const new, &raw mut old) }, 0);
    has_the_bits_of_software(Kernel::amx_without_asking(), &[(1, 1, 1), (16, 32, 16), (33, 40, 17), (37, 75, 53)]);
    let shapes = [(1, 1, 1), (16, 64, 16), (33, 70, 17), (37, 150, 53)];
    has_the_bits_of_portable(Int8Kernel::amx_without_asking(), &shapes);
    // SAFETY: as above.
    assert_eq!(unsafe { sigaction(SIGILL, &raw const old, std::ptr::null_mut()) }, 0);
    let state = STATE.lock().unwrap();
    assert!(state.multiplications > 0 && !state.is_configured, "the tiles were given back");
}
