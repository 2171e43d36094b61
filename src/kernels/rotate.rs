//! Rotary position embeddings (Su et al. 2021, "RoFormer").

use crate::linalg::vectorised;

/// Which pairs of columns of a head are rotated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rotation {
    /// The number of columns of a head.
    pub head_width: usize,
    /// How many columns of a head are rotated: its first ones.
    pub rotary_dim: usize,
    /// Whether a pair is two adjacent columns; else its columns are `rotary_dim / 2` apart.
    pub interleaved: bool,
}

/// Rotates the heads of rows of `width` columns. `cosines` and `sines` hold `rotary_dim / 2` values for each row: those of
/// the angle for each pair of columns, which is the same in all heads.
pub(crate) fn rotate(rows: &[f32], cosines: &[f32], sines: &[f32], width: usize, rotation: Rotation) -> Vec<f32> {
    let Rotation { head_width, rotary_dim, interleaved } = rotation;
    let half = rotary_dim / 2;
    let mut result = rows.to_vec();
    let target = &mut result;
    vectorised(
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
