//! Whether a device has room for weights, before they are read.

use candle_core::Device;

use crate::error::{Error, ErrorCode, Result};

/// Refuses weights of so many bytes on a device that has less memory free. What the driver does not say is no reason.
///
/// # Errors
/// [`ErrorCode::OutOfMemory`] with both numbers.
pub(crate) fn check_room(device: &Device, bytes: usize) -> Result<()> {
    match free_memory(device) {
        Some(free) if bytes > free => Err(no_room(bytes, free)),
        _ => Ok(()),
    }
}

#[cfg(feature = "cuda")]
fn free_memory(device: &Device) -> Option<usize> {
    let Device::Cuda(device) = device else { return None };
    device.cuda_stream().context().mem_get_info().ok().map(|(free, _)| free)
}

#[cfg(not(feature = "cuda"))]
fn free_memory(_: &Device) -> Option<usize> {
    None
}

fn no_room(bytes: usize, free: usize) -> Error {
    let message = format!("the weights take {bytes} bytes, and the GPU has {free} bytes of memory that nobody uses");
    Error::new(ErrorCode::OutOfMemory, message)
        .hint(
            "free what is on the GPU, split the model earlier, take a file of a smaller type of number, or use the CPU",
        )
        .detail("bytes", bytes)
        .detail("free", free)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_that_cannot_fit_are_refused_with_both_numbers() {
        assert!(check_room(&Device::Cpu, usize::MAX).is_ok());
        let error = no_room(9, 5);
        assert_eq!(error.code(), ErrorCode::OutOfMemory);
        assert!(error.message().contains("9 bytes") && error.message().contains("5 bytes"), "{error}");
    }
}
