#![allow(clippy::float_cmp, reason = "these values are exact")]

use candle_core::quantized::GgmlDType;

use super::int8::ByteTile;
use super::rows::{from_bf16, pack, round_to_bf16};
use super::single::Lane;
use super::tile::{STEP, Sums, Tile};
use super::*;
use crate::kernels::Format;

/// Numbers like those of a normal distribution: sums of four uniform ones.
pub(super) fn normal(count: usize, seed: u64) -> Vec<f32> {
    let mut state = seed;
    let mut uniform = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1 << 23) as f32 - 1.0
    };
    (0..count).map(|_| (0..4).map(|_| uniform()).sum()).collect()
}

/// The kernels of this machine that serve so many terms; says which are not there.
fn kernels(terms: Terms) -> Vec<Kernel> {
    let vector = if terms == Terms::One { Kernel::vector() } else { Err("they serve one term".to_owned()) };
    let all = [("AMX", Kernel::amx()), ("vectors", vector), ("software", Ok(Kernel::software()))];
    let there = |(name, kernel): (&str, Result<Kernel, String>)| {
        kernel.map_err(|reason| eprintln!("skipped the kernel of {name}: {reason}")).ok()
    };
    all.into_iter().filter_map(there).collect()
}

fn packed(values: &[f32], rows: usize, columns: usize) -> Bf16Matrix {
    Bf16Matrix::pack(rows, columns, |part, panel| {
        panel.copy_from_slice(&values[part.start * columns..part.end * columns]);
        Ok(())
    })
    .unwrap()
}

/// Memory in which every number is a NaN: nothing of it may reach a result.
pub(super) fn dirty() -> Scratch {
    Scratch {
        tiles: vec![Tile([[0x7fff; STEP]; 16]); 4000],
        values: vec![f32::NAN; 1 << 20],
        lanes: vec![Lane::NANS; 1 << 13],
        bytes: vec![ByteTile([[0x55; 64]; 16]); 1000],
    }
}

fn product(kernel: Kernel, terms: Terms, left: &[f32], right: &Bf16Matrix) -> Vec<f32> {
    let mut result = vec![f32::NAN; left.len() / right.columns * right.rows];
    multiply(kernel, terms, &mut result, left, right.whole(), &mut dirty()).unwrap();
    result
}

pub(super) fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| value.to_bits()).collect()
}

/// The largest error of a product, relative to its largest value.
pub(super) fn error(result: &[f32], left: &[f32], right: &[f32], inner: usize) -> f64 {
    let exact = left.chunks(inner).flat_map(|left| {
        let dot = |right: &[f32]| left.iter().zip(right).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>();
        right.chunks(inner).map(dot).collect::<Vec<_>>()
    });
    let pairs = result.iter().zip(exact);
    let (worst, largest) = pairs.fold((0.0_f64, 0.0_f64), |(worst, largest), (result, exact)| {
        (worst.max((f64::from(*result) - exact).abs()), largest.max(exact.abs()))
    });
    worst / largest
}

/// Rows, inner dimension and outputs: one of each, edges of tiles, groups and panels, and whole ones.
pub(super) const SHAPES: [(usize, usize, usize); 9] = [
    (1, 1, 1),
    (2, 33, 17),
    (7, 31, 5),
    (8, 32, 48),
    (33, 64, 49),
    (40, 100, 70),
    (17, 768, 96),
    (100, 65, 33),
    (65, 1000, 144),
];

#[test]
fn products_are_those_of_the_rounded_or_the_exact_rows() {
    for (rows, inner, outputs) in SHAPES {
        let left = normal(rows * inner, 1);
        let right: Vec<f32> = normal(outputs * inner, 2).into_iter().map(rounded).collect();
        let matrix = packed(&right, outputs, inner);
        for terms in [Terms::One, Terms::Three] {
            let factors: Vec<f32> = match terms {
                Terms::One => left.iter().copied().map(rounded).collect(),
                Terms::Three => left.clone(),
            };
            for kernel in kernels(terms) {
                let error = error(&product(kernel, terms, &left, &matrix), &factors, &right, inner);
                assert!(error < 1.5e-6, "{} {terms:?} {rows} {inner} {outputs}: {error}", kernel.name());
            }
        }
    }
}

