//! Progress and cancellation of long calls.

use std::ffi::{c_char, c_void};

use super::arguments::{Out, Owned, Ref, RefMut, call};
use super::error::eidos_error;
use super::handle::handle;
use super::output::output;
use super::status::eidos_status;
use crate::control::{Control, Progress};
use crate::error::Result;

/// A control watches and cancels a long call, from any thread, and takes its messages. A call takes a `const
/// eidos_control *`, which may be NULL; the same control may be used for several calls one after the other. Made by
/// `eidos_control_new`, freed with `eidos_control_free`.
#[allow(non_camel_case_types)]
pub struct eidos_control {
    _opaque: [u8; 0],
}

handle!(eidos_control, Control, 2);

/// This struct says how far a long call has come at one moment.
#[derive(Debug, Clone, Copy)]
#[allow(non_camel_case_types)]
#[repr(C)]
pub struct eidos_progress {
    /// This is the size of the struct in bytes, as far as the library filled it.
    pub struct_size: u32,
    /// The stage says what a long call is busy with: one of `EIDOS_STAGE_*`.
    pub stage: u32,
    /// So much of the stage is done, in the unit of the stage.
    pub done: u64,
    /// The stage has so much to do in all, in its unit; 0 when unknown.
    pub total: u64,
    /// This many seconds have passed since the control was made.
    pub elapsed_seconds: f64,
}

impl From<Progress> for eidos_progress {
    fn from(progress: Progress) -> Self {
        let Progress { stage, done, total, elapsed_seconds } = progress;
        Self { struct_size: size_of::<Self>() as u32, stage: stage as u32, done, total, elapsed_seconds }
    }
}

output!(eidos_progress);

/// Nothing has started.
pub const EIDOS_STAGE_IDLE: u32 = 0;
/// The call fetches files from a hub; counted in bytes.
pub const EIDOS_STAGE_DOWNLOAD: u32 = 1;
/// The call reads weights; counted in tensors.
pub const EIDOS_STAGE_LOAD: u32 = 2;
/// The call turns texts into tokens; counted in texts.
pub const EIDOS_STAGE_TOKENIZE: u32 = 3;
/// The call runs the model; counted in tokens.
pub const EIDOS_STAGE_FORWARD: u32 = 4;
/// The call reads rows to learn their mean and covariance; counted in rows.
pub const EIDOS_STAGE_COVARIANCE: u32 = 5;
/// The call iterates to fit the concepts; counted in iterations, of which the total is the most there can be.
pub const EIDOS_STAGE_FIT: u32 = 6;
/// The call encodes rows into concepts, to rank inputs or to write the codes; counted in rows.
pub const EIDOS_STAGE_INTERPRET: u32 = 7;
/// The call writes files; counted in bytes.
pub const EIDOS_STAGE_WRITE: u32 = 8;
/// The call asks a language model what concepts mean; counted in concepts.
pub const EIDOS_STAGE_LABEL: u32 = 9;
/// Rows are read once to learn their norms; counted in rows.
pub const EIDOS_STAGE_FILTER: u32 = 10;

/// Receives the progress of a long call, on the thread that makes the call. `progress` is valid during the call of the
/// callback only. It must not unwind.
#[allow(non_camel_case_types)]
pub type eidos_progress_callback =
    Option<unsafe extern "C" fn(progress: *const eidos_progress, user_data: *mut c_void)>;

/// Gives a stage as a word for a progress bar (`forward`); `unknown` for a number that is no stage. The string is
/// static.
#[unsafe(no_mangle)]
pub extern "C" fn eidos_stage_name(stage: u32) -> *const c_char {
    let name = match stage {
        0 => "idle\0",
        1 => "download\0",
        2 => "load\0",
        3 => "tokenize\0",
        4 => "forward\0",
        5 => "covariance\0",
        6 => "fit\0",
        7 => "interpret\0",
        8 => "write\0",
        9 => "label\0",
        10 => "filter\0",
        _ => "unknown\0",
    };
    name.as_ptr().cast()
}

/// Makes a control that nobody has cancelled. `err` may be NULL.
///
/// # Safety
/// `out` can be written; `err` is NULL or can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_control_new(out: Out<*mut eidos_control>, err: Out<*mut eidos_error>) -> eidos_status {
    call(err, || {
        out.place("out")?.handle(Control::new());
        Ok(())
    })
}

