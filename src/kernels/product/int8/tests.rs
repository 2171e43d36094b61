#![allow(clippy::float_cmp, reason = "these values are exact")]

use super::super::rows::Scratch;
use super::super::tests::{SHAPES, bits, dirty, error, normal};
use super::*;

fn packed(values: &[f32], rows: usize, columns: usize) -> Int8Matrix {
    Int8Matrix::pack(rows, columns, |part, panel| {
        panel.copy_from_slice(&values[part.start * columns..part.end * columns]);
        Ok(())
    })
    .unwrap()
}

fn product(kernel: Int8Kernel, left: &[f32], right: &Int8Matrix) -> Vec<f32> {
    let mut result = vec![f32::NAN; left.len() / right.columns * right.rows];
    multiply_int8(kernel, &mut result, left, right.part(0..right.rows).unwrap(), &mut dirty()).unwrap();
    result
}

/// The integers of a row and their scale, as the module says.
fn quantised(row: &[f32]) -> (Vec<i64>, f32) {
    let largest = row.iter().fold(0.0_f32, |largest, value| largest.max(value.abs()));
    let inverse = if largest == 0.0 { 0.0 } else { 127.0 / largest };
    (row.iter().map(|value| (value * inverse).round_ties_even() as i64).collect(), largest / 127.0)
}

/// Every product by the definition, one sum after the other.
fn defined(left: &[f32], right: &[f32], inner: usize) -> Vec<f32> {
    let rows = |values: &[f32]| values.chunks(inner).map(quantised).collect::<Vec<_>>();
    let (left, right) = (rows(left), rows(right));
    let dot = |(left, row): &(Vec<i64>, f32), (right, output): &(Vec<i64>, f32)| {
        let sum: i64 = left.iter().zip(right).map(|(left, right)| left * right).sum();
        sum as f32 * row * output
    };
    left.iter().flat_map(|left| right.iter().map(|right| dot(left, right)).collect::<Vec<_>>()).collect()
}

#[test]
fn every_kernel_has_the_bits_of_the_definition() {
    for (rows, inner, outputs) in SHAPES {
        let (left, right) = (normal(rows * inner, 21), normal(outputs * inner, 22));
        let matrix = packed(&right, outputs, inner);
        let expected = bits(&defined(&left, &right, inner));
        for kernel in Int8Kernel::all() {
            assert!(bits(&product(kernel, &left, &matrix)) == expected, "{} {rows} {inner} {outputs}", kernel.name());
        }
    }
}

/// Compares a kernel with the portable one.
pub(in super::super) fn has_the_bits_of_portable(kernel: Int8Kernel, shapes: &[(usize, usize, usize)]) {
    for &(rows, inner, outputs) in shapes {
        let (left, matrix) = (normal(rows * inner, 23), packed(&normal(outputs * inner, 24), outputs, inner));
        let results = [kernel, Int8Kernel::portable()].map(|kernel| bits(&product(kernel, &left, &matrix)));
        assert!(results[0] == results[1], "{rows} {inner} {outputs}");
    }
}

#[test]
fn the_largest_sums_do_not_overflow() {
    // The most inputs, each the largest: 66311 times 127 times 127, and times 255 for a kernel of unsigned bytes.
    let inner = 66_311;
    let matrix = packed(&[vec![1.0; inner], vec![-1.0; inner]].concat(), 2, inner);
    let left = [vec![2.0; inner], vec![-2.0; inner]].concat();
    for kernel in Int8Kernel::all() {
        let result = product(kernel, &left, &matrix);
        let value = (inner * 127 * 127) as f32 * (2.0 / 127.0) * (1.0 / 127.0);
        assert_eq!(result, [value, -value, -value, value], "{}", kernel.name());
    }
    let error = Int8Matrix::pack(1, inner + 2, |_, _| Ok(())).err().unwrap();
    assert!(error.message().contains("66311") || error.message().contains("66312"), "{error}");
}

#[test]
fn a_product_is_near_to_that_of_the_values() {
    for (rows, inner, outputs) in [(17, 768, 96), (40, 1000, 70)] {
        let (left, right) = (normal(rows * inner, 25), normal(outputs * inner, 26));
        let matrix = packed(&right, outputs, inner);
        // Each factor is off by at most half of a 127th of the largest of its row, here 4 standard deviations, and independently:
        // 0.9 % of a standard deviation each, 1.3 % together, of which the largest of the sums is three or four times one.
        let error = error(&product(Int8Kernel::find().0, &left, &matrix), &left, &right, inner);
        assert!(error < 1.3e-2 && error > 1e-4, "{error}");
    }
}