#[test]
fn a_row_of_a_product_is_the_same_bits_whatever_the_other_rows_are() {
    for (_, inner, outputs) in SHAPES {
        let left = normal(150 * inner, 3);
        let matrix = packed(&normal(outputs * inner, 4), outputs, inner);
        for terms in [Terms::One, Terms::Three] {
            for kernel in kernels(terms) {
                let all = bits(&product(kernel, terms, &left, &matrix));
                for rows in (1..20).chain([31, 32, 33, 48, 149]) {
                    for first in [0, 1, 150 - rows] {
                        let some = bits(&product(kernel, terms, &left[first * inner..(first + rows) * inner], &matrix));
                        let same = some == all[first * outputs..(first + rows) * outputs];
                        assert!(same, "{} {terms:?}: {rows} rows from {first}, {inner} by {outputs}", kernel.name());
                    }
                }
            }
        }
    }
}

#[test]
fn rows_beyond_the_cache_are_the_same_bits_as_alone() {
    // More rows than a block of rows has in either kind.
    let (rows, inner, outputs) = (700, 1536, 50);
    let left = normal(rows * inner, 5);
    let matrix = packed(&normal(outputs * inner, 6), outputs, inner);
    for kernel in kernels(Terms::One) {
        let all = bits(&product(kernel, Terms::One, &left, &matrix));
        for row in [0, 169, 170, 171, 511, 512, 699] {
            let alone = bits(&product(kernel, Terms::One, &left[row * inner..(row + 1) * inner], &matrix));
            assert!(alone == all[row * outputs..(row + 1) * outputs], "{} row {row}", kernel.name());
        }
    }
}

/// Values at all ends of the range, and many between.
fn special() -> Vec<f32> {
    let ends =
        [0.0, -0.0, 1.0, 1e-45, -1e-39, f32::MIN_POSITIVE, f32::MAX, f32::MIN, 3.396e38, -3.396_177_6e38, f32::EPSILON];
    let exponents = (1..255_u32).flat_map(|exponent| {
        [0, 1, 0x7f_ffff, 0x40_0000, 0x00_8000, 0x01_8000, 0x7f_8000, 0x12_3456]
            .map(|m| f32::from_bits(exponent << 23 | m))
    });
    ends.into_iter().chain(exponents.clone()).chain(exponents.map(|value| -value)).collect()
}

/// The terms of values, packed as a kernel packs them.
fn terms_of(values: &[f32], terms: Terms, is_avx512: bool) -> Vec<Vec<u16>> {
    let strip = values.len().div_ceil(STEP) * terms.count();
    let mut tiles = vec![Tile([[0x7fff; STEP]; 16]); strip];
    pack(&mut tiles, values, values.len(), terms, is_avx512);
    let of_step =
        |tiles: &[Tile]| (0..STEP).map(|index| tiles.iter().map(|tile| tile.0[0][index]).collect()).collect::<Vec<_>>();
    tiles.chunks(terms.count()).flat_map(of_step).collect()
}

#[test]
fn three_terms_are_exactly_the_value() {
    let values = [special(), normal(10_000, 7)].concat();
    for (value, terms) in values.iter().zip(terms_of(&values, Terms::Three, false)) {
        let sum = terms.iter().map(|term| f64::from(from_bf16(*term))).sum::<f64>();
        // Below, the last term is too small for a bf16 number, or taken for zero.
        if value.abs() >= 2.0_f32.powi(-102) || *value == 0.0 {
            assert_eq!(sum, f64::from(*value), "{value:e} {terms:x?}");
        } else {
            assert!((sum - f64::from(*value)).abs() <= f64::from(f32::MIN_POSITIVE), "{value:e} {terms:x?}");
        }
    }
}

