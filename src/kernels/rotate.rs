//! Rotations of pairs of columns.

use pulp::Arch;

/// How the columns of a head are rotated (Su et al. 2021, "RoFormer").
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rotation {
    /// Columns of one head.
    pub head_width: usize,
    /// How many of them are rotated, the first ones.
    pub rotary_dim: usize,
    /// Whether adjacent columns are rotated together; else columns that are half of `rotary_dim` apart.
    pub interleaved: bool,
}

/// Rotates each head of rows of `width` columns: pair `i` of its columns by angle `i`. `cosines` and `sines` hold
/// `rotary_dim / 2` values for each row.
pub(crate) fn rotate(rows: &[f32], cosines: &[f32], sines: &[f32], width: usize, rotation: Rotation) -> Vec<f32> {
    let Rotation { head_width, rotary_dim, interleaved } = rotation;
    let half = rotary_dim / 2;
    let mut result = rows.to_vec();
    let target = &mut result;
    Arch::new().dispatch(
        #[inline(always)]
        move || {
            let angles = cosines.chunks_exact(half).zip(sines.chunks_exact(half));
            let rows = target.chunks_exact_mut(width).zip(rows.chunks_exact(width));
            for ((result, row), (cosines, sines)) in rows.zip(angles) {
                for (result, head) in result.chunks_exact_mut(head_width).zip(row.chunks_exact(head_width)) {
                    if interleaved {
                        let columns = result[..rotary_dim].chunks_exact_mut(2).zip(head[..rotary_dim].chunks_exact(2));
                        for ((result, pair), (cosine, sine)) in columns.zip(cosines.iter().zip(sines)) {
                            result[0] = pair[0] * cosine - pair[1] * sine;
                            result[1] = pair[1] * cosine + pair[0] * sine;
                        }
                    } else {
                        let (first, second) = head[..rotary_dim].split_at(half);
                        let (first_result, second_result) = result[..rotary_dim].split_at_mut(half);
                        for index in 0..half {
                            let (a, b, cosine, sine) = (first[index], second[index], cosines[index], sines[index]);
                            first_result[index] = a * cosine - b * sine;
                            second_result[index] = b * cosine + a * sine;
                        }
                    }
                }
            }
        },
    );
    result
}
