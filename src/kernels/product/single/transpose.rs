//! Rows become lanes: a value of each of 16 rows side by side.

use super::{LINES, Lane};

/// Writes the columns of up to 16 rows, of which each begins `stride` values after the one before, as lanes: as many columns as
/// there are lanes. Rows that are missing to 16 become zeros.
pub(crate) fn transpose(rows: &[f32], stride: usize, count: usize, lanes: &mut [Lane]) {
    let count = count.min(LINES);
    assert!(count == 0 || (count - 1) * stride + lanes.len() <= rows.len(), "rows are shorter than their lanes");
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx512f") {
        // SAFETY: the processor has the instructions, and every row has as many values as there are lanes.
        unsafe { super::avx512::transpose(rows, stride, count, lanes) };
        return;
    }
    by_values(rows, stride, count, lanes);
}

/// Asks for bytes that will be read soon: pieces of rows, whose next place the processor does not guess.
#[cfg_attr(not(target_arch = "x86_64"), allow(unused_variables))]
pub(crate) fn prefetch(bytes: &[u8]) {
    #[cfg(target_arch = "x86_64")]
    for line in bytes.chunks(64) {
        // SAFETY: every processor of this kind has the instruction, and it reads nothing: it is a hint about memory of a slice.
        unsafe { std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_T0 }>(line.as_ptr().cast()) };
    }
}

/// A few columns at a time, so that what is written stays in the nearest cache.
fn by_values(rows: &[f32], stride: usize, count: usize, lanes: &mut [Lane]) {
    for (part, lanes) in lanes.chunks_mut(LINES).enumerate() {
        if count < LINES {
            lanes.fill(Lane::ZEROS);
        }
        for output in 0..count {
            let row = &rows[output * stride + part * LINES..][..lanes.len()];
            lanes.iter_mut().zip(row).for_each(|(lane, value)| lane.0[output] = *value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lanes_hold_a_value_of_each_row() {
        for (count, columns, stride) in
            [(16, 16, 16), (16, 37, 40), (5, 33, 33), (1, 1, 9), (0, 20, 20), (15, 256, 256)]
        {
            let rows: Vec<f32> = (0..count * stride).map(|index| index as f32 + 1.0).collect();
            let expected = |column: usize, row: usize| if row < count { rows[row * stride + column] } else { 0.0 };
            for of in [transpose, by_values] {
                let mut lanes = vec![Lane([f32::NAN; LINES]); columns];
                of(&rows, stride, count, &mut lanes);
                for (column, lane) in lanes.iter().enumerate() {
                    let same = (0..LINES).all(|row| lane.0[row].to_bits() == expected(column, row).to_bits());
                    assert!(same, "{count} {columns} {stride}: column {column}");
                }
            }
        }
    }
}
