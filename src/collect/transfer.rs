//! Pooling where the rows of a batch were computed, and the way of what is pooled to the host: on a GPU by kernels and
//! page-locked memory, on any other of candle's devices by way of the host.

use candle_core::{Device, Tensor};

#[cfg(feature = "cuda")]
use crate::cuda;
use crate::error::{Error, ErrorCode, Result};
use crate::memory::zeroed;
use crate::model::SplitModel;
use crate::text::{Aggregation, Pooling};

/// Pools the rows of batches for one call.
pub(super) enum Pool {
    Host,
    #[cfg(feature = "cuda")]
    Cuda(cuda::Pool),
}

impl Pool {
    /// A pool for a model.
    #[cfg_attr(not(feature = "cuda"), allow(clippy::unnecessary_wraps))]
    pub fn new(model: &SplitModel) -> Result<Self> {
        match model.device() {
            #[cfg(feature = "cuda")]
            Device::Cuda(device) => Ok(Self::Cuda(cuda::Pool::new(device, model.shelf())?)),
            _ => Ok(Self::Host),
        }
    }

    /// Pools what a model gave for a batch, a tensor `(rows, width)` for each matrix: into `kept`, or into rows that
    /// [`Transfer::wait`] gives. On a GPU the work is only started, and waits for a batch to arrive where too many are on
    /// their way.
    ///
    /// # Errors
    /// [`ErrorCode::OutOfMemory`] of the device or the host.
    pub fn start(
        &self,
        given: &[Tensor],
        pooling: &Pooling,
        aggregation: Aggregation,
        kept: Option<&mut KeptRows>,
    ) -> Result<Transfer> {
        match (self, kept) {
            (Self::Host, kept) => {
                let mut kept = match kept {
                    Some(KeptRows::Host(kept)) => Some(kept.iter_mut()),
                    _ => None,
                };
                let mut arrived = Arrived::default();
                for given in given {
                    let width = given.dim(1)?;
                    let values = given.flatten_all()?.to_dtype(candle_core::DType::F32)?.to_vec1::<f32>()?;
                    let bad = if let Some(out) = kept.as_mut().and_then(Iterator::next) {
                        pooling.reduce(aggregation, &values, width, out)
                    } else {
                        let mut out = zeros(pooling.unit_count(), width)?;
                        let bad = pooling.reduce(aggregation, &values, width, &mut out);
                        arrived.rows.push(out);
                        bad
                    };
                    arrived.not_finite.extend(bad);
                }
                Ok(Transfer::Host(arrived))
            }
            #[cfg(feature = "cuda")]
            (Self::Cuda(pool), kept) => {
                let units = cuda::PooledUnits {
                    members: &pooling.members,
                    starts: &pooling.starts,
                    targets: &pooling.targets,
                    aggregation: aggregation as u32,
                };
                let kept = match kept {
                    Some(KeptRows::Cuda(kept)) => Some(kept),
                    _ => None,
                };
                Ok(Transfer::Cuda(pool.start(given, units, kept)?))
            }
        }
    }

    /// Waits until nothing is on its way any more and all memory that was freed is free.
    #[cfg_attr(not(feature = "cuda"), allow(clippy::unnecessary_wraps))]
    pub fn wait_until_idle(&self) -> Result<()> {
        match self {
            Self::Host => Ok(()),
            #[cfg(feature = "cuda")]
            Self::Cuda(pool) => pool.wait_until_idle(),
        }
    }
}

/// Matrices whose rows stay where they are computed.
pub(super) enum KeptRows {
    Host(Vec<Vec<f32>>),
    #[cfg(feature = "cuda")]
    Cuda(cuda::KeptRows),
}

impl KeptRows {
    /// A matrix of `rows` rows for each width on `device`.
    ///
    /// # Errors
    /// [`ErrorCode::OutOfMemory`].
    pub fn new(device: &Device, rows: usize, widths: impl Iterator<Item = usize>) -> Result<Self> {
        match device {
            #[cfg(feature = "cuda")]
            Device::Cuda(device) => Ok(Self::Cuda(cuda::KeptRows::new(device, rows, widths)?)),
            _ => Ok(Self::Host(widths.map(|width| zeros(rows, width)).collect::<Result<_>>()?)),
        }
    }

    /// One value of a matrix.
    pub fn value(&self, matrix: usize, index: usize) -> Option<f32> {
        match self {
            Self::Host(kept) => kept.get(matrix)?.get(index).copied(),
            #[cfg(feature = "cuda")]
            Self::Cuda(kept) => kept.value(matrix, index),
        }
    }

    /// The matrices as tensors `(rows, width)` of f32.
    pub fn into_tensors(self, rows: usize, widths: impl Iterator<Item = usize>) -> Result<Vec<Tensor>> {
        match self {
            Self::Host(kept) => {
                let tensor = |(values, width)| Ok(Tensor::from_vec(values, (rows, width), &Device::Cpu)?);
                kept.into_iter().zip(widths).map(tensor).collect()
            }
            #[cfg(feature = "cuda")]
            Self::Cuda(kept) => Ok(kept.into_tensors(rows, widths)),
        }
    }
}

/// The rows of a batch on their way to the host.
pub(super) enum Transfer {
    Host(Arrived),
    #[cfg(feature = "cuda")]
    Cuda(cuda::Transfer),
}

/// The rows of a batch on the host.
#[derive(Default)]
pub(super) struct Arrived {
    rows: Vec<Vec<f32>>,
    not_finite: Vec<u32>,
}

impl Transfer {
    /// Waits for the rows of each matrix (none where they are kept), and for the first column of each unit whose value is not
    /// finite (the width where all are), matrix after matrix.
    ///
    /// # Errors
    /// Those of the device.
    #[cfg_attr(not(feature = "cuda"), allow(clippy::unnecessary_wraps))]
    pub fn wait(&self) -> Result<(Vec<&[f32]>, &[u32])> {
        match self {
            Self::Host(arrived) => Ok((arrived.rows.iter().map(Vec::as_slice).collect(), &arrived.not_finite)),
            #[cfg(feature = "cuda")]
            Self::Cuda(transfer) => transfer.wait(),
        }
    }
}

/// A matrix of zeros.
pub(super) fn zeros(rows: usize, columns: usize) -> Result<Vec<f32>> {
    let too_large = || {
        Error::new(ErrorCode::OutOfMemory, format!("there is no memory for {rows} rows of {columns} columns"))
            .hint("lower the memory limit so that rows go to disk, or give fewer texts at a time")
    };
    rows.checked_mul(columns).and_then(zeroed).ok_or_else(too_large)
}
