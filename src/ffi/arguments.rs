//! The types of the calls' arguments: pointers of C, with the unsafe code that reads and writes what they point to.
//!
//! Each of them is one pointer (`#[repr(transparent)]`), and to C it is that pointer. Rust makes none but NULL: a value
//! is an argument of an `unsafe extern "C"` function, or a field of an options struct that was one. So a C caller has
//! promised what the docs of that function say: the pointer is NULL or points to what the type says, and it stays so as
//! long as the call runs, during which nobody frees a handle that it was given. All methods rest on this. What they
//! read borrows from the argument, so that it does not outlive the call.
//!
//! One thing a type cannot know is how long an array is: a call passes the count that its docs name for the array.

use std::ffi::c_char;
use std::ptr;

use super::call::{self, get, run};
use super::dlpack::{self, DLManagedTensorVersioned};
use super::handle::Handle;
use super::options::{self, Options};
use super::output::{self, Output};
use super::status::eidos_status;
use super::strings::{self, check_out};
use crate::error::{Error, Result};

/// Runs the body of a call: its error goes to `*err` where the caller wants it, a panic becomes `EIDOS_INTERNAL`.
pub(super) fn call<E>(err: Out<*mut E>, body: impl FnOnce() -> Result<()>) -> eidos_status
where
    E: Handle,
    E::Value: From<Error>,
{
    call::outcome(body, |error| {
        if let Some(place) = err.wanted() {
            place.handle(error);
        }
    })
}

/// A handle that a call reads: `const T *`.
#[derive(Debug)]
#[repr(transparent)]
pub struct Ref<T>(*const T);

impl<T: Handle> Ref<T> {
    /// The value behind the handle; an error for NULL and for what is no live handle of the type.
    pub(super) fn get(&self) -> Result<&T::Value> {
        // SAFETY: the C caller promises that nobody frees the handle during the call.
        unsafe { T::borrow(self.0) }
    }

    /// The value behind a handle that may be NULL.
    pub(super) fn optional(&self) -> Result<Option<&T::Value>> {
        if self.0.is_null() { Ok(None) } else { self.get().map(Some) }
    }

    /// The answer of a call that has no error to give: what `read` says of the value, or `fallback` where there is
    /// none.
    pub(super) fn read<R>(&self, fallback: R, read: impl FnOnce(&T::Value) -> R) -> R {
        get(fallback, || self.get().map(read))
    }

    /// A string of the value, which ends in a NUL, and its length without the NUL; NULL and 0 where there is none.
    pub(super) fn string(&self, len: Out<usize>, find: impl FnOnce(&T::Value) -> Option<&str>) -> *const c_char {
        let string = get("", || self.get().map(|value| find(value).unwrap_or_default()));
        len.offer(string.len().saturating_sub(1));
        if string.is_empty() { ptr::null() } else { string.as_ptr().cast() }
    }

    /// Numbers of the value, and how many they are; NULL and 0 where there are none.
    pub(super) fn numbers<N>(&self, len: Out<usize>, find: impl FnOnce(&T::Value) -> &[N]) -> *const N {
        let numbers: &[N] = get(&[], || self.get().map(find));
        len.offer(numbers.len());
        if numbers.is_empty() { ptr::null() } else { numbers.as_ptr() }
    }

    /// Writes one more handle of the same value.
    pub(super) fn share(&self, out: Out<*mut T>) -> Result<()> {
        let out = out.place("out")?;
        // SAFETY: the C caller promises that nobody frees the handle during the call.
        out.write(unsafe { T::share(self.0) }?);
        Ok(())
    }
}

/// A handle that a call changes: `T *`.
#[derive(Debug)]
#[repr(transparent)]
pub struct RefMut<T>(*mut T);

impl<T: Handle> RefMut<T> {
    /// The value behind the handle; an error for NULL and for what is no live handle of the type.
    pub(super) fn get(&self) -> Result<&T::Value> {
        // SAFETY: the C caller promises that nobody frees the handle during the call.
        unsafe { T::borrow(self.0) }
    }

    /// The answer of a call that has no error to give, as [`Ref::read`].
    pub(super) fn read<R>(&self, fallback: R, read: impl FnOnce(&T::Value) -> R) -> R {
        get(fallback, || self.get().map(read))
    }
}

/// A handle that a call frees: `T *`.
#[derive(Debug)]
#[repr(transparent)]
pub struct Owned<T>(*mut T);

impl<T: Handle> Owned<T> {
    /// Frees the handle; whatever is no live handle of the type is left alone.
    pub(super) fn free(self) {
        // SAFETY: the C caller promises that nobody uses the handle any more.
        run(|| unsafe { T::free(self.0) });
    }
}

/// A DLPack tensor that a call reads and may take over: `DLManagedTensorVersioned *`.
#[derive(Debug)]
#[repr(transparent)]
pub struct DlpackTensor(*mut DLManagedTensorVersioned);

