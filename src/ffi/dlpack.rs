//! DLPack: tensors that other libraries own, and ours for them, without a copy.
//!
//! The layouts are those of `dlpack.h`, version 1 (<https://dmlc.github.io/dlpack/latest/c_api.html>).

use std::ffi::c_void;

use super::strings::{array, product};
use crate::activations::{Activations, ForeignRows};
use crate::error::{Error, Result};
use crate::linalg::Rows;

/// `DLManagedTensorVersioned` of `dlpack.h`.
#[derive(Debug)]
#[repr(C)]
pub struct DLManagedTensorVersioned {
    version: Version,
    manager_ctx: *mut c_void,
    deleter: Option<unsafe extern "C" fn(*mut DLManagedTensorVersioned)>,
    flags: u64,
    tensor: Tensor,
}

#[derive(Debug, Clone, Copy)]
#[repr(C)]
struct Version {
    major: u32,
    minor: u32,
}

#[derive(Debug)]
#[repr(C)]
struct Tensor {
    data: *mut c_void,
    device_type: i32,
    device_id: i32,
    dimensions: i32,
    dtype: DataType,
    shape: *mut i64,
    strides: *mut i64,
    byte_offset: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
struct DataType {
    code: u8,
    bits: u8,
    lanes: u16,
}

const CPU: i32 = 1;
const FLOAT32: DataType = DataType { code: 2, bits: 32, lanes: 1 };
const READ_ONLY: u64 = 1;

/// What keeps an exported tensor alive: the activations, and the arrays that the tensor points to.
struct Exported {
    _activations: Activations,
    shape: [i64; 2],
    strides: [i64; 2],
}

/// The rows as a DLPack tensor of shape (rows, columns), read-only, alive until its deleter runs.
pub(super) fn export(activations: &Activations) -> Result<*mut DLManagedTensorVersioned> {
    let (rows, columns) = (Rows::row_count(activations), Rows::column_count(activations));
    let data = activations.rows(0, rows)?.as_ptr();
    let wide =
        |size: usize| i64::try_from(size).map_err(|_| Error::argument(format!("{size} does not fit a DLPack shape")));
    let mut exported = Box::new(Exported {
        _activations: activations.clone(),
        shape: [wide(rows)?, wide(columns)?],
        strides: [wide(columns)?, 1],
    });
    let tensor = Tensor {
        data: data.cast_mut().cast(),
        device_type: CPU,
        device_id: 0,
        dimensions: 2,
        dtype: FLOAT32,
        shape: exported.shape.as_mut_ptr(),
        strides: exported.strides.as_mut_ptr(),
        byte_offset: 0,
    };
    Ok(Box::into_raw(Box::new(DLManagedTensorVersioned {
        version: Version { major: 1, minor: 0 },
        manager_ctx: Box::into_raw(exported).cast(),
        deleter: Some(delete),
        flags: READ_ONLY,
        tensor,
    })))
}

/// The deleter of exported tensors.
unsafe extern "C" fn delete(tensor: *mut DLManagedTensorVersioned) {
    if tensor.is_null() {
        return;
    }
    // SAFETY: only `export` sets this deleter, on a box whose context is a box of `Exported`; it runs once.
    unsafe {
        let tensor = Box::from_raw(tensor);
        drop(Box::from_raw(tensor.manager_ctx.cast::<Exported>()));
    }
}

/// A tensor of somebody else, given up to us.
struct Imported(Checked);

// SAFETY: DLPack producers allow the consumer to read the tensor and to run its deleter on any thread.
unsafe impl Send for Imported {}
// SAFETY: the values are only read.
unsafe impl Sync for Imported {}

impl ForeignRows for Imported {
    fn values(&self) -> &[f32] {
        // SAFETY: `check` has seen the pointer, the size and the alignment; the producer keeps the memory until the
        // deleter runs.
        unsafe { std::slice::from_raw_parts(self.0.values, self.0.rows * self.0.columns) }
    }
}

impl Drop for Imported {
    fn drop(&mut self) {
        // SAFETY: the tensor was given up to us, and this runs once.
        unsafe {
            if let Some(deleter) = (*self.0.tensor).deleter {
                deleter(self.0.tensor);
            }
        }
    }
}

/// A tensor that can be read as rows; still the caller's.
#[derive(Clone, Copy)]
pub(super) struct Checked {
    tensor: *mut DLManagedTensorVersioned,
    values: *const f32,
    pub(super) rows: usize,
    pub(super) columns: usize,
}

impl Checked {
    /// The rows, with the tensor given up to us: its deleter runs when they are dropped.
    pub(super) fn take(self) -> Box<dyn ForeignRows> {
        Box::new(Imported(self))
    }
}

/// Looks whether a tensor holds `f32` rows on the CPU.
///
/// # Safety
/// `tensor` is NULL or a valid tensor of `dlpack.h`.
pub(super) unsafe fn check(tensor: *mut DLManagedTensorVersioned) -> Result<Checked> {
    let wrong = |what: String, remedy: &str| Err(Error::argument(format!("the DLPack tensor {what}")).hint(remedy));
    if tensor.is_null() {
        return wrong("is NULL".to_owned(), "pass a DLManagedTensorVersioned");
    }
    // SAFETY: promised by the caller. The version comes first in every major version.
    let version = unsafe { (*tensor).version };
    if version.major != 1 {
        return wrong(format!("is of version {}.{}", version.major, version.minor), "export it as version 1");
    }
    // SAFETY: promised by the caller, and the major version says that this is the layout.
    let inner = unsafe { &(*tensor).tensor };
    if inner.device_type != CPU {
        return wrong("is not in the memory of the CPU".to_owned(), "copy it to the CPU");
    }
    if inner.dtype != FLOAT32 {
        return wrong("is not of 32-bit floats".to_owned(), "convert it to float32");
    }
    if inner.dimensions != 2 || inner.shape.is_null() {
        return wrong(format!("has {} dimensions", inner.dimensions), "give it the shape (rows, columns)");
    }
    // SAFETY: a tensor of two dimensions has two sizes.
    let shape = unsafe { [inner.shape.read_unaligned(), inner.shape.add(1).read_unaligned()] };
    let size = |value: i64| usize::try_from(value).ok().filter(|&size| size > 0);
    let (Some(rows), Some(columns)) = (size(shape[0]), size(shape[1])) else {
        return wrong(format!("has the shape {shape:?}"), "give at least one row and one column");
    };
    if !inner.strides.is_null() {
        // SAFETY: strides that are given are as many as dimensions.
        let strides = unsafe { [inner.strides.read_unaligned(), inner.strides.add(1).read_unaligned()] };
        let contiguous = (columns == 1 || strides[1] == 1) && (rows == 1 || strides[0] == shape[1]);
        if !contiguous {
            return wrong(format!("has the strides {strides:?}"), "make it contiguous, row by row");
        }
    }
    let offset = usize::try_from(inner.byte_offset).unwrap_or(usize::MAX);
    #[allow(clippy::cast_ptr_alignment, reason = "checked right below")]
    let values = inner.data.cast::<u8>().wrapping_add(offset).cast::<f32>().cast_const();
    // NULL, a wrong alignment and an impossible size are errors here; the slice itself is not needed.
    // SAFETY: promised by the caller.
    unsafe { array(values, product(rows, columns)?, "data") }?;
    Ok(Checked { tensor, values, rows, columns })
}
