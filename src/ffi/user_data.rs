//! User data: what callbacks are called with that outlive a call.

use std::ffi::c_void;

/// `eidos_destroy_callback`.
type Destroy = Option<unsafe extern "C" fn(user_data: *mut c_void)>;

/// What the caller's function is called with, which is given back to the caller at the end.
pub(super) struct UserData {
    pointer: *mut c_void,
    destroy: Destroy,
}

// SAFETY: the pointer is only handed back to the caller's functions: to the callback, which the caller allows on every
// thread that makes a call with the handle, and to `destroy`, which it allows on the thread that frees the handle.
unsafe impl Send for UserData {}
// SAFETY: as above; the caller allows several threads to make such calls at the same time.
unsafe impl Sync for UserData {}

impl UserData {
    pub(super) fn new(pointer: *mut c_void, destroy: Destroy) -> Self {
        Self { pointer, destroy }
    }

    pub(super) fn pointer(&self) -> *mut c_void {
        self.pointer
    }
}

impl Drop for UserData {
    fn drop(&mut self) {
        if let Some(destroy) = self.destroy {
            // SAFETY: the caller promises that `destroy` may be called with the pointer, once, when nobody needs it any
            // more.
            unsafe { destroy(self.pointer) };
        }
    }
}
