//! Files of tensors: safetensors, and what `torch.save` and `numpy.savez` write, each as a directory that says which tensor lies where,
//! as what.
//!
//! A directory is read without a value of the tensors, from bytes that somebody else has mapped or copied. Weights of models
//! (`crate::model`) and published dictionaries (`crate::concepts`) are read through it.

mod archive;
mod directory;
mod numpy;
mod older_torch;
mod open;
mod pickle;
pub(crate) mod safetensors;
mod stored;
pub(crate) mod torch;

pub(crate) use directory::{Directory, Entry, Problem};
pub(crate) use open::TensorFile;
pub(crate) use stored::{ExpertPart, Layout, NumberType, Share, Stored};
