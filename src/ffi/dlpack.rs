//! DLPack: tensors that other libraries own, and ours for them, without a copy.
//!
//! The layouts are those of `dlpack.h`, version 1 (<https://dmlc.github.io/dlpack/latest/c_api.html>).

use std::ffi::c_void;
use std::ptr;

use super::strings::{check_array, product};
use crate::device::{self, DeviceChoice};
use crate::error::{Error, Result};
use crate::rows::{Activations, ForeignRows, Rows, check_unit_count};

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
const CUDA: i32 = 2;
const FLOAT32: DataType = DataType { code: 2, bits: 32, lanes: 1 };
const READ_ONLY: u64 = 1;

/// What keeps an exported tensor alive: the activations, and the arrays that the tensor points to.
struct Exported {
    _activations: Activations,
    shape: [i64; 2],
    strides: [i64; 2],
}

/// Where the values of activations are: their address, and the type and the number of the device.
fn place_of(activations: &Activations) -> Result<(*const f32, i32, i32)> {
    #[cfg(feature = "cuda")]
    if let Some(tensor) = Rows::on_device(activations).filter(|tensor| tensor.device().is_cuda()) {
        let (address, device) = crate::cuda::address_of(tensor)?;
        let device = i32::try_from(device).map_err(|_| Error::internal("a device has a number beyond all others"))?;
        return Ok((ptr::with_exposed_provenance(address as usize), CUDA, device));
    }
    let values = activations.rows(0, Rows::row_count(activations))?;
    // What has no values has no address either.
    Ok((if values.is_empty() { ptr::null() } else { values.as_ptr() }, CPU, 0))
}

