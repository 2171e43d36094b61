//! Products are about as fast as their instructions: a setting of the compiler, or a check within a loop, that keeps sums out of
//! registers makes them several times slower, and no result tells of it.

use std::arch::asm;
use std::time::{Duration, Instant};

use super::tests::normal;
use super::*;

/// The share of what its instruction does by itself that a product must reach. On a quiet Zen 4 they reach 0.88 to 1.0; the mistakes
/// that were made left 0.14 and 0.42.
const SHARE: f64 = 0.5;
/// How many turns there are at most until a product has reached it. A turn is a fraction of a millisecond, and the shortest counts: on
/// a busy machine some turns are not interrupted.
const TURNS: usize = 2000;
/// How many there are at least, so that what the instructions do was not interrupted in all of them.
const FEWEST_TURNS: usize = 20;

const ROWS: usize = 48;
const INNER: usize = 384;
const OUTPUTS: usize = 192;

/// The sums of a loop of instructions: as many as hide the time that one takes.
const SUMS: usize = 12;
/// How often the loop runs.
const TIMES: usize = 500;

/// A function that runs an instruction [`SUMS`] times [`TIMES`] times, whatever the compiler is told to do with the rest.
macro_rules! many {
    ($name:ident, $instruction:literal, $register:literal) => {
        fn $name() {
            macro_rules! into {
                ($sum:literal) => {
                    concat!($instruction, " ", $register, $sum, ", ", $register, "12, ", $register, "13")
                };
            }
            // SAFETY: it changes the registers that it names; it is called where the processor has the instruction.
            unsafe {
                asm!(
                    "vzeroall",
                    "2:",
                    into!("0"), into!("1"), into!("2"), into!("3"), into!("4"), into!("5"),
                    into!("6"), into!("7"), into!("8"), into!("9"), into!("10"), into!("11"),
                    "dec {times}",
                    "jnz 2b",
                    "vzeroupper",
                    times = inout(reg) TIMES => _,
                    out("xmm0") _, out("xmm1") _, out("xmm2") _, out("xmm3") _, out("xmm4") _, out("xmm5") _,
                    out("xmm6") _, out("xmm7") _, out("xmm8") _, out("xmm9") _, out("xmm10") _, out("xmm11") _,
                    out("xmm12") _, out("xmm13") _, out("xmm14") _, out("xmm15") _,
                    options(nomem, nostack),
                );
            }
        }
    };
}

many!(fused_of_16, "vfmadd231ps", "zmm");
many!(fused_of_8, "vfmadd231ps", "ymm");
many!(pairs_of_bf16, "vdpbf16ps", "zmm");
many!(fours_of_bytes, "vpdpbusd", "zmm");

/// Asserts that a product reaches its share of what an instruction of so many operations does.
fn assert_fast(name: &str, (instruction, operations): (fn(), usize), mut product: impl FnMut()) {
    let rate = |operations: usize, time: Duration| operations as f64 / time.as_secs_f64() / 1e9;
    let shorter = |least: Duration, work: &mut dyn FnMut()| {
        let start = Instant::now();
        work();
        start.elapsed().min(least)
    };
    let (mut instructions, mut products) = (Duration::MAX, Duration::MAX);
    let mut rates = (0.0, 0.0);
    for turn in 0..TURNS {
        // In turns: what slows the machine down for longer slows both down.
        instructions = shorter(instructions, &mut || instruction());
        products = shorter(products, &mut product);
        rates = (rate(2 * ROWS * INNER * OUTPUTS, products), rate(SUMS * TIMES * operations, instructions));
        if turn >= FEWEST_TURNS && rates.0 >= rates.1 * SHARE {
            break;
        }
    }
    assert!(
        rates.0 >= rates.1 * SHARE,
        "{name} multiplies with {:.1} billion operations a second, its instruction does {:.1}: look for sums in memory within \
         its loop, and at the profile of the build",
        rates.0,
        rates.1
    );
}

#[test]
fn products_reach_half_of_what_their_instructions_do() {
    if cfg!(debug_assertions) {
        return eprintln!("skipped: this build has no optimised products, tests with --release have");
    }
    let (left, right) = (normal(ROWS * INNER, 41), normal(OUTPUTS * INNER, 42));
    let write = |part: std::ops::Range<usize>, panel: &mut [f32]| {
        panel.copy_from_slice(&right[part.start * INNER..part.end * INNER]);
        Ok(())
    };
    let (mut result, mut scratch) = (vec![0.0; ROWS * OUTPUTS], Scratch::default());
    let single = F32Matrix::pack(OUTPUTS, INNER, write).unwrap();
    for kernel in SingleKernel::all() {
        let name = format!("{kernel:?}");
        let instruction: (fn(), usize) = if name.contains("Avx512") { (fused_of_16, 32) } else { (fused_of_8, 16) };
        assert_fast(&name, instruction, || {
            kernel.multiply(&mut result, &left, Factor::F32(single.whole()), false, &mut scratch).unwrap();
        });
    }
    if let Ok(kernel) = Kernel::vector() {
        let halves = Bf16Matrix::pack(OUTPUTS, INNER, write).unwrap();
        assert_fast(kernel.name(), (pairs_of_bf16, 64), || {
            multiply(kernel, Terms::One, &mut result, &left, halves.whole(), &mut scratch).unwrap();
        });
    }
    let integers = Int8Matrix::pack(OUTPUTS, INNER, write).unwrap();
    for kernel in Int8Kernel::all() {
        let instruction: (fn(), usize) = match kernel.name() {
            "AVX512-VNNI" => (fours_of_bytes, 128),
            // Three instructions of it sum half of what a fused one of f32 does eight times: no slower than f32 is what it promises.
            "AVX2" => (fused_of_8, 16),
            _ => continue,
        };
        let name = format!("{} for integers", kernel.name());
        assert_fast(&name, instruction, || {
            let part = integers.part(0..OUTPUTS).unwrap();
            multiply_int8(kernel, &mut result, &left, part, &mut scratch).unwrap();
        });
    }
}
