//! A sparse matrix in CSR form as SciPy writes it: an archive of the arrays `indices`, `indptr`, `format`, `shape` and `data`.
//!
//! How many codes are not zero is known at the end, and so is the width of the indices: 32 bits as long as they are enough, as SciPy
//! chooses them. Until then the arrays wait in files without a name.

use std::io::{self, Write};
use std::path::Path;

use zip::write::{SimpleFileOptions, StreamWriter};
use zip::{CompressionMethod, DateTime, ZipWriter};

use super::dense::npy_header;
use super::spool::Spool;
use super::{Absorb, entries};
use crate::error::{Error, Result};

/// An archive that is written from its beginning to its end.
type Archive<'a> = ZipWriter<StreamWriter<&'a mut dyn Write>>;

/// How the numbers of a spool are written.
type Convert = fn(&[u8], &mut Vec<u8>);

/// Writes a matrix as `scipy.sparse.load_npz` reads it.
pub(super) fn npz(
    out: &mut dyn Write,
    shape: [usize; 2],
    path: &Path,
    each: impl FnOnce(&mut Absorb<'_>) -> Result<()>,
) -> Result<()> {
    let refused = |error: io::Error| Error::io(path, "write", &error);
    let spool = || Spool::beside(path).map_err(refused);
    let [mut starts, mut concepts, mut values] = [spool()?, spool()?, spool()?];
    let mut count = 0_u64;
    starts.push(&count.to_le_bytes()).map_err(refused)?;
    each(&mut |_, codes| {
        let pushed = entries(codes).try_for_each(|(concept, value)| {
            count += 1;
            concepts.push(&concept.to_le_bytes())?;
            values.push(&value.to_le_bytes())
        });
        pushed.and_then(|()| starts.push(&count.to_le_bytes())).map_err(refused)
    })?;
    let largest = count.max(shape[0] as u64).max(shape[1] as u64);
    assemble(out, [starts, concepts, values], shape, i32::try_from(largest).is_err()).map_err(refused)
}

/// Writes the archive of what the spools hold: starts as u64, concepts as u32, values as f32.
fn assemble(out: &mut dyn Write, spools: [Spool; 3], shape: [usize; 2], wide: bool) -> io::Result<()> {
    let [mut starts, mut concepts, mut values] = spools;
    let (kind, starts_as, concepts_as): (_, Convert, Convert) =
        if wide { ("<i8", as_they_are, widened) } else { ("<i4", narrowed, as_they_are) };
    let mut archive = ZipWriter::new_stream(out);
    let (entries, rows) = (values.length() / 4, starts.length() / 8);
    spooled(&mut archive, "indices.npy", &npy_header(kind, &format!("({entries},)")), &mut concepts, concepts_as)?;
    spooled(&mut archive, "indptr.npy", &npy_header(kind, &format!("({rows},)")), &mut starts, starts_as)?;
    array(&mut archive, "format.npy", &npy_header("|S3", "()"), b"csr")?;
    let sides = shape.map(|side| (side as u64).to_le_bytes()).concat();
    array(&mut archive, "shape.npy", &npy_header("<i8", "(2,)"), &sides)?;
    spooled(&mut archive, "data.npy", &npy_header("<f4", &format!("({entries},)")), &mut values, as_they_are)?;
    archive.finish()?;
    Ok(())
}

/// Writes an array.
fn array(archive: &mut Archive<'_>, name: &str, header: &[u8], values: &[u8]) -> io::Result<()> {
    // As it is, perhaps longer than 4 GiB, and on the first day that there is: the same codes are the same bytes.
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored).large_file(true);
    archive.start_file(name, options.last_modified_time(DateTime::default()))?;
    archive.write_all(header)?;
    archive.write_all(values)
}

/// Writes the array of what a spool holds.
fn spooled(
    archive: &mut Archive<'_>,
    name: &str,
    header: &[u8],
    spool: &mut Spool,
    convert: Convert,
) -> io::Result<()> {
    array(archive, name, header, &[])?;
    let mut converted = Vec::new();
    spool.read(|piece| {
        converted.clear();
        convert(piece, &mut converted);
        archive.write_all(&converted)
    })
}

fn as_they_are(numbers: &[u8], to: &mut Vec<u8>) {
    to.extend_from_slice(numbers);
}

/// 32-bit numbers in 64 bits.
fn widened(numbers: &[u8], to: &mut Vec<u8>) {
    numbers
        .as_chunks::<4>()
        .0
        .iter()
        .for_each(|number| to.extend(u64::from(u32::from_le_bytes(*number)).to_le_bytes()));
}

/// 64-bit numbers that are small in 32 bits.
fn narrowed(numbers: &[u8], to: &mut Vec<u8>) {
    numbers.as_chunks::<8>().0.iter().for_each(|number| to.extend_from_slice(&number[..4]));
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    /// Two rows of three concepts, the first of them with codes at 1 and 2.
    fn written(wide: bool) -> Vec<u8> {
        let folder = tempfile::tempdir().unwrap();
        let spool = |bytes: Vec<u8>| {
            let mut spool = Spool::beside(&folder.path().join("codes.npz")).unwrap();
            spool.push(&bytes).unwrap();
            spool
        };
        let starts = [0_u64, 2, 2].iter().flat_map(|number| number.to_le_bytes()).collect();
        let concepts = [1_u32, 2].iter().flat_map(|number| number.to_le_bytes()).collect();
        let values = [0.5_f32, -4.0].iter().flat_map(|number| number.to_le_bytes()).collect();
        let mut out = Vec::new();
        assemble(&mut out, [starts, concepts, values].map(spool), [2, 3], wide).unwrap();
        out
    }

    #[test]
    fn indices_are_as_wide_as_they_must_be() {
        for (wide, kind, size) in [(false, "<i4", 4), (true, "<i8", 8)] {
            let bytes = written(wide);
            let mut archive = zip::ZipArchive::new(io::Cursor::new(&bytes)).unwrap();
            let mut of = |name: &str| {
                let mut bytes = Vec::new();
                archive.by_name(name).unwrap().read_to_end(&mut bytes).unwrap();
                let length = usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
                (String::from_utf8(bytes[10..10 + length].to_vec()).unwrap(), bytes[10 + length..].to_vec())
            };
            let (header, starts) = of("indptr.npy");
            assert!(header.contains(kind) && header.contains("(3,)"), "{header}");
            assert_eq!(starts.chunks(size).map(|number| number[0]).collect::<Vec<_>>(), [0, 2, 2]);
            let (header, concepts) = of("indices.npy");
            assert!(header.contains(kind) && header.contains("(2,)"), "{header}");
            assert_eq!(concepts.chunks(size).map(|number| number[0]).collect::<Vec<_>>(), [1, 2]);
            assert_eq!(of("data.npy").1, [0.5_f32, -4.0].map(f32::to_le_bytes).concat());
            assert_eq!(of("format.npy").1, b"csr");
            assert_eq!(of("shape.npy").1, [2_u64, 3].map(u64::to_le_bytes).concat());
        }
    }
}
