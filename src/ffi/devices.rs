//! What this build can do, and the GPUs that it could use.

use std::ffi::c_char;

use super::arguments::{Out, Owned, Ref, call};
use super::error::eidos_error;
use super::handle::handle;
use super::status::eidos_status;
use crate::device::{DeviceInfo, DeviceStatus, device_status};
use crate::features::WITH_NUL;

/// Devices say which GPUs this machine has, and what is there and what is missing to use one. They are as they were when
/// they were listed, and never change: any number of threads may read them at the same time. Made by
/// `eidos_devices_list`, freed with `eidos_devices_free`.
#[allow(non_camel_case_types)]
pub struct eidos_devices {
    _opaque: [u8; 0],
}

/// The devices, with their strings as C borrows them.
pub struct DevicesValue {
    status: DeviceStatus,
    reason: Option<String>,
    names: Vec<String>,
    problems: Vec<Option<String>>,
    library_names: Vec<String>,
    library_versions: Vec<Option<String>>,
}

handle!(eidos_devices, DevicesValue, 13);

impl From<DeviceStatus> for DevicesValue {
    fn from(status: DeviceStatus) -> Self {
        let ended = |text: &str| format!("{}\0", text.replace('\0', "\u{fffd}"));
        Self {
            reason: status.reason.as_deref().map(ended),
            names: status.devices.iter().map(|device| ended(&device.name)).collect(),
            problems: status.devices.iter().map(|device| device.problem.as_deref().map(ended)).collect(),
            library_names: status.libraries.iter().map(|library| ended(library.name)).collect(),
            library_versions: status.libraries.iter().map(|library| library.version.as_deref().map(ended)).collect(),
            status,
        }
    }
}

impl DevicesValue {
    fn number(devices: &Ref<eidos_devices>, index: usize, read: impl FnOnce(&DeviceInfo) -> u64) -> u64 {
        devices.read(0, |value| value.status.devices.get(index).map_or(0, read))
    }
}

/// Names the features of the library that was loaded, with a space between them: `hub` (models by id), `chat` (language
/// models over HTTP), `demo-model` (`eidos:demo`), `parquet` (tables in Parquet) and `cuda` (NVIDIA GPUs), as far as it was built with
/// them. The string is static.
#[unsafe(no_mangle)]
pub extern "C" fn eidos_features() -> *const c_char {
    WITH_NUL.as_ptr().cast()
}

/// Lists the GPUs of this machine. Where there is none, or the library was built without CUDA, the list is empty, and
/// `eidos_devices_reason` says why: that is no error. The libraries of CUDA are opened for it. To say how much memory is
/// free, the driver starts its context on each device, where none has been started yet, and ends it again, which takes
/// some tenths of a second each. `err` may be NULL.
///
/// # Safety
/// `out` can be written; `err` is NULL or can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_devices_list(out: Out<*mut eidos_devices>, err: Out<*mut eidos_error>) -> eidos_status {
    call(err, || {
        out.place("out")?.handle(device_status());
        Ok(())
    })
}

/// Counts the GPUs. `eidos_load_options.device_index` is one of 0 to the count less one.
///
/// # Safety
/// `devices` is NULL or a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_devices_count(devices: Ref<eidos_devices>) -> usize {
    devices.read(0, |value| value.status.devices.len())
}

/// Says why Eidos can use no GPU, and what to do: which library or driver is missing, or that the build has no CUDA.
/// NULL where Eidos can use one. The string is borrowed from the devices. `len` may be NULL.
///
/// # Safety
/// `devices` is NULL or a live handle; `len` is NULL or can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_devices_reason(devices: Ref<eidos_devices>, len: Out<usize>) -> *const c_char {
    devices.string(len, |value| value.reason.as_deref())
}

/// Gives the name of a GPU (`NVIDIA H100 80GB HBM3`); NULL beyond the last. The string is borrowed from the devices.
/// `len` may be NULL.
///
/// # Safety
/// `devices` is NULL or a live handle; `len` is NULL or can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_devices_name(
    devices: Ref<eidos_devices>,
    index: usize,
    len: Out<usize>,
) -> *const c_char {
    devices.string(len, |value| value.names.get(index).map(String::as_str))
}