impl DlpackTensor {
    /// The tensor, once it was seen that it can be read as rows; it is the caller's until it is taken.
    pub(super) fn checked(&self) -> Result<dlpack::Checked> {
        // SAFETY: the C caller promises that it is NULL or a valid tensor.
        unsafe { dlpack::check(self.0) }
    }
}

/// Options that the caller filled with their init function: `const T *`.
#[derive(Debug)]
#[repr(transparent)]
pub struct In<T>(*const T);

impl<T: Options> In<T> {
    /// The options; the defaults for NULL.
    pub(super) fn read(&self) -> Result<T> {
        // SAFETY: the C caller promises as many bytes as the struct says that it has.
        unsafe { options::read(self.0) }
    }
}

/// A string: `const char *`.
#[derive(Debug, Clone, Copy)]
#[repr(transparent)]
pub struct Text(*const c_char);

impl Text {
    /// What stands for no string.
    pub(super) const NULL: Self = Self(ptr::null());

    /// The string; an error for NULL and for what is not UTF-8.
    pub(super) fn get(&self, name: &str) -> Result<&str> {
        // SAFETY: the C caller promises that the string ends in a NUL.
        unsafe { strings::text(self.0, name) }
    }

    /// The string of so many bytes, which may have a NUL inside; an error for what is not UTF-8.
    pub(super) fn of_length(&self, length: usize, name: &str) -> Result<&str> {
        // SAFETY: the C caller promises so many bytes.
        unsafe { strings::text_of_length(self.0, length, name) }
    }

    /// A string that may be NULL.
    pub(super) fn optional(&self, name: &str) -> Result<Option<&str>> {
        // SAFETY: as above.
        unsafe { strings::optional_text(self.0, name) }
    }
}

/// An array that a call reads: `const T *`.
#[derive(Debug, Clone, Copy)]
#[repr(transparent)]
pub struct Array<T>(*const T);

impl<T> Array<T> {
    /// What stands for no array.
    pub(super) const NULL: Self = Self(ptr::null());

    /// The items; NULL is fine where there are none.
    pub(super) fn of(&self, count: usize, name: &str) -> Result<&[T]> {
        // SAFETY: the C caller promises so many items.
        unsafe { strings::array(self.0, count, name) }
    }

    /// The items of an array that may be NULL whatever the count is.
    pub(super) fn optional(&self, count: usize, name: &str) -> Result<Option<&[T]>> {
        if self.0.is_null() { Ok(None) } else { self.of(count, name).map(Some) }
    }
}

impl Array<Text> {
    /// The strings; NULL is fine where there are none.
    pub(super) fn texts(&self, count: usize, name: &str) -> Result<Vec<&str>> {
        let texts = self.of(count, name)?.iter().enumerate();
        texts.map(|(index, text)| text.get(&format!("{name}[{index}]"))).collect()
    }

    /// The strings, which have so many bytes each as `lengths` says; as [`Array::texts`] where that is NULL.
    pub(super) fn texts_of_lengths(&self, lengths: Array<usize>, count: usize, name: &str) -> Result<Vec<&str>> {
        let Some(lengths) = lengths.optional(count, "lengths")? else { return self.texts(count, name) };
        let texts = self.of(count, name)?.iter().zip(lengths).enumerate();
        texts.map(|(index, (text, &length))| text.of_length(length, &format!("{name}[{index}]"))).collect()
    }
}

impl Array<c_char> {
    /// The bytes of a string whose length the caller gives.
    pub(super) fn bytes(&self, count: usize, name: &str) -> Result<&[u8]> {
        // SAFETY: the C caller promises so many bytes.
        unsafe { strings::array(self.0.cast(), count, name) }
    }
}

/// An array that a call fills: `T *`.
#[derive(Debug)]
#[repr(transparent)]
pub struct ArrayMut<T>(*mut T);

impl<T> ArrayMut<T> {
    /// The items; NULL is fine where there are none.
    pub(super) fn of(&mut self, count: usize, name: &str) -> Result<&mut [T]> {
        // SAFETY: the C caller promises so many items, which nobody else uses during the call.
        unsafe { strings::array_mut(self.0, count, name) }
    }

    /// The items of an array that may be NULL whatever the count is.
    pub(super) fn optional(&mut self, count: usize, name: &str) -> Result<Option<&mut [T]>> {
        if self.0.is_null() { Ok(None) } else { self.of(count, name).map(Some) }
    }
}

/// A variable that a call writes: `T *`.
#[derive(Debug)]
#[repr(transparent)]
pub struct Out<T>(*mut T);

impl<T> Out<T> {
    /// The place that the output is written to; an error for NULL, before the work is done.
    pub(super) fn place(self, name: &str) -> Result<Place<T>> {
        check_out(self.0, name)?;
        Ok(Place(self.0))
    }

