//! The parsers of Eidos under cargo-fuzz: the targets of `tests/fuzz`, one by one.

#[path = "../../tests/fuzz/json.rs"]
mod json;
#[path = "../../tests/fuzz/layout.rs"]
mod layout;
#[path = "../../tests/fuzz/mutate.rs"]
mod mutate;
#[path = "../../tests/fuzz/random.rs"]
mod random;
#[allow(dead_code, reason = "the files to begin with are in the corpus here")]
#[path = "../../tests/fuzz/targets/mod.rs"]
mod targets;

use std::cell::RefCell;

use targets::{Place, Target};

thread_local! {
    static PLACE: RefCell<Place> = RefCell::new(Place::new());
}

/// Runs a target on a file of the corpus, whose first byte says what is around the file.
///
/// # Panics
/// Where an error is one that nobody should get.
pub fn run(name: &str, data: &[u8]) {
    let Some((setting, bytes)) = data.split_first() else { return };
    let target: Target = targets::all().into_iter().find(|target| target.name == name).expect("a target of that name");
    let result = PLACE.with_borrow_mut(|place| target.check(place, *setting, bytes));
    result.map_or_else(|what| panic!("{name}: {what}"), drop);
}

/// A target of cargo-fuzz. Half of its changes are blind, those of libFuzzer, and half know the format.
#[macro_export]
macro_rules! target {
    ($name:literal) => {
        libfuzzer_sys::fuzz_target!(|data: &[u8]| $crate::run($name, data));

        libfuzzer_sys::fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
            if seed % 2 == 0 {
                return libfuzzer_sys::fuzzer_mutate(data, size, max_size);
            }
            let new = $crate::mutate($name, &data[..size], seed);
            let size = new.len().min(max_size);
            data[..size].copy_from_slice(&new[..size]);
            size
        });
    };
}

/// Changes a file as the tests do, which know its format.
pub fn mutate(name: &str, data: &[u8], seed: u32) -> Vec<u8> {
    let Some((setting, bytes)) = data.split_first() else { return Vec::new() };
    let target: Target = targets::all().into_iter().find(|target| target.name == name).expect("a target of that name");
    let mut random = random::Random::new(seed.into());
    [&[*setting], mutate::mutate(&mut random, target.format, bytes).as_slice()].concat()
}
