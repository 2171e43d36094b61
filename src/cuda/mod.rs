//! What runs on NVIDIA GPUs.

mod pool;

pub(crate) use pool::{KeptRows, Pool, PooledUnits, Transfer};
