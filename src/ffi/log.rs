//! Messages of long calls.

use std::ffi::{CStr, c_char, c_void};

use super::arguments::{Out, Ref, RefMut, call};
use super::control::{UserData, eidos_control};
use super::error::eidos_error;
use super::output::output;
use super::status::eidos_status;
use super::strings::choice;
use crate::control::Control;
use crate::error::{Error, Result};
use crate::log::{LogCallback, LogLevel, LogMessage};

/// The call goes on, but its result may not be what was hoped for: a request is repeated, a concept has no label.
///
/// # ABI
/// enumeration LogLevel = EIDOS_LOG_*: The level says how important a message of a long call is.
pub const EIDOS_LOG_WARNING: u32 = 1;
/// The message says what a run is made of: which files were loaded, in which type and with which instructions, and what
/// is downloaded.
pub const EIDOS_LOG_INFO: u32 = 2;
/// The message is about a single step, such as a file that was found in the cache.
pub const EIDOS_LOG_DEBUG: u32 = 3;

/// This struct is a message about a long call. Its strings are UTF-8, end in a NUL and hold no line ends.
#[derive(Debug, Clone, Copy)]
#[allow(non_camel_case_types)]
#[repr(C)]
pub struct eidos_log_message {
    /// This is the size of the struct in bytes, as far as the library filled it.
    pub struct_size: u32,
    /// The level says how important the message is: one of `EIDOS_LOG_*`.
    pub level: u32,
    /// The target names the part of the library that the message comes from: `hub`, `model`, `chat`. The string is
    /// static.
    pub target: *const c_char,
    /// This is the length of `target` in bytes, without the NUL.
    pub target_len: usize,
    /// The message says what happened, in at most about 2,000 bytes.
    pub message: *const c_char,
    /// This is the length of `message` in bytes, without the NUL.
    pub message_len: usize,
    /// The message was written this many seconds after the control was made.
    pub elapsed_seconds: f64,
}

output!(eidos_log_message);

impl From<&LogMessage> for eidos_log_message {
    fn from(message: &LogMessage) -> Self {
        let (target, text) = message.c_strings();
        let length = |string: &CStr| string.count_bytes();
        Self {
            struct_size: size_of::<Self>() as u32,
            level: message.level() as u32,
            target: target.as_ptr(),
            target_len: length(target),
            message: text.as_ptr(),
            message_len: length(text),
            elapsed_seconds: message.elapsed_seconds(),
        }
    }
}

/// Receives a message about a long call, on the thread that makes the call, one message after the other: what other
/// threads of the library have to say waits until that thread comes by. `message` is valid during the call of the
/// callback only. It must not unwind.
#[allow(non_camel_case_types)]
pub type eidos_log_callback = Option<unsafe extern "C" fn(message: *const eidos_log_message, user_data: *mut c_void)>;

/// Sets the callback that receives the messages of the calls with this control; NULL removes it. It gets those of
/// `level`, one of `EIDOS_LOG_*`, and the more important ones, whose numbers are lower. It may cancel the control; it
/// must not start another call with it, unwind, or free it. Set it while no call uses the control. `user_data` must
/// live until the callback is removed, or the last handle of the control is freed and no call uses it. `err` may be
/// NULL.
///
/// # Safety
/// `control` is a live handle; `callback` may be called with `user_data` on any thread that makes a call with this
/// control; `err` is NULL or can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_control_set_log_callback(
    control: RefMut<eidos_control>,
    level: u32,
    callback: eidos_log_callback,
    user_data: *mut c_void,
    err: Out<*mut eidos_error>,
) -> eidos_status {
    call(err, || {
        let callback = callback.map(|function| teller(function, UserData(user_data)));
        control.get()?.set_log_callback(level_of(level)?, callback);
        Ok(())
    })
}

/// Keeps the messages of the calls with this control from now on, for programs that would rather look than be called:
/// those of `level`, one of `EIDOS_LOG_*`, and the more important ones. The first 10,000 are kept as long as the
/// control lives. `err` may be NULL.
///
/// # Safety
/// `control` is a live handle; `err` is NULL or can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_control_keep_log(
    control: RefMut<eidos_control>,
    level: u32,
    err: Out<*mut eidos_error>,
) -> eidos_status {
    call(err, || {
        control.get()?.keep_log(level_of(level)?);
        Ok(())
    })
}

/// Says how many messages a control keeps. The number only grows; from any thread, also while a call uses the control.
///
/// # Safety
/// `control` is NULL or a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_control_log_count(control: Ref<eidos_control>) -> usize {
    control.read(0, Control::kept_message_count)
}

/// Writes one of the messages that a control keeps, by its index, in the order in which they came; from any thread,
/// also while a call uses the control. The strings are borrowed from the control. `size` is
/// `sizeof(eidos_log_message)`. `EIDOS_INVALID_ARGUMENT` beyond the last; `err` may be NULL.
///
/// # Safety
/// `control` is a live handle; `out` can be written for `size` bytes; `err` is NULL or can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_control_log(
    control: Ref<eidos_control>,
    index: usize,
    out: Out<eidos_log_message>,
    size: usize,
    err: Out<*mut eidos_error>,
) -> eidos_status {
    call(err, || {
        let control = control.get()?;
        let message = control.kept_message(index).ok_or_else(|| {
            let count = control.kept_message_count();
            Error::argument(format!("there is no message {index}: the control keeps {count}"))
                .hint("count from 0 up to eidos_control_log_count")
        })?;
        // The control owns the message as well, and never lets go of it.
        out.fill(size, eidos_log_message::from(&*message))
    })
}

/// A caller's callback as the control calls it.
fn teller(function: unsafe extern "C" fn(*const eidos_log_message, *mut c_void), user_data: UserData) -> LogCallback {
    Box::new(move |message| {
        let message = eidos_log_message::from(message);
        // SAFETY: the caller promises that the callback may be called with its data on any thread that makes a call
        // with the control.
        unsafe { function(&raw const message, user_data.pointer()) };
    })
}

fn level_of(level: u32) -> Result<LogLevel> {
    let levels =
        [(EIDOS_LOG_WARNING, LogLevel::Warning), (EIDOS_LOG_INFO, LogLevel::Info), (EIDOS_LOG_DEBUG, LogLevel::Debug)];
    choice(level, "level", &levels)
}