#[test]
fn values_that_are_not_finite_stay_so() {
    let values = [f32::INFINITY, f32::NEG_INFINITY, f32::NAN];
    for is_avx512 in [false, true] {
        let terms = terms_of(&values, Terms::Three, is_avx512);
        if is_avx512 && terms[0][0] == 0x7fff {
            eprintln!("skipped AVX-512: this processor has no AVX512-BF16");
            continue;
        }
        assert_eq!((terms[0][0], terms[1][0]), (0x7f80, 0xff80));
        assert!(from_bf16(terms[2][0]).is_nan());
        assert!(terms[..2].iter().all(|terms| terms[1] == 0 && terms[2] == 0), "{terms:x?}");
    }
}

#[test]
fn rows_are_rounded_to_the_nearest_and_even_bf16_number() {
    for value in [special(), normal(10_000, 8)].concat() {
        let expected = match half::bf16::from_f32(value) {
            small if small.to_f32().abs() < f32::MIN_POSITIVE || value.abs() < f32::MIN_POSITIVE => {
                small.to_bits() & 0x8000
            }
            other => other.to_bits(),
        };
        assert_eq!(round_to_bf16(value), expected, "{value:e}");
        assert_eq!(terms_of(&[value], Terms::One, false)[0], [expected], "{value:e}");
    }
}

#[cfg(target_arch = "x86_64")]
#[test]
fn avx512_packs_the_bits_of_the_portable_code() {
    if !avx512::is_there() {
        return eprintln!("skipped: this processor has no AVX512-BF16");
    }
    let values = [special(), normal(10_007, 9)].concat();
    for terms in [Terms::One, Terms::Three] {
        let [ours, portable] = [true, false].map(|is_avx512| terms_of(&values, terms, is_avx512));
        for ((value, ours), portable) in values.iter().zip(ours).zip(portable) {
            assert_eq!(ours, portable, "{value:e}");
        }
    }
}

#[test]
fn a_packed_matrix_gives_its_rows_back() {
    for (_, inner, outputs) in SHAPES {
        let values: Vec<f32> = normal(outputs * inner, 10).into_iter().map(rounded).collect();
        let matrix = packed(&values, outputs, inner);
        assert_eq!(matrix.bytes(), 2 * outputs * inner);
        let mut all = vec![f32::NAN; outputs * inner];
        matrix.write(0..outputs, &mut all).unwrap();
        assert_eq!(all, values);
        let mut last = vec![f32::NAN; inner];
        matrix.write(outputs - 1..outputs, &mut last).unwrap();
        assert_eq!(last, values[(outputs - 1) * inner..]);
        assert!(matrix.write(outputs..outputs + 1, &mut last).is_none());
    }
}

#[test]
fn sizes_that_do_not_go_together_are_errors() {
    let matrix = packed(&[1.0; 6], 2, 3);
    let times = |result: &mut [f32], left: &[f32]| {
        multiply(Kernel::software(), Terms::One, result, left, matrix.whole(), &mut Scratch::default())
    };
    assert!(times(&mut [0.0; 2], &[0.0; 4]).is_err());
    assert!(times(&mut [0.0; 3], &[0.0; 3]).is_err());
    assert!(times(&mut [], &[]).is_ok());
}

