//! The model room against transformers, and against itself: golden activations, module trees, bits, hostile files.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod activations;
mod as_people_have_them;
mod configs;
mod decoder_choices;
mod encoder_decoders;
mod experts;
mod gguf;
mod gguf_files;
mod gguf_parts;
mod golden;
mod gradients;
mod half;
mod halved;
mod intervened;
mod interventions;
mod lora;
mod max_seq_length;
mod multimodal;
mod names;
mod published;
mod resume;
mod rotary_encoders;
mod spliced;
mod steer;
mod table;
mod token_ids;
mod torch_files;
mod trees;