    /// The place of an output that may be NULL; `None` where it is.
    pub(super) fn wanted(self) -> Option<Place<T>> {
        (!self.0.is_null()).then_some(Place(self.0))
    }

    /// Writes an output that may be NULL.
    pub(super) fn offer(self, value: T) {
        if let Some(place) = self.wanted() {
            place.write(value);
        }
    }
}

impl<T: Options> Out<T> {
    /// Fills `size` bytes of options with the defaults.
    pub(super) fn init(self, size: usize) -> eidos_status {
        // SAFETY: the C caller promises so many bytes.
        call::outcome(|| unsafe { options::init(self.0, size) }, drop)
    }
}

impl<T: Output> Out<T> {
    /// Fills `size` bytes of a struct with what caller and library know both.
    pub(super) fn fill(self, size: usize, value: T) -> Result<()> {
        // SAFETY: the C caller promises so many bytes.
        unsafe { output::fill(self.0, size, value) }
    }
}

/// Where an output is written, which is not NULL.
#[derive(Debug)]
pub(super) struct Place<T>(*mut T);

impl<T> Place<T> {
    /// Writes the output.
    pub(super) fn write(self, value: T) {
        // SAFETY: the C caller promises that what is not NULL can be written.
        unsafe { self.0.write(value) };
    }
}

impl<H: Handle> Place<*mut H> {
    /// Makes a handle of `value` and writes it.
    pub(super) fn handle(self, value: impl Into<H::Value>) {
        self.write(H::into_raw(value.into()));
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::CStr;

    use super::*;
    use crate::control::Control;
    use crate::ffi::control::eidos_control;

    #[test]
    fn an_argument_is_a_pointer() {
        let size = size_of::<*const u8>();
        assert_eq!([size_of::<Ref<eidos_control>>(), size_of::<Owned<eidos_control>>(), size_of::<Text>()], [size; 3]);
        assert_eq!([size_of::<Out<usize>>(), size_of::<Array<Text>>(), size_of::<ArrayMut<f32>>()], [size; 3]);
    }

    #[test]
    fn an_output_is_written_where_there_is_one() {
        let mut number = 1;
        Out(&raw mut number).place("out").unwrap().write(2);
        Out(ptr::null_mut::<i32>()).offer(7);
        assert_eq!(number, 2);
        Out(&raw mut number).offer(3);
        assert_eq!(number, 3);
        let error = Out(ptr::null_mut::<i32>()).place("out").unwrap_err();
        assert!(error.message().contains("`out` is NULL"), "{error}");
    }

    #[test]
    fn a_string_of_a_value_has_its_length_without_the_nul() {
        let mut handle = ptr::null_mut::<eidos_control>();
        Out(&raw mut handle).place("out").unwrap().handle(Control::new());
        let mut length = 7;
        let text = Ref(handle).string(Out(&raw mut length), |_| Some("film\0"));
        // SAFETY: the string is static.
        assert_eq!((unsafe { CStr::from_ptr(text) }, length), (c"film", 4));
        assert!(Ref(handle).string(Out(&raw mut length), |_| None).is_null());
        assert_eq!(length, 0);
        Owned(handle).free();
    }

    #[test]
    fn a_handle_is_read_shared_and_freed() {
        let mut handles = [ptr::null_mut::<eidos_control>(); 2];
        let [first, second] = handles.each_mut();
        Out(&raw mut *first).place("out").unwrap().handle(Control::new());
        Ref(*first).share(Out(&raw mut *second)).unwrap();
        Ref(*first).read((), Control::cancel);
        Owned(*first).free();
        assert!(Ref(*first).get().is_err() && Ref(*first).optional().is_err());
        assert!(Ref(*second).read(false, Control::is_cancelled) && RefMut(*second).get().is_ok());
        Owned(*second).free();
        assert!(Ref(ptr::null::<eidos_control>()).optional().unwrap().is_none());
    }

    #[test]
    fn a_string_of_an_array_that_is_not_utf_8_is_named_with_its_index() {
        let strings = [Text(c"film".as_ptr()), Text(c"caf\xe9".as_ptr())];
        let strings = Array(strings.as_ptr());
        assert_eq!(strings.texts(1, "texts").unwrap(), ["film"]);
        let error = strings.texts(2, "texts").unwrap_err();
        assert!(error.message().contains("`texts[1]`"), "{error}");
        assert_eq!(Array(c"film".as_ptr()).bytes(4, "answer").unwrap(), b"film");
        let lengths = [0, 3];
        let named = strings.texts_of_lengths(Array(lengths.as_ptr()), 2, "texts").unwrap();
        assert_eq!(named, ["", "caf"]);
        assert_eq!(strings.texts_of_lengths(Array::NULL, 1, "texts").unwrap(), ["film"]);
        assert!(Array::<f32>::NULL.optional(3, "bias").unwrap().is_none());
        assert_eq!(Text::NULL.optional("model").unwrap(), None);
    }
}
