//! GPUs in a build with the feature `cuda`.

use candle_core::Device;

use super::status::{DeviceInfo, DeviceStatus, LibraryInfo};
use crate::cuda::{self, DeviceFacts, Library};
use crate::error::{Error, ErrorCode, Result};

/// What bf16 products and asynchronous copies to shared memory need, and what kernels are compiled for: Ampere.
const OLDEST: (u32, u32) = (8, 0);

pub(super) fn open(index: usize) -> Result<Device> {
    let named = |error: Error| error.within(format!("no CUDA device {index}")).detail("device", index);
    let count = ready().map_err(named)?;
    if index >= count {
        let (there, remedy) = match count {
            1 => ("is one GPU".to_owned(), "ask for device 0".to_owned()),
            _ => (format!("are {count} GPUs"), format!("ask for a device from 0 to {}", count - 1)),
        };
        return Err(named(Error::new(ErrorCode::Device, format!("there {there}")).hint(remedy)));
    }
    usable(index).map_err(named)?;
    libraries().map_err(named)?;
    Device::new_cuda_with_stream(index).map_err(|error| {
        let error = Error::from(error);
        // What goes wrong when a device is opened is no defect of Eidos, whatever it is.
        let code = if error.code() == ErrorCode::Internal { ErrorCode::Device } else { error.code() };
        let hint =
            if code == error.code() { error.hint_text() } else { "look at what `nvidia-smi` says, or use the CPU" };
        named(Error::new(code, error.message()).hint(hint))
    })
}

/// Starts the driver, and counts its GPUs; an error where there is none.
fn ready() -> Result<usize> {
    Library::Driver.open().map_err(|missing| {
        Error::new(ErrorCode::Device, missing.to_string()).hint("install the NVIDIA driver, or use the CPU")
    })?;
    let count = cuda::count()?;
    if let Some(version) = cuda::driver_version()
        && version < release()
    {
        let ((major, minor), (needed, patch)) = (version, release());
        let message = format!(
            "the NVIDIA driver is too old: it serves CUDA {major}.{minor}, and this build of Eidos needs {needed}.{patch}"
        );
        return Err(Error::new(ErrorCode::Device, message)
            .hint("install a newer driver, or build Eidos with the CUDA that the driver serves")
            .detail("driver", format!("{major}.{minor}")));
    }
    if count == 0 {
        return Err(Error::new(ErrorCode::Device, "the NVIDIA driver finds no GPU")
            .hint("look whether CUDA_VISIBLE_DEVICES hides it, or use the CPU"));
    }
    Ok(count)
}

/// The CUDA that the kernels were compiled with: older drivers cannot read them.
fn release() -> (u32, u32) {
    let mut numbers = env!("EIDOS_CUDA_RELEASE").split('.').map(|number| number.parse().unwrap_or(0));
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0))
}

/// Opens what a device needs beside the driver.
fn libraries() -> Result<()> {
    for library in Library::NEEDED {
        library.open().map_err(|missing| {
            let remedy = format!(
                "install it (CUDA's runtime, or the packages nvidia-cublas and nvidia-curand of Python), and name its \
                 folder in LD_LIBRARY_PATH or {}",
                cuda::FOLDERS
            );
            Error::new(ErrorCode::Device, missing.to_string()).hint(remedy).detail("library", library.title())
        })?;
    }
    Ok(())
}

fn too_old(capability: (u32, u32)) -> Option<String> {
    (capability < OLDEST).then(|| {
        let ((major, minor), (needed, least)) = (capability, OLDEST);
        format!("its compute capability is {major}.{minor}, and Eidos needs {needed}.{least}")
    })
}

/// The first GPU that works, with its name; an error where none does.
pub(super) fn first() -> Result<(usize, String)> {
    let count = ready()?;
    libraries()?;
    let mut refused = None;
    for index in 0..count {
        match usable(index) {
            Ok(facts) => return Ok((index, facts.name)),
            Err(error) => refused = refused.or(Some(error.within(format!("GPU {index}")))),
        }
    }
    Err(refused.unwrap_or_else(|| Error::new(ErrorCode::Device, "there is no GPU")))
}

/// Describes a GPU of a driver that was started; an error where Eidos cannot use it.
fn usable(index: usize) -> Result<DeviceFacts> {
    let facts = cuda::describe(index)?;
    match too_old(facts.compute_capability) {
        Some(reason) => Err(Error::new(ErrorCode::Device, reason).hint("use another GPU, or the CPU")),
        None => Ok(facts),
    }
}

pub(super) fn status() -> DeviceStatus {
    let count = ready();
    let mut devices: Vec<_> = (0..*count.as_ref().unwrap_or(&0)).map(info).collect();
    let missing = count.err().or_else(|| libraries().err());
    let reason = match &missing {
        Some(error) => Some(error.to_string()),
        None if devices.iter().any(|device| device.problem.is_none()) => None,
        None => devices.first().and_then(|device| device.problem.clone()),
    };
    // What all devices need is missing for each.
    for device in &mut devices {
        if let Some(error) = &missing {
            device.problem.get_or_insert(error.to_string());
        }
    }
    let libraries = [Library::Driver].into_iter().chain(Library::NEEDED);
    let libraries = libraries.map(|library| LibraryInfo { name: library.title(), version: library.version() });
    DeviceStatus { cuda_build: true, devices, libraries: libraries.collect(), reason }
}

/// Describes a device; one that the driver does not describe is there and cannot be used.
fn info(index: usize) -> DeviceInfo {
    match cuda::describe(index) {
        Ok(facts) => DeviceInfo {
            index,
            name: facts.name,
            total_memory: facts.total_memory,
            free_memory: cuda::free_memory(index).ok(),
            compute_capability: facts.compute_capability,
            problem: too_old(facts.compute_capability),
        },
        Err(error) => DeviceInfo {
            index,
            name: format!("GPU {index}"),
            total_memory: 0,
            free_memory: None,
            compute_capability: (0, 0),
            problem: Some(Error::from(error).to_string()),
        },
    }
}