/// The rows as a DLPack tensor of shape (rows, columns), read-only, alive until its deleter runs: where they are, on the host
/// or on a device, whose work on them is done when this returns.
pub(super) fn export(activations: &Activations) -> Result<*mut DLManagedTensorVersioned> {
    let (rows, columns) = (Rows::row_count(activations), Rows::column_count(activations));
    let (data, device_type, device_id) = place_of(activations)?;
    let wide =
        |size: usize| i64::try_from(size).map_err(|_| Error::argument(format!("{size} does not fit a DLPack shape")));
    let mut exported = Box::new(Exported {
        _activations: activations.clone(),
        shape: [wide(rows)?, wide(columns)?],
        strides: [wide(columns)?, 1],
    });
    let tensor = Tensor {
        data: data.cast_mut().cast(),
        device_type,
        device_id,
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
    /// The GPU that the values are on; `None` for the CPU.
    gpu: Option<usize>,
}

impl Checked {
    /// Activations of the rows. On success the tensor was given up to us: its deleter runs when the rows are dropped, or at
    /// once where they were copied within a GPU.
    pub(super) fn take(self, unit_texts: Option<&[&str]>) -> Result<Activations> {
        // Before the tensor is taken: after an error it is still the caller's.
        check_unit_count(self.rows, unit_texts)?;
        let Some(gpu) = self.gpu else {
            return Activations::from_foreign(Box::new(Imported(self)), self.columns, unit_texts);
        };
        let activations = Activations::from_device(self.copied(gpu)?, unit_texts)?;
        drop(Imported(self));
        Ok(activations)
    }

    /// A copy of the rows within their GPU: candle's tensors free the memory that they are made of, so that none can be made
    /// of memory that another library frees.
    #[cfg_attr(not(feature = "cuda"), allow(clippy::unused_self))]
    fn copied(&self, gpu: usize) -> Result<candle_core::Tensor> {
        let device = device::open(DeviceChoice::Cuda(gpu)).map_err(|error| error.within("the DLPack tensor"))?;
        match &device {
            #[cfg(feature = "cuda")]
            candle_core::Device::Cuda(device) => {
                // SAFETY: whoever gave the tensor promises that its values are there and that nothing writes them.
                unsafe { crate::cuda::copy_of(device, self.values.expose_provenance() as u64, self.rows, self.columns) }
            }
            _ => Err(Error::internal(format!("no GPU {gpu} was opened"))),
        }
    }
}

/// Looks whether a tensor holds `f32` rows on the CPU or on a GPU.
///
/// # Safety
/// `tensor` is NULL or a valid tensor of `dlpack.h`.
pub(super) unsafe fn check(tensor: *mut DLManagedTensorVersioned) -> Result<Checked> {
    let wrong = |what: String, remedy: &str| Err(Error::argument(format!("the DLPack tensor {what}")).hint(remedy));
    if tensor.is_null() {
        return wrong("is NULL".to_owned(), "pass a DLManagedTensorVersioned");
    }
    if !tensor.is_aligned() {
        return wrong("is not aligned".to_owned(), "pass the address that the exporting library gave");
    }
    // SAFETY: promised by the caller. The version comes first in every major version.
    let version = unsafe { (*tensor).version };
    if version.major != 1 {
        return wrong(format!("is of version {}.{}", version.major, version.minor), "export it as version 1");
    }
    // SAFETY: promised by the caller, and the major version says that this is the layout.
    let inner = unsafe { &(*tensor).tensor };
    let gpu = match (inner.device_type, usize::try_from(inner.device_id)) {
        (CPU, _) => None,
        (CUDA, Ok(gpu)) => Some(gpu),
        (CUDA, Err(_)) => return wrong(format!("is on the GPU {}", inner.device_id), "give it the number of a GPU"),
        (other, _) => {
            return wrong(
                format!("is neither in the memory of the CPU nor of an NVIDIA GPU: its device is of type {other}"),
                "copy it to the CPU",
            );
        }
    };
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
    // Looked at by itself: with an offset it would be an address like any other.
    if inner.data.is_null() {
        return wrong("has no data: it is NULL".to_owned(), "give it the address of its values");
    }
    let count = product(rows, columns)?;
    let begin = usize::try_from(inner.byte_offset).ok().and_then(|offset| inner.data.addr().checked_add(offset));
    let end = begin.and_then(|begin| begin.checked_add(count.checked_mul(size_of::<f32>())?));
    if end.is_none() {
        return wrong(
            format!("of {rows} rows of {columns} columns from byte {} does not fit memory", inner.byte_offset),
            "check its shape and byte_offset",
        );
    }
    #[allow(clippy::cast_ptr_alignment, reason = "checked right below")]
    let values = inner.data.cast::<u8>().wrapping_add(inner.byte_offset as usize).cast::<f32>().cast_const();
    check_array(values, count, "data")?;
    Ok(Checked { tensor, values, rows, columns, gpu })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A tensor over four values, changed as a test wants it; what `check` says of it.
    fn checked(change: impl FnOnce(&mut DLManagedTensorVersioned, &mut [i64; 2], &mut [i64; 2])) -> Result<Checked> {
        let mut values = [1.0_f32, 2.0, 3.0, 4.0];
        let (mut shape, mut strides) = ([2, 2], [2, 1]);
        let mut tensor = DLManagedTensorVersioned {
            version: Version { major: 1, minor: 0 },
            manager_ctx: ptr::null_mut(),
            deleter: None,
            flags: 0,
            tensor: Tensor {
                data: values.as_mut_ptr().cast(),
                device_type: CPU,
                device_id: 0,
                dimensions: 2,
                dtype: FLOAT32,
                shape: ptr::null_mut(),
                strides: ptr::null_mut(),
                byte_offset: 0,
            },
        };
        change(&mut tensor, &mut shape, &mut strides);
        tensor.tensor.shape = shape.as_mut_ptr();
        if strides != [0, 0] {
            tensor.tensor.strides = strides.as_mut_ptr();
        }
        // SAFETY: the tensor and its arrays live until the end of this function.
        unsafe { check(&raw mut tensor) }
    }

    #[test]
    fn tensors_that_can_be_read_are_taken() {
        assert!(checked(|_, _, _| {}).is_ok());
        assert!(checked(|_, _, strides| *strides = [0, 0]).is_ok());
        // Strides along a side of one do not matter.
        assert!(checked(|_, shape, strides| (*shape, *strides) = ([1, 4], [-7, 1])).is_ok());
        assert!(checked(|_, shape, strides| (*shape, *strides) = ([4, 1], [1, -7])).is_ok());
        let offset = checked(|tensor, shape, _| {
            *shape = [1, 2];
            tensor.tensor.byte_offset = 8;
        });
        assert_eq!((offset.as_ref().unwrap().rows, offset.unwrap().columns), (1, 2));
    }

    #[test]
    fn tensors_that_cannot_be_read_are_refused() {
        type Change = fn(&mut DLManagedTensorVersioned, &mut [i64; 2], &mut [i64; 2]);
        let cases: [(&str, Change); 18] = [
            ("of type 10", |tensor, _, _| tensor.tensor.device_type = 10),
            ("the GPU -1", |tensor, _, _| (tensor.tensor.device_type, tensor.tensor.device_id) = (CUDA, -1)),
            ("NULL", |tensor, _, _| tensor.tensor.data = ptr::null_mut()),
            ("NULL", |tensor, _, _| {
                tensor.tensor.data = ptr::null_mut();
                tensor.tensor.byte_offset = 4;
            }),
            ("NULL", |tensor, shape, _| {
                tensor.tensor.data = ptr::null_mut();
                tensor.tensor.byte_offset = 1 << 40;
                *shape = [1, 1];
            }),
            ("shape", |tensor, shape, _| {
                tensor.tensor.data = ptr::null_mut();
                *shape = [0, 2];
            }),
            ("aligned", |tensor, _, _| tensor.tensor.byte_offset = 1),
            ("byte 18446744073709551612", |tensor, _, _| tensor.tensor.byte_offset = u64::MAX - 3),
            ("byte 9223372036854775808", |tensor, shape, strides| {
                tensor.tensor.byte_offset = 1 << 63;
                (*shape, *strides) = ([1 << 31, 1 << 31], [1 << 31, 1]);
            }),
            ("shape", |_, shape, _| *shape = [-1, 2]),
            ("shape", |_, shape, _| *shape = [2, i64::MIN]),
            ("more than memory", |_, shape, strides| (*shape, *strides) = ([1 << 40, 1 << 40], [1 << 40, 1])),
            ("does not fit memory", |_, shape, strides| (*shape, *strides) = ([1 << 31, 1 << 31], [1 << 31, 1])),
            ("cannot have", |_, shape, strides| (*shape, *strides) = ([1 << 30, 1 << 31], [1 << 31, 1])),
            ("strides", |_, _, strides| *strides = [-2, 1]),
            ("strides", |_, _, strides| *strides = [2, -1]),
            ("strides", |_, _, strides| *strides = [1, 2]),
            ("0 dimensions", |tensor, _, _| tensor.tensor.dimensions = 0),
        ];
        for (says, change) in cases {
            let error = checked(change).err().unwrap();
            assert_eq!(error.code(), crate::ErrorCode::InvalidArgument);
            assert!(error.message().contains(says), "no `{says}` in: {error}");
        }
        // A GPU that is not there.
        let far = checked(|tensor, _, _| (tensor.tensor.device_type, tensor.tensor.device_id) = (CUDA, 1000));
        let error = far.unwrap().take(None).unwrap_err();
        assert_eq!(error.code(), crate::ErrorCode::Device);
        assert!(error.message().starts_with("the DLPack tensor: "), "{error}");
        let misaligned = ptr::without_provenance_mut(3);
        // SAFETY: an address that is not aligned is not read.
        assert!(unsafe { check(misaligned) }.is_err());
    }
}
