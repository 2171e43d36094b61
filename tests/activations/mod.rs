//! The activations room from the outside: values, bits, folders that resume, and whatever a disk can do to them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr)]

mod bits;
mod damaged;
mod folder;
mod full_disk;
mod not_finite;
mod own_rows;
mod sharing;
mod streams;
mod units;
mod values;
