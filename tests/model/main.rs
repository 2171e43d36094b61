//! The model room against transformers, and against itself: golden activations, module trees, bits, hostile files.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod activations;
mod configs;
mod golden;
mod half;
mod published;
mod resume;
mod steer;
mod table;
mod torch_files;
mod trees;
