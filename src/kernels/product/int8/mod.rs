//! Products of 8-bit integers with exact sums: what `precision = int8` computes.
//!
//! Rows and weights are rounded to integers from -127 to 127, each row of either side with its own scale, the largest absolute
//! value over 127. Those of the weights are found once, those of the rows right before they are multiplied. The sum over the
//! inner dimension is an exact integer of 32 bits, which does not depend on an order: so every kernel, on every processor, has
//! the same bits. The result is `(sum x scale of the row) x scale of the output` in f32.

#[cfg(target_arch = "x86_64")]
#[allow(unsafe_code, reason = "vector instructions")]
mod avx2;
#[cfg(target_arch = "x86_64")]
#[allow(unsafe_code, reason = "vector instructions")]
mod avx512;
#[allow(unsafe_code, reason = "calls what a processor was found to have")]
mod kernel;
mod matrix;
mod multiply;
#[cfg(target_arch = "aarch64")]
#[allow(unsafe_code, reason = "vector instructions")]
mod neon;
mod portable;
mod quantise;
#[cfg(test)]
mod tests;
mod tile;

pub(crate) use kernel::Int8Kernel;
pub(crate) use matrix::Int8Matrix;
pub(crate) use multiply::multiply as multiply_int8;
pub(super) use tile::ByteTile;
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
pub(super) use tile::IntegerSums;
#[cfg(test)]
pub(super) use {portable::add_product as add_integer_product, tests::has_the_bits_of_portable};
