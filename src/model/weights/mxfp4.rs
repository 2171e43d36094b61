//! Matrices of experts as gpt-oss was published: numbers of four bits in one tensor, `(experts, outputs, blocks, 16)` bytes, and
//! the powers of two of their blocks in another one, `(experts, outputs, blocks)` (MXFP4, OCP Microscaling Formats 1.0).

use crate::tensor_files::ExpertPart;

/// The numbers of a block.
pub(super) const BLOCK: usize = 32;

/// The bytes of a block, without its scale.
pub(super) const BYTES: usize = BLOCK / 2;

/// The rows of an expert's matrix in blocks as GGUF files have them: the scale first, then bytes of which the lower halves are the
/// first 16 numbers and the upper ones the others. In the tensor, the two numbers of a byte follow one another. Nothing where it
/// has other bytes than those of its shape.
pub(super) fn rows(blocks: &[u8], scales: &[u8], part: ExpertPart, [rows, columns]: [usize; 2]) -> Option<Vec<u8>> {
    let (blocks, rest) = blocks.as_chunks::<BYTES>();
    let of_row = columns / BLOCK;
    let all = rows.checked_mul(part.halves)?;
    let count = all.checked_mul(part.of)?.checked_mul(of_row)?;
    if !rest.is_empty() || blocks.len() != count || scales.len() != count {
        return None;
    }
    let mut packed = Vec::with_capacity(rows * of_row * (1 + BYTES));
    for row in 0..rows {
        let first = (part.index * all + part.half + row * part.halves) * of_row;
        for (block, scale) in blocks[first..first + of_row].iter().zip(&scales[first..]) {
            packed.push(*scale);
            let number = |index: usize| block[index / 2] >> (index % 2 * 4) & 15;
            packed.extend((0..BYTES).map(|index| number(index) | number(index + BYTES) << 4));
        }
    }
    Some(packed)
}
