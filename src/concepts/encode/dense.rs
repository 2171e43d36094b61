//! Dense matrices: their shape is known before the first row, so they are written from their beginning to their end.

use std::io::{self, Write};
use std::path::Path;

use serde_json::{Value, json};

use super::Absorb;
use crate::concepts::RowCodes;
use crate::error::{Error, ErrorCode, Result};

/// The key of the metadata that say which explainer made the codes.
const ABOUT: &str = "eidos.codes";

/// Writes a matrix as NumPy's `.npy`.
pub(super) fn npy(
    out: &mut dyn Write,
    shape: [usize; 2],
    path: &Path,
    each: impl FnOnce(&mut Absorb<'_>) -> Result<()>,
) -> Result<()> {
    let header = npy_header("<f4", &format!("({}, {})", shape[0], shape[1]));
    matrix(out, &header, shape[1], path, each)
}

/// The header of an `.npy` for little-endian numbers of a type, row-major.
pub(super) fn npy_header(kind: &str, shape: &str) -> Vec<u8> {
    let text = format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}");
    // The values begin at a multiple of 64 bytes, as NumPy has it, so that they can be mapped; a line break comes before them.
    let length = (10 + text.len() + 1).next_multiple_of(64) - 10;
    let mut header = b"\x93NUMPY\x01\x00".to_vec();
    header.extend((length as u16).to_le_bytes());
    header.extend(text.as_bytes());
    header.resize(10 + length - 1, b' ');
    header.push(b'\n');
    header
}

/// Writes a matrix as the tensor `codes` of a safetensors file.
pub(super) fn safetensors(
    out: &mut dyn Write,
    shape: [usize; 2],
    about: &Value,
    path: &Path,
    each: impl FnOnce(&mut Absorb<'_>) -> Result<()>,
) -> Result<()> {
    let size =
        shape[0].checked_mul(shape[1]).and_then(|count| count.checked_mul(size_of::<f32>())).ok_or_else(|| {
            let message =
                format!("the codes of {} rows and {} concepts are more than a file can hold", shape[0], shape[1]);
            Error::new(ErrorCode::InvalidArgument, message).hint("write them as .npz, or fewer rows")
        })?;
    let header = json!({
        "__metadata__": { ABOUT: about.to_string() },
        "codes": { "dtype": "F32", "shape": shape, "data_offsets": [0, size] },
    });
    let mut text = header.to_string().into_bytes();
    text.resize(text.len().next_multiple_of(8), b' ');
    let mut header = (text.len() as u64).to_le_bytes().to_vec();
    header.append(&mut text);
    matrix(out, &header, shape[1], path, each)
}

/// Writes a header and all codes behind it.
fn matrix(
    out: &mut dyn Write,
    header: &[u8],
    concepts: usize,
    path: &Path,
    each: impl FnOnce(&mut Absorb<'_>) -> Result<()>,
) -> Result<()> {
    let refused = |error: io::Error| Error::io(path, "write", &error);
    out.write_all(header).map_err(refused)?;
    let mut row = vec![0.0_f32; concepts];
    each(&mut |_, codes| {
        let values = match codes {
            RowCodes::Dense(values) => values,
            RowCodes::Sparse(places, values) => {
                row.fill(0.0);
                places.iter().zip(values).for_each(|(place, value)| row[*place as usize] = *value);
                &row
            }
        };
        out.write_all(bytemuck::cast_slice(values)).map_err(refused)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_values_of_an_array_begin_at_a_multiple_of_64_bytes() {
        for shape in ["()", "(7,)", "(18446744073709551615, 18446744073709551615)"] {
            let header = npy_header("<f4", shape);
            assert!(header.len().is_multiple_of(64) && header.ends_with(b"\n"), "{shape}");
            assert_eq!(usize::from(u16::from_le_bytes([header[8], header[9]])), header.len() - 10);
        }
    }
}
