//! Positions as sines and cosines (Vaswani et al. 2017).

use crate::memory::filled;

/// The bytes of a table `(count, width)` of f32: for position `p` the sines of `p / 10000^(2i / width)` for each `i`, then the
/// cosines of the same. Nothing where there is no memory for it.
///
/// In double precision and rounded once, as transformers computes the table.
pub(crate) fn sinusoids(count: usize, width: usize) -> Option<Vec<u8>> {
    let size = count.checked_mul(width)?.checked_mul(size_of::<f32>())?;
    let mut bytes = filled(0_u8, size)?;
    let sines = width.div_ceil(2);
    for (position, row) in bytes.chunks_exact_mut(width * size_of::<f32>()).enumerate() {
        for (column, value) in row.chunks_exact_mut(size_of::<f32>()).enumerate() {
            let index = if column < sines { column } else { column - sines };
            let angle = position as f64 / 10_000_f64.powf(2.0 * index as f64 / width as f64);
            let wave = if column < sines { angle.sin() } else { angle.cos() };
            value.copy_from_slice(&(wave as f32).to_le_bytes());
        }
    }
    Some(bytes)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_sines_of_all_waves_come_before_their_cosines() {
        let values = |count, width| -> Vec<f32> {
            let bytes = sinusoids(count, width).unwrap();
            bytes.chunks_exact(4).map(|four| f32::from_le_bytes(four.try_into().unwrap())).collect()
        };
        assert_eq!(values(1, 4), [0.0, 0.0, 1.0, 1.0]);
        let [first, second] = [1.0_f64, 1.0 / 100.0];
        let expected = [first.sin(), second.sin(), first.cos(), second.cos()].map(|wave| wave as f32);
        assert_eq!(values(2, 4)[4..], expected);
        // Of an odd number of columns the middle one is a sine, as in transformers.
        let slow = 10_000_f64.powf(-2.0 / 3.0);
        assert_eq!(values(2, 3)[3..], [first.sin(), slow.sin(), first.cos()].map(|wave| wave as f32));
        assert!(sinusoids(1 << 40, 1 << 40).is_none());
    }
}
