//! What is there, and what is missing, to use a GPU.

/// A GPU, as the driver describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeviceInfo {
    /// The number of [`crate::DeviceChoice::Cuda`].
    pub index: usize,
    /// The name that its makers gave it: `NVIDIA H100 80GB HBM3`.
    pub name: String,
    /// Its memory in bytes.
    pub total_memory: u64,
    /// What nobody uses of it at the moment, in bytes; `None` where the driver does not say, because the device takes
    /// no more users.
    pub free_memory: Option<u64>,
    /// Major and minor number of its compute capability: (9, 0) for an H100.
    pub compute_capability: (u32, u32),
    /// Why Eidos cannot use it; `None` where it can.
    pub problem: Option<String>,
}

/// A library of CUDA.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct LibraryInfo {
    /// What its makers call it: `cuBLAS`.
    pub name: &'static str,
    /// Its version, or the newest CUDA that the driver serves (`13.0`); `None` where it is missing.
    pub version: Option<String>,
}

/// What is there, and what is missing, to use a GPU.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeviceStatus {
    /// Whether this build can use GPUs: it has the feature `cuda`.
    pub cuda_build: bool,
    /// The GPUs, in the order of their indices.
    pub devices: Vec<DeviceInfo>,
    /// The driver and the libraries that a GPU needs. Empty in a build without the feature.
    pub libraries: Vec<LibraryInfo>,
    /// Why no GPU can be used, and what to do; `None` where one can.
    pub reason: Option<String>,
}