/// Says why Eidos cannot use this GPU, such as its age; NULL where it can. The string is borrowed from the devices. `len`
/// may be NULL.
///
/// # Safety
/// `devices` is NULL or a live handle; `len` is NULL or can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_devices_problem(
    devices: Ref<eidos_devices>,
    index: usize,
    len: Out<usize>,
) -> *const c_char {
    devices.string(len, |value| value.problems.get(index)?.as_deref())
}

/// Gives the memory of a GPU in bytes; 0 beyond the last.
///
/// # Safety
/// `devices` is NULL or a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_devices_total_memory(devices: Ref<eidos_devices>, index: usize) -> u64 {
    DevicesValue::number(&devices, index, |device| device.total_memory)
}

/// Gives the memory of a GPU that nobody used when the devices were listed, in bytes; 0 where the driver does not say,
/// and beyond the last.
///
/// # Safety
/// `devices` is NULL or a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_devices_free_memory(devices: Ref<eidos_devices>, index: usize) -> u64 {
    DevicesValue::number(&devices, index, |device| device.free_memory.unwrap_or(0))
}

/// Gives the compute capability of a GPU, times ten (90 for 9.0); 0 beyond the last. Eidos needs 80.
///
/// # Safety
/// `devices` is NULL or a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_devices_compute_capability(devices: Ref<eidos_devices>, index: usize) -> u32 {
    let (major, minor) = devices
        .read((0, 0), |value| value.status.devices.get(index).map_or((0, 0), |device| device.compute_capability));
    major.saturating_mul(10).saturating_add(minor)
}

/// Counts the libraries that a GPU needs: the driver, cuBLAS, cuBLASLt and cuRAND, or none where the build has no CUDA.
///
/// # Safety
/// `devices` is NULL or a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_devices_library_count(devices: Ref<eidos_devices>) -> usize {
    devices.read(0, |value| value.status.libraries.len())
}

/// Gives the name of a library that a GPU needs (`cuBLAS`); NULL beyond the last. The string is borrowed from the
/// devices. `len` may be NULL.
///
/// # Safety
/// `devices` is NULL or a live handle; `len` is NULL or can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_devices_library_name(
    devices: Ref<eidos_devices>,
    index: usize,
    len: Out<usize>,
) -> *const c_char {
    devices.string(len, |value| value.library_names.get(index).map(String::as_str))
}

/// Gives the version of a library that a GPU needs (`13.0`; of the driver, the newest CUDA that it serves); NULL where
/// the library is missing, and beyond the last. The string is borrowed from the devices. `len` may be NULL.
///
/// # Safety
/// `devices` is NULL or a live handle; `len` is NULL or can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_devices_library_version(
    devices: Ref<eidos_devices>,
    index: usize,
    len: Out<usize>,
) -> *const c_char {
    devices.string(len, |value| value.library_versions.get(index)?.as_deref())
}

/// Frees devices; NULL is fine.
///
/// # Safety
/// `devices` is NULL or a live handle that nobody uses any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_devices_free(devices: Owned<eidos_devices>) {
    devices.free();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_features_are_those_of_cargo() {
        // SAFETY: the string is static, and ends in a NUL.
        let features = unsafe { std::ffi::CStr::from_ptr(eidos_features()) }.to_str().unwrap();
        let expected = [
            ("hub", cfg!(feature = "hub")),
            ("chat", cfg!(feature = "chat")),
            ("demo-model", cfg!(feature = "demo-model")),
            ("parquet", cfg!(feature = "parquet")),
            ("cuda", cfg!(feature = "cuda")),
        ];
        let expected: Vec<_> = expected.iter().filter(|(_, there)| *there).map(|(name, _)| *name).collect();
        assert_eq!(features, expected.join(" "));
    }
}