#[test]
fn products_in_f32_have_the_bits_of_faer() {
    for (_, inner, outputs) in
        SHAPES.into_iter().chain([(0, 512, 48), (0, 513, 95), (0, 1024, 16), (0, 1537, 40), (0, 3072, 100)])
    {
        let left = normal(350 * inner, 15);
        let values = normal(outputs * inner, 16);
        let halves: Vec<f32> = values.iter().copied().map(rounded).collect();
        let copy = |from: &[f32], part: std::ops::Range<usize>, panel: &mut [f32]| {
            panel.copy_from_slice(&from[part.start * inner..part.end * inner]);
            Ok(())
        };
        let single = F32Matrix::pack(outputs, inner, |part, panel| copy(&values, part, panel)).unwrap();
        let matrix = packed(&halves, outputs, inner);
        let mut back = vec![f32::NAN; values.len()];
        single.write(0..outputs, &mut back).unwrap();
        assert_eq!(back, values);
        for (right, factor) in [(&values, Factor::F32(single.whole())), (&halves, Factor::Bf16(matrix.whole()))] {
            let mut expected = vec![0.0; 350 * outputs];
            crate::linalg::times_transposed(&mut expected, &left, right, inner).unwrap();
            for kernel in SingleKernel::all() {
                for rows in (0..12).chain([31, 160, 161, 350]) {
                    let mut result = vec![f32::NAN; rows * outputs];
                    kernel.multiply(&mut result, &left[..rows * inner], factor.clone(), false, &mut dirty()).unwrap();
                    let same = bits(&result) == bits(&expected[..rows * outputs]);
                    assert!(same, "{kernel:?}: {rows} rows of {inner} by {outputs}");
                }
            }
        }
        for kernel in SingleKernel::all() {
            let rows: Vec<f32> = left[..9 * inner].iter().copied().map(rounded).collect();
            let mut results = [vec![0.0; 9 * outputs], vec![0.0; 9 * outputs]];
            let [first, second] = &mut results;
            kernel.multiply(first, &left[..9 * inner], Factor::Bf16(matrix.whole()), true, &mut dirty()).unwrap();
            kernel.multiply(second, &rows, Factor::Bf16(matrix.whole()), false, &mut dirty()).unwrap();
            assert!(bits(&results[0]) == bits(&results[1]), "{kernel:?}: rounded rows of {inner} by {outputs}");
        }
    }
}

/// What Intel's manual says of `TDPBF16PS`, worked out by hand.
/// A matrix of blocks whose bytes are in no order but make numbers that are finite.
fn stored_blocks(format: Format, rows: usize, columns: usize) -> BlockMatrix {
    let bytes = format.size_of(columns).unwrap() * rows;
    BlockMatrix::new((0..bytes).map(|index| (index * 31 % 59) as u8).collect(), format, rows, columns).unwrap()
}

#[test]
fn products_with_blocks_have_the_bits_of_those_with_their_numbers() {
    let quantised = |kind| Format::of_blocks(kind).unwrap();
    let shapes = [
        (Format::F16, 1, 701, 5),
        (Format::F16, 9, 1, 16),
        (quantised(GgmlDType::Q8_0), 7, 544, 200),
        (quantised(GgmlDType::Q4K), 170, 1536, 401),
        (quantised(GgmlDType::Q5_0), 1, 96, 192),
    ];
    for (format, rows, inner, outputs) in shapes {
        let (left, matrix) = (normal(rows * inner, 3), stored_blocks(format, outputs, inner));
        let mut numbers = vec![0.0; outputs * inner];
        matrix.write(0..outputs, &mut numbers).unwrap();
        assert!(numbers.iter().all(|number| number.is_finite()) && numbers.iter().any(|number| *number != 0.0));
        let single = F32Matrix::pack(outputs, inner, |part, panel| {
            panel.copy_from_slice(&numbers[part.start * inner..part.end * inner]);
            Ok(())
        })
        .unwrap();
        for kernel in SingleKernel::all() {
            let product = |factor: Factor<'_>, left: &[f32], outputs: usize| {
                let mut result = vec![f32::NAN; left.len() / inner * outputs];
                kernel.multiply(&mut result, left, factor, false, &mut dirty()).unwrap();
                bits(&result)
            };
            let expected = product(Factor::F32(single.whole()), &left, outputs);
            let what = format!("{kernel:?} {rows} {inner} {outputs}");
            let found = product(Factor::Blocks(matrix.part(0..outputs).unwrap()), &left, outputs);
            assert!(found == expected, "{what}");
            let last = product(Factor::Blocks(matrix.part(0..outputs).unwrap()), &left[(rows - 1) * inner..], outputs);
            assert!(last == expected[(rows - 1) * outputs..], "{what}: a row alone");
            let some = outputs / 3..outputs - 1;
            let found = product(Factor::Blocks(matrix.part(some.clone()).unwrap()), &left, some.len());
            let mut rows = expected.chunks(outputs).zip(found.chunks(some.len().max(1)));
            assert!(rows.all(|(all, part)| all[some.clone()] == *part), "{what}: some outputs");
        }
    }
    let matrix = stored_blocks(Format::F16, 4, 8);
    assert!(matrix.part(3..5).is_none() && matrix.write(3..5, &mut [0.0; 16]).is_none());
    assert!(BlockMatrix::new(vec![0; 63], Format::F16, 4, 8).is_none());
}

