//! Codes of activations, in memory or in a file that other programs read.

use std::path::Path;

use super::activations::eidos_activations;
use super::arguments::{ArrayMut, In, Out, Ref, Text, call};
use super::control::{eidos_control, watched};
use super::error::eidos_error;
use super::explainer::eidos_explainer;
use super::options::options;
use super::split_model::{EIDOS_DEVICE_CPU, device_choice};
use super::status::eidos_status;
use super::strings::choice;
use crate::concepts::{CodesFormat, Encode};
use crate::error::Result;

/// The format is what the name of the file says: `.npy`, `.npz`, `.safetensors` or `.parquet`. The default.
///
/// # ABI
/// enumeration CodesFormat = EIDOS_CODES_*: The format of codes says which programs read them.
pub const EIDOS_CODES_OF_PATH: u32 = 0;
/// A dense matrix (rows, concepts) of 32-bit floats, as `numpy.load` reads it.
pub const EIDOS_CODES_NPY: u32 = 1;
/// A sparse matrix (rows, concepts) in CSR form, as `scipy.sparse.load_npz` reads it. While it is written, it takes twice its room.
pub const EIDOS_CODES_NPZ: u32 = 2;
/// A dense matrix (rows, concepts), the tensor `codes` of a safetensors file.
pub const EIDOS_CODES_SAFETENSORS: u32 = 3;
/// A table in Parquet: a line for each code that is not zero, with `row`, `text`, `begin`, `end`, `unit`, `concept` and `activation`.
/// It takes a library with the feature `parquet`.
pub const EIDOS_CODES_PARQUET: u32 = 4;

/// These options say where activations are encoded, and how codes are written. Fill the struct with `eidos_encode_options_init` first.
#[derive(Debug, Clone, Copy)]
#[allow(non_camel_case_types)]
#[repr(C)]
pub struct eidos_encode_options {
    /// This is the size of the struct in bytes, set by `eidos_encode_options_init`.
    pub struct_size: u32,
    /// This many threads encode; 0, the default, is one per core. Results do not depend on it.
    pub threads: u32,
    /// The activations are encoded on this device: one of `EIDOS_DEVICE_*`. By default on the CPU.
    pub device: u32,
    /// They are encoded on this one of several GPUs, from 0.
    pub device_index: u32,
    /// The format of a file: one of `EIDOS_CODES_*`. By default what the name of the file says.
    pub format: u32,
    /// This field is always 0.
    pub reserved: u32,
}

options!(
    eidos_encode_options,
    Self {
        struct_size: size_of::<Self>() as u32,
        threads: 0,
        device: EIDOS_DEVICE_CPU,
        device_index: 0,
        format: EIDOS_CODES_OF_PATH,
        reserved: 0,
    }
);

impl eidos_encode_options {
    fn to_rust(self) -> Result<Encode> {
        Ok(Encode { threads: self.threads as usize, device: device_choice(self.device, self.device_index)? })
    }

    fn format(self, path: &Path) -> Result<CodesFormat> {
        let formats = [
            (EIDOS_CODES_OF_PATH, None),
            (EIDOS_CODES_NPY, Some(CodesFormat::Npy)),
            (EIDOS_CODES_NPZ, Some(CodesFormat::Npz)),
            (EIDOS_CODES_SAFETENSORS, Some(CodesFormat::Safetensors)),
            (EIDOS_CODES_PARQUET, Some(CodesFormat::Parquet)),
        ];
        choice(self.format, "format", &formats)?.map_or_else(|| CodesFormat::of_path(path), Ok)
    }
}

/// Fills the options of encoding with the defaults. `size` is `sizeof(eidos_encode_options)`.
///
/// # Safety
/// `options` can be written for `size` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_encode_options_init(options: Out<eidos_encode_options>, size: usize) -> eidos_status {
    options.init(size)
}