/// Asks the call that uses this control to stop: it returns `EIDOS_CANCELLED` within one batch or iteration. A
/// cancelled control stays cancelled. From any thread, and from a signal handler. A call whose work is complete
/// succeeds all the same.
///
/// # Safety
/// `control` is NULL or a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_control_cancel(control: Ref<eidos_control>) {
    control.read((), Control::cancel);
}

/// Says whether somebody cancelled a control: 1, or else 0. From any thread, and from a signal handler.
///
/// # Safety
/// `control` is NULL or a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_control_is_cancelled(control: Ref<eidos_control>) -> i32 {
    control.read(0, |control| i32::from(control.is_cancelled()))
}

/// Writes how far the call with this control has come. From any thread, at any time, without waiting. `size` is
/// `sizeof(eidos_progress)`; `err` may be NULL.
///
/// # Safety
/// `control` is a live handle; `out` can be written for `size` bytes; `err` is NULL or can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_control_progress(
    control: Ref<eidos_control>,
    out: Out<eidos_progress>,
    size: usize,
    err: Out<*mut eidos_error>,
) -> eidos_status {
    call(err, || out.fill(size, control.get()?.progress().into()))
}

/// Sets the callback that the thread of a long call runs after each step; NULL removes it. It may cancel the control;
/// it must not start another call with it, unwind, or free it. Set it while no call uses the control. `user_data` must
/// live until the callback is removed, or the last handle of the control is freed and no call uses it. `err` may be
/// NULL.
///
/// # Safety
/// `control` is a live handle; `callback` may be called with `user_data` on any thread that makes a call with this
/// control; `err` is NULL or can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_control_set_callback(
    control: RefMut<eidos_control>,
    callback: eidos_progress_callback,
    user_data: *mut c_void,
    err: Out<*mut eidos_error>,
) -> eidos_status {
    call(err, || {
        control.get()?.set_callback(callback.map(|function| reporter(function, UserData(user_data))));
        Ok(())
    })
}

/// Makes one more handle of the same control, for another owner, who frees it. Each watches and cancels the same calls.
///
/// # Safety
/// `control` is a live handle; `out` can be written; `err` is NULL or can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_control_retain(
    control: Ref<eidos_control>,
    out: Out<*mut eidos_control>,
    err: Out<*mut eidos_error>,
) -> eidos_status {
    call(err, || control.share(out))
}

/// Frees a control; NULL is fine. A call that still uses it goes on without it.
///
/// # Safety
/// `control` is NULL or a live handle that nobody passes to another call any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_control_free(control: Owned<eidos_control>) {
    control.free();
}

/// The control of a call; NULL means one that nobody watches. A clone shares the state, so the handle may be freed
/// while the call runs.
pub(super) fn watched(control: &Ref<eidos_control>) -> Result<Control> {
    Ok(control.optional()?.cloned().unwrap_or_default())
}

/// A caller's callback as the control calls it.
fn reporter(
    function: unsafe extern "C" fn(*const eidos_progress, *mut c_void),
    user_data: UserData,
) -> Box<dyn FnMut(Progress) + Send> {
    Box::new(move |progress| {
        let progress = eidos_progress::from(progress);
        // SAFETY: the caller promises that the callback may be called with its data on any thread that makes a call
        // with the control.
        unsafe { function(&raw const progress, user_data.pointer()) };
    })
}

/// A caller's pointer, which goes where the caller said the callback may run.
pub(super) struct UserData(pub(super) *mut c_void);

// SAFETY: the pointer is only handed back to the callback, which the caller allows on any thread that makes a call.
unsafe impl Send for UserData {}

impl UserData {
    pub(super) fn pointer(&self) -> *mut c_void {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::Stage;

    #[test]
    fn every_stage_has_the_name_and_number_of_the_rust_one() {
        for stage in Stage::ALL {
            // SAFETY: the names are static and end in a NUL.
            let name = unsafe { std::ffi::CStr::from_ptr(eidos_stage_name(stage as u32)) };
            assert_eq!(name.to_str(), Ok(stage.name()));
        }
    }
}