#[test]
fn tiles_in_software_multiply_as_the_manual_says() {
    let half = |value: f32| round_to_bf16(value);
    let sum_of = |start: f32, pairs: &[(f32, f32)]| {
        let (mut left, mut right, mut sums) = (Tile::ZEROS, Tile::ZEROS, Sums::ZEROS);
        sums.0[3][5] = start;
        for (input, (first, second)) in pairs.iter().enumerate() {
            left.0[3][input] = half(*first);
            right.0[input / 2][2 * 5 + input % 2] = half(*second);
        }
        software::add_product(&mut sums, &left, &right);
        let others = sums.0.as_flattened().iter().filter(|sum| **sum != 0.0).count();
        assert!(others <= 1);
        sums.0[3][5]
    };
    assert_eq!(sum_of(2.0, &[(3.0, 4.0), (5.0, 6.0), (7.0, 8.0)]), 100.0);
    // Even and odd inputs have a sum each: 2^24 + 1 would be lost in one of them.
    let large = 2.0_f32.powi(12);
    assert_eq!(sum_of(0.0, &[(large, large), (1.0, 1.0), (-large, large), (0.0, 0.0)]), 1.0);
    assert_eq!(sum_of(0.0, &[(large, large), (0.0, 0.0), (1.0, 1.0), (0.0, 0.0), (-large, large)]), 0.0);
    // The products are summed from zero before the sum is added.
    assert_eq!(sum_of(-large * large, &[(large, large), (1.0, 1.0)]), 0.0);
    // Numbers that are too small to be normal are zeros, as factors, products and sums.
    let (tiny, least) = (2.0_f32.powi(-64), f32::MIN_POSITIVE);
    assert_eq!(sum_of(0.0, &[(tiny, tiny)]), 0.0);
    assert_eq!(sum_of(least / 2.0, &[(1.0, 0.0)]), 0.0);
    assert_eq!(sum_of(1.5 * least, &[(-least, 1.0)]), 0.0);
    // A step is fused: the product 1 + 2^-6 + 2^-14 is not rounded before it is added.
    let near = 1.0 + 2.0_f32.powi(-7);
    let exact = f64::from(near) * f64::from(near) - 1.0;
    assert_eq!(f64::from(sum_of(0.0, &[(-1.0, 1.0), (0.0, 0.0), (near, near)])), exact);
}

#[test]
fn amx_has_the_bits_of_the_tiles_in_software() {
    let amx = match Kernel::amx() {
        Ok(kernel) => kernel,
        Err(reason) => return eprintln!("skipped AMX: {reason}"),
    };
    has_the_bits_of_software(amx, &SHAPES);
}

/// Compares a kernel with tiles in software.
pub(super) fn has_the_bits_of_software(kernel: Kernel, shapes: &[(usize, usize, usize)]) {
    for &(rows, inner, outputs) in shapes {
        let left = normal(rows * inner, 11);
        let matrix = packed(&normal(outputs * inner, 12), outputs, inner);
        for terms in [Terms::One, Terms::Three] {
            let results = [kernel, Kernel::software()].map(|kernel| bits(&product(kernel, terms, &left, &matrix)));
            assert!(results[0] == results[1], "{terms:?} {rows} {inner} {outputs}");
        }
    }
}