/// Encodes activations, wherever their rows lie, into concepts: `out` receives `row_count * concept_count` values, row-major, and
/// `out_len` is their number. `EIDOS_MISMATCH` for activations of another width than the explainer encodes. `options`, `control` and
/// `err` may be NULL.
///
/// # Safety
/// The handles are live or NULL as said; `out` can be written `out_len` times.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_explainer_encode_activations(
    explainer: Ref<eidos_explainer>,
    activations: Ref<eidos_activations>,
    options: In<eidos_encode_options>,
    control: Ref<eidos_control>,
    mut out: ArrayMut<f32>,
    out_len: usize,
    err: Out<*mut eidos_error>,
) -> eidos_status {
    call(err, || {
        let (explainer, activations) = (&explainer.get()?.explainer, &activations.get()?.activations);
        let out = out.of(out_len, "out")?;
        options.read()?.to_rust()?.dense_into(explainer, activations, out, &watched(&control)?)
    })
}

/// Encodes activations, wherever their rows lie, into a sparse matrix in CSR form: `starts` receives `row_count + 1` numbers, where the
/// entries of each row begin and where the last one ends; `concepts` and `values` receive the concept and the code of each entry that is
/// not zero, row by row, concepts ascending. `count` receives how many entries there are: where that is more than `capacity`, the room
/// in `concepts` and `values`, only the first are written, and the same call with more room writes all. `options`, `control`, `starts`,
/// `concepts`, `values` and `err` may be NULL.
///
/// # Safety
/// The handles are live or NULL as said; `starts` is NULL or can be written `row_count + 1` times, `concepts` and `values` are NULL or can
/// be written `capacity` times; `count` can be written.
#[unsafe(no_mangle)]
#[allow(clippy::too_many_arguments, reason = "C has no default arguments")]
pub unsafe extern "C" fn eidos_explainer_encode_sparse(
    explainer: Ref<eidos_explainer>,
    activations: Ref<eidos_activations>,
    options: In<eidos_encode_options>,
    control: Ref<eidos_control>,
    mut starts: ArrayMut<usize>,
    mut concepts: ArrayMut<u32>,
    mut values: ArrayMut<f32>,
    capacity: usize,
    count: Out<usize>,
    err: Out<*mut eidos_error>,
) -> eidos_status {
    call(err, || {
        let count = count.place("count")?;
        let (explainer, activations) = (&explainer.get()?.explainer, &activations.get()?.activations);
        let encode = options.read()?.to_rust()?;
        let starts = starts.optional(activations.row_count() + 1, "starts")?.unwrap_or_default();
        let concepts = concepts.optional(capacity, "concepts")?.unwrap_or_default();
        let values = values.optional(capacity, "values")?.unwrap_or_default();
        let arrays = (starts, concepts, values);
        count.write(encode.sparse_into(explainer, activations, arrays, &watched(&control)?)?);
        Ok(())
    })
}

/// Encodes activations into a file that other programs read, whole or not at all, as `eidos_explainer_save` writes an explainer. Memory
/// does not grow with the number of rows, which may be in memory, in shards on disk or on a GPU. Rows and concepts count from 0.
/// `options`, `control` and `err` may be NULL.
///
/// # Safety
/// The handles are live or NULL as said; `path` is NUL-terminated.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_explainer_save_codes(
    explainer: Ref<eidos_explainer>,
    activations: Ref<eidos_activations>,
    path: Text,
    options: In<eidos_encode_options>,
    control: Ref<eidos_control>,
    err: Out<*mut eidos_error>,
) -> eidos_status {
    call(err, || {
        let (explainer, activations) = (&explainer.get()?.explainer, &activations.get()?.activations);
        let (path, options) = (Path::new(path.get("path")?), options.read()?);
        let format = options.format(path)?;
        options.to_rust()?.save(explainer, activations, path, format, &watched(&control)?)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ffi::options::Options;

    #[test]
    fn the_defaults_are_those_of_rust() {
        assert_eq!(eidos_encode_options::DEFAULT.to_rust().unwrap(), Encode::default());
    }

    #[test]
    fn the_format_is_what_the_options_or_else_the_name_say() {
        let of = |format: u32, path: &str| {
            eidos_encode_options { format, ..eidos_encode_options::DEFAULT }.format(Path::new(path))
        };
        assert_eq!(of(EIDOS_CODES_OF_PATH, "a.NPZ").unwrap(), CodesFormat::Npz);
        assert_eq!(of(EIDOS_CODES_NPY, "a.npz").unwrap(), CodesFormat::Npy);
        assert!(of(EIDOS_CODES_OF_PATH, "a").unwrap_err().hint_text().contains(".npz"));
        assert!(of(7, "a.npz").unwrap_err().message().contains("`format`"));
    }
}
