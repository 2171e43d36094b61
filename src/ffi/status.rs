//! Status codes.

use crate::error::ErrorCode;

/// A call that can fail returns this status: `EIDOS_OK`, or one of the other `EIDOS_*` codes, which says whose fault it
/// is.
#[allow(non_camel_case_types)]
pub type eidos_status = i32;

/// The call succeeded and its outputs are written.
///
/// # ABI
/// enumeration Status = EIDOS_*: The status says whose fault a failure is, and what to do.
pub const EIDOS_OK: eidos_status = 0;
/// The caller passed a value that cannot be right (NULL, k = 0, a wrong length, text that is not UTF-8). Fix the call.
pub const EIDOS_INVALID_ARGUMENT: eidos_status = 1;
/// A handle was freed before (in other languages: its object was closed or moved from), or is of another type. Fix the
/// call.
pub const EIDOS_INVALID_HANDLE: eidos_status = 2;
/// A file, folder, repository or revision does not exist. Fix the name or create it.
pub const EIDOS_NOT_FOUND: eidos_status = 3;
/// The model has no module of that path, or that module cannot be a split point. Choose another path.
pub const EIDOS_UNKNOWN_MODULE: eidos_status = 4;
/// A file is truncated, damaged or hostile. Get the file again.
pub const EIDOS_INVALID_FILE: eidos_status = 5;
/// The file is fine but asks for something that this version does not build. Use another model or version.
pub const EIDOS_UNSUPPORTED: eidos_status = 6;
/// The numbers are unusable (NaN, infinite, constant). The message names the row. Look at the data.
pub const EIDOS_INVALID_DATA: eidos_status = 7;
/// Two things do not belong together, such as an explainer of another width. Use the matching one.
pub const EIDOS_MISMATCH: eidos_status = 8;
/// The operating system refused: the disk is full, or there is no permission. Fix the machine and call again; what was
/// complete is kept.
pub const EIDOS_IO: eidos_status = 9;
/// The network or the server failed. Call again; what was downloaded is kept.
pub const EIDOS_NETWORK: eidos_status = 10;
/// The server refused the credentials. Set a token that has access.
pub const EIDOS_ACCESS_DENIED: eidos_status = 11;
/// The caller cancelled. What was complete is kept.
pub const EIDOS_CANCELLED: eidos_status = 12;
/// A memory limit would be exceeded. Raise the limit, or let rows go to disk.
pub const EIDOS_OUT_OF_MEMORY: eidos_status = 13;
/// The device that was asked for is missing or failed. Use another device.
pub const EIDOS_DEVICE: eidos_status = 14;
/// Eidos has a defect. Please report it with the message of the error.
pub const EIDOS_INTERNAL: eidos_status = 15;
/// A language model gave no answer that can be used (empty, refused, cut). Try again, or use another model.
pub const EIDOS_UNUSABLE_ANSWER: eidos_status = 16;
/// The next request to a language model could exceed the budget, or the account is empty. Raise the budget and call
/// again.
pub const EIDOS_BUDGET_EXHAUSTED: eidos_status = 17;
/// Another call, of this process or of another one, is writing to the same place. Wait for it, or choose another place.
pub const EIDOS_BUSY: eidos_status = 18;

const ALL: [(eidos_status, ErrorCode, &str); 18] = [
    (EIDOS_INVALID_ARGUMENT, ErrorCode::InvalidArgument, "invalid_argument\0"),
    (EIDOS_INVALID_HANDLE, ErrorCode::InvalidHandle, "invalid_handle\0"),
    (EIDOS_NOT_FOUND, ErrorCode::NotFound, "not_found\0"),
    (EIDOS_UNKNOWN_MODULE, ErrorCode::UnknownModule, "unknown_module\0"),
    (EIDOS_INVALID_FILE, ErrorCode::InvalidFile, "invalid_file\0"),
    (EIDOS_UNSUPPORTED, ErrorCode::Unsupported, "unsupported\0"),
    (EIDOS_INVALID_DATA, ErrorCode::InvalidData, "invalid_data\0"),
    (EIDOS_MISMATCH, ErrorCode::Mismatch, "mismatch\0"),
    (EIDOS_IO, ErrorCode::Io, "io\0"),
    (EIDOS_NETWORK, ErrorCode::Network, "network\0"),
    (EIDOS_ACCESS_DENIED, ErrorCode::AccessDenied, "access_denied\0"),
    (EIDOS_CANCELLED, ErrorCode::Cancelled, "cancelled\0"),
    (EIDOS_OUT_OF_MEMORY, ErrorCode::OutOfMemory, "out_of_memory\0"),
    (EIDOS_DEVICE, ErrorCode::Device, "device\0"),
    (EIDOS_INTERNAL, ErrorCode::Internal, "internal\0"),
    (EIDOS_UNUSABLE_ANSWER, ErrorCode::UnusableAnswer, "unusable_answer\0"),
    (EIDOS_BUDGET_EXHAUSTED, ErrorCode::BudgetExhausted, "budget_exhausted\0"),
    (EIDOS_BUSY, ErrorCode::Busy, "busy\0"),
];

/// The code that a status stands for; `None` for `EIDOS_OK` and for a number that is no status.
pub(super) fn error_code(status: eidos_status) -> Option<ErrorCode> {
    ALL.iter().find(|(found, _, _)| *found == status).map(|(_, code, _)| *code)
}

/// The status of a code's name; `EIDOS_INTERNAL` for one that a newer version wrote.
pub(super) fn status_of(name: &str) -> eidos_status {
    ALL.iter().find(|(_, code, _)| code.name() == name).map_or(EIDOS_INTERNAL, |(status, _, _)| *status)
}

/// Gives a status as a word (`invalid_argument`); `ok` for `EIDOS_OK` and `unknown` for a number that is no status. The
/// string is static.
#[unsafe(no_mangle)]
pub extern "C" fn eidos_status_name(status: eidos_status) -> *const std::ffi::c_char {
    let found = ALL.iter().find(|(code, _, _)| *code == status).map(|(_, _, name)| *name);
    let name = found.unwrap_or(if status == EIDOS_OK { "ok\0" } else { "unknown\0" });
    name.as_ptr().cast()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_has_the_number_and_the_name_of_its_error_code() {
        for (status, code, name) in ALL {
            assert_eq!(status, code as eidos_status);
            assert_eq!(name.strip_suffix('\0'), Some(code.name()));
        }
    }
}
