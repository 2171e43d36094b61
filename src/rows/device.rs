//! Rows in the memory of a device, where a model left them or another library lent them.

use std::fmt;
use std::sync::OnceLock;

use candle_core::Tensor;

use crate::error::{Error, Result};
use crate::memory::Claim;

/// Rows in the memory of a device. Whoever computes there reads the tensor. Whoever reads them on the host gets a copy: of
/// some rows for as long as they are looked at, or of all of them, which is made once and kept.
pub(crate) struct DeviceRows {
    /// `(rows, columns)`, f32, contiguous.
    tensor: Tensor,
    /// All values, once they were asked for.
    host: OnceLock<Vec<f32>>,
}

impl fmt::Debug for DeviceRows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DeviceRows({:?})", self.tensor.device().location())
    }
}

impl DeviceRows {
    /// Takes a tensor `(rows, columns)` of f32, contiguous.
    pub(crate) fn new(tensor: Tensor) -> Self {
        Self { tensor, host: OnceLock::new() }
    }

    /// The rows where they are.
    pub(crate) fn tensor(&self) -> &Tensor {
        &self.tensor
    }

    /// The copy on the host, if it was made.
    pub(crate) fn copied(&self) -> Option<&[f32]> {
        self.host.get().map(Vec::as_slice)
    }

    /// All values on the host.
    ///
    /// # Errors
    /// [`crate::ErrorCode::OutOfMemory`] where the host has no memory for them.
    pub(crate) fn on_host(&self) -> Result<&[f32]> {
        if let Some(values) = self.copied() {
            return Ok(values);
        }
        let values = self.read(0, self.tensor.dim(0)?)?;
        // Another thread may have been quicker: its copy holds the same values.
        Ok(self.host.get_or_init(|| values))
    }

    /// The values of `count` rows from row `first` on, copied to the host.
    ///
    /// # Errors
    /// [`crate::ErrorCode::OutOfMemory`] where the host or the device has no memory for them.
    pub(crate) fn read(&self, first: usize, count: usize) -> Result<Vec<f32>> {
        let columns = self.tensor.dim(1)?;
        let bytes = count.saturating_mul(columns).saturating_mul(size_of::<f32>());
        // candle copies what it brings to the host once more.
        let _claim = Claim::of(bytes.saturating_mul(2), "a copy of rows of a device")
            .map_err(|error| error.hint("read fewer rows at a time, or fit and encode where the rows are"))?;
        let part = self.tensor.narrow(0, first, count)?;
        // It also brings a tensor to the host with all of the storage that it is a part of.
        let part = if count == self.tensor.dim(0)? { part } else { part.force_contiguous()? };
        part.flatten_all()?.to_vec1::<f32>().map_err(Error::from)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::float_cmp)]
mod tests {
    use candle_core::Device;

    use super::*;
    use crate::rows::matrix::About;
    use crate::rows::storage::Storage;
    use crate::rows::{Activations, Rows};

    fn rows() -> Activations {
        let values: Vec<f32> = (0..12_u8).map(f32::from).collect();
        let tensor = Tensor::from_vec(values, (4, 3), &Device::Cpu).unwrap();
        Activations::from_storage(Storage::Device(DeviceRows::new(tensor)), 4, 3, About::default())
    }

    #[test]
    fn a_tile_is_copied_alone_and_all_rows_once() {
        let rows = rows();
        let (mut scratch, Storage::Device(device)) = (Vec::new(), &**rows.storage()) else { panic!("not on a device") };
        assert_eq!(rows.tile(1, 2, &mut scratch).unwrap(), [3.0, 4.0, 5.0, 6.0, 7.0, 8.0]);
        assert!(device.copied().is_none());
        assert!(rows.run(0).is_empty(), "nothing is copied by a call that cannot fail");
        let all = rows.rows(0, 4).unwrap();
        assert_eq!((all.len(), all[11]), (12, 11.0));
        assert!(std::ptr::eq(all, rows.rows(0, 4).unwrap()));
        assert!(std::ptr::eq(&raw const all[3], rows.tile(1, 2, &mut scratch).unwrap().as_ptr()));
        assert_eq!(rows.on_device().unwrap().dims(), [4, 3]);
    }

    #[test]
    fn rows_that_are_not_there_are_refused() {
        let rows = rows();
        assert!(rows.tile(3, 2, &mut Vec::new()).is_err());
        assert!(rows.rows(usize::MAX, 2).is_err());
        let mut out = [0.0; 6];
        assert!(rows.copy_rows(3, &mut out).is_err());
        rows.copy_rows(2, &mut out).unwrap();
        assert_eq!(out, [6.0, 7.0, 8.0, 9.0, 10.0, 11.0]);
    }
}
