//! Codes of linear encoders, computed on a device.

use std::ops::Range;

use candle_core::{DType, Tensor};

use super::{DenseCodes, LinearEncoder};
use crate::control::Control;
use crate::error::Result;
use crate::memory::Claim;
use crate::rows::{DeviceTiles, no_room};

/// How many codes a tile has at most, 32 MiB, unless a row has more.
const TILE_CODES: usize = 8 << 20;

impl LinearEncoder<'_> {
    /// Encodes rows on their device, and passes the codes to `each` in tiles, in order. The device works on a tile while
    /// `each` takes the one before it. Only codes come to the host. They are not checked; NaN stays NaN.
    ///
    /// Memory on the device: the weights, two tiles of codes, and a tile of rows with its centred copies (24 bytes a
    /// value, see [`DeviceTiles`]). On the host: a tile of codes, 32 MiB, or one row of them where that is more.
    ///
    /// # Errors
    /// Those of the device and of `each`; [`crate::ErrorCode::Cancelled`].
    pub(super) fn for_each_code(
        &self,
        rows: &DeviceTiles<'_>,
        control: &Control,
        mut each: impl FnMut(Range<usize>, DenseCodes) -> Result<()>,
    ) -> Result<()> {
        let (columns, device) = (self.offset.len(), rows.device());
        let concepts = self.weights.len() / columns;
        let what = format!("the codes of {concepts} concepts");
        let room = no_room(&what);
        let offset = Tensor::from_slice(self.offset, (1, columns), device).map_err(room)?;
        let weights =
            Tensor::from_slice(self.weights, (concepts, columns), device).and_then(|w| w.t()).map_err(room)?;
        let bias = match self.bias {
            [] => None,
            bias => Some(Tensor::from_slice(bias, (1, concepts), device).map_err(room)?),
        };
        let encode = |tile: &Tensor| {
            let centred = tile.to_dtype(DType::F64)?.broadcast_sub(&offset)?.to_dtype(DType::F32)?;
            let codes = centred.matmul(&weights)?;
            bias.as_ref().map_or(Ok(codes.clone()), |bias| codes.broadcast_add(bias))
        };
        let mut pass_on = |(range, codes): (Range<usize>, Tensor)| {
            let mut codes = codes.flatten_all().and_then(|codes| codes.to_vec1::<f32>()).map_err(room)?;
            if self.rectified {
                codes.iter_mut().filter(|code| **code < 0.0).for_each(|code| *code = 0.0);
            }
            each(range, DenseCodes::new(codes, concepts)?)
        };
        let height = (TILE_CODES / concepts).clamp(1, rows.tile_height());
        let _claim = Claim::of(height.saturating_mul(concepts).saturating_mul(size_of::<f32>()), &what)?;
        let mut before: Option<(Range<usize>, Tensor)> = None;
        rows.for_each_tile(height, control, |range, tile| {
            let codes = encode(&tile).map_err(room)?;
            before.replace((range, codes)).map_or(Ok(()), &mut pass_on)
        })?;
        before.map_or(Ok(()), pass_on)
    }
}