/// Prints GFLOP/s of each kernel, counted as 2 M K N whatever the number of terms.
///
/// ```text
/// cargo test --release --lib rates_of_products -- --ignored --nocapture
/// ```
#[test]
#[ignore = "a measurement for a quiet machine"]
fn rates_of_products() {
    use std::time::{Duration, Instant};

    use crate::linalg::{times_panels, times_transposed};

    fn rate(operations: f64, threads: usize, work: impl Fn() + Sync) -> f64 {
        work();
        let mut least = Duration::MAX;
        for _ in 0..3 {
            let times = 1 + (8e9 / operations / threads as f64) as usize;
            let start = Instant::now();
            std::thread::scope(|scope| {
                for _ in 0..threads {
                    scope.spawn(|| (0..times).for_each(|_| work()));
                }
            });
            least = least.min(start.elapsed() / times as u32);
        }
        operations * threads as f64 / least.as_secs_f64() / 1e9
    }

    println!("{:>8} {:>5} {:>12}  {:>10} {:>10}  kernels", "threads", "M", "K x N", "f32", "bf16 as f32");
    for (inner, outputs) in [(768, 3072), (3072, 768), (384, 1536), (384, 384)] {
        let values: Vec<f32> = normal(outputs * inner, 13).into_iter().map(rounded).collect();
        let halves: Vec<half::bf16> = values.iter().map(|value| half::bf16::from_f32(*value)).collect();
        let matrix = packed(&values, outputs, inner);
        let mut stored = vec![("F16".to_owned(), stored_blocks(Format::F16, outputs, inner))];
        for kind in [GgmlDType::Q8_0, GgmlDType::Q4_0, GgmlDType::Q4K, GgmlDType::Q6K] {
            if inner.is_multiple_of(kind.block_size()) {
                let format = Format::of_blocks(kind).unwrap();
                stored.push((format!("{kind:?}"), stored_blocks(format, outputs, inner)));
            }
        }
        let blocks = F32Matrix::pack(outputs, inner, |part, panel| {
            panel.copy_from_slice(&values[part.start * inner..part.end * inner]);
            Ok(())
        })
        .unwrap();
        for threads in [1, 2] {
            for rows in [1, 32, 512, 4096] {
                let left = normal(rows * inner, 14);
                let operations = 2.0 * (rows * inner * outputs) as f64;
                let single = rate(operations, threads, || {
                    let mut result = vec![0.0; rows * outputs];
                    times_transposed(&mut result, &left, &values, inner).unwrap();
                });
                let widened = rate(operations, threads, || {
                    let mut result = vec![0.0; rows * outputs];
                    let write = |rows: std::ops::Range<usize>, panel: &mut [f32]| {
                        crate::kernels::widen(&halves[rows.start * inner..rows.end * inner], panel);
                        Ok(())
                    };
                    times_panels(&mut result, &left, outputs, inner, write).unwrap();
                });
                print!("{threads:>8} {rows:>5} {:>12}  {single:>10.0} {widened:>10.0}", format!("{inner} x {outputs}"));
                let mut factors = vec![
                    ("f32".to_owned(), Factor::F32(blocks.whole())),
                    ("bf16".to_owned(), Factor::Bf16(matrix.whole())),
                ];
                for (name, matrix) in &stored {
                    factors.push((name.clone(), Factor::Blocks(matrix.part(0..outputs).unwrap())));
                }
                for (name, factor) in factors {
                    for kernel in SingleKernel::all() {
                        let scratch = std::sync::Mutex::new(Vec::<Scratch>::new());
                        let rate = rate(operations, threads, || {
                            let mut own = scratch.lock().unwrap().pop().unwrap_or_default();
                            let mut result = vec![0.0; rows * outputs];
                            kernel.multiply(&mut result, &left, factor.clone(), false, &mut own).unwrap();
                            scratch.lock().unwrap().push(own);
                        });
                        print!("  {kernel:?} {name} {rate:.0}");
                    }
                }
                for terms in [Terms::One, Terms::Three] {
                    let fast = [Kernel::amx(), if terms == Terms::One { Kernel::vector() } else { Err(String::new()) }];
                    for kernel in fast.into_iter().flatten() {
                        let scratch = std::sync::Mutex::new(Vec::<Scratch>::new());
                        let rate = rate(operations, threads, || {
                            let mut own = scratch.lock().unwrap().pop().unwrap_or_default();
                            let mut result = vec![0.0; rows * outputs];
                            multiply(kernel, terms, &mut result, &left, matrix.whole(), &mut own).unwrap();
                            scratch.lock().unwrap().push(own);
                        });
                        print!("  {} {terms:?} {rate:.0}", kernel.name());
                    }
                }
                println!();
            }
        }
    }
}