#[test]
fn a_row_is_the_same_bits_whatever_the_other_rows_are() {
    for (_, inner, outputs) in SHAPES {
        let left = normal(150 * inner, 27);
        let matrix = packed(&normal(outputs * inner, 28), outputs, inner);
        for kernel in Int8Kernel::all() {
            let all = bits(&product(kernel, &left, &matrix));
            for rows in (1..20).chain([31, 32, 33, 48, 149]) {
                for first in [0, 150 - rows] {
                    let some = bits(&product(kernel, &left[first * inner..(first + rows) * inner], &matrix));
                    let same = some == all[first * outputs..(first + rows) * outputs];
                    assert!(same, "{}: {rows} rows from {first}, {inner} by {outputs}", kernel.name());
                }
            }
        }
    }
}

#[test]
fn what_is_not_finite_stays_so_and_zeros_stay_zeros() {
    let matrix = packed(&normal(20 * 70, 29), 20, 70);
    for kernel in Int8Kernel::all() {
        for wrong in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let mut left = normal(3 * 70, 30);
            left[70 + 33] = wrong;
            let result = product(kernel, &left, &matrix);
            let (before, rest) = result.split_at(20);
            let (of_wrong, after) = rest.split_at(20);
            assert!(before.iter().chain(after).all(|value| value.is_finite()), "{} {wrong}", kernel.name());
            assert!(of_wrong.iter().all(|value| !value.is_finite()), "{} {wrong}", kernel.name());
        }
        assert!(product(kernel, &[0.0; 70], &matrix).iter().all(|value| *value == 0.0), "{}", kernel.name());
        assert!(product(kernel, &[1e-38; 70], &matrix).iter().all(|value| value.abs() < 1e-30), "{}", kernel.name());
    }
}

#[test]
fn a_packed_matrix_gives_its_rounded_rows_back() {
    for (_, inner, outputs) in SHAPES {
        let values = normal(outputs * inner, 31);
        let matrix = packed(&values, outputs, inner);
        let expected: Vec<f32> = values
            .chunks(inner)
            .flat_map(|row| {
                let (integers, scale) = quantised(row);
                integers.into_iter().map(move |integer| integer as f32 * scale)
            })
            .collect();
        let mut all = vec![f32::NAN; outputs * inner];
        matrix.write(0..outputs, &mut all).unwrap();
        assert_eq!(all, expected);
        let mut last = vec![f32::NAN; inner];
        matrix.write(outputs - 1..outputs, &mut last).unwrap();
        assert_eq!(last, expected[(outputs - 1) * inner..]);
        assert!(matrix.write(outputs..outputs + 1, &mut last).is_none());
        assert!(matrix.part(1..outputs).is_none_or(|_| outputs == 1) && matrix.part(0..outputs + 1).is_none());
    }
}

#[test]
fn sizes_that_do_not_go_together_are_errors() {
    let matrix = packed(&[1.0; 6], 2, 3);
    let times = |result: &mut [f32], left: &[f32]| {
        multiply_int8(Int8Kernel::portable(), result, left, matrix.part(0..2).unwrap(), &mut Scratch::default())
    };
    assert!(times(&mut [0.0; 2], &[0.0; 4]).is_err());
    assert!(times(&mut [0.0; 3], &[0.0; 3]).is_err());
    assert!(times(&mut [], &[]).is_ok());
}

/// Prints GFLOP/s of each kernel, counted as 2 M K N.
///
/// ```text
/// cargo test --release --lib rates_of_integers -- --ignored --nocapture
/// ```
#[test]
#[ignore = "a measurement for a quiet machine"]
fn rates_of_integers() {
    use std::time::{Duration, Instant};

    let kernels = Int8Kernel::all();
    for (inner, outputs) in [(768, 3072), (3072, 768), (384, 1536), (384, 384)] {
        let matrix = packed(&normal(outputs * inner, 13), outputs, inner);
        for rows in [1, 32, 512, 4096] {
            let left = normal(rows * inner, 14);
            let operations = 2.0 * (rows * inner * outputs) as f64;
            print!("{rows:>5} {:>12}", format!("{inner} x {outputs}"));
            for &kernel in &kernels {
                let mut least = Duration::MAX;
                let times = 1 + (4e9 / operations) as usize;
                let (mut result, mut scratch) = (vec![0.0; rows * outputs], Scratch::default());
                for _ in 0..3 {
                    let start = Instant::now();
                    for _ in 0..times {
                        let part = matrix.part(0..outputs).unwrap();
                        multiply_int8(kernel, &mut result, &left, part, &mut scratch).unwrap();
                    }
                    least = least.min(start.elapsed() / times as u32);
                }
                print!("  {} {:.0}", kernel.name(), operations / least.as_secs_f64() / 1e9);
            }
            println!();
        }
    }
}
