//! EleutherAI's sparsify: `cfg.json` and `sae.safetensors`, top-k autoencoders and transcoders in folders that are named after
//! modules.

use super::Published;
use super::config::Config;
use super::files::DictionaryFiles;
use crate::concepts::sae::{AutoencoderParts, SaeActivation};
use crate::error::{Error, ErrorCode, Result};
use crate::tensor_files::TensorFile;

/// Whether a `cfg.json` is one of sparsify: it counts latents where SAELens has the sides of the dictionary.
pub(super) fn is_one(config: &Config) -> bool {
    config.get("d_sae").is_none()
        && config.get("d_in").is_some()
        && ["expansion_factor", "num_latents"].iter().any(|field| config.get(field).is_some())
}

/// Reads a dictionary.
///
/// # Errors
/// Those of [`super::open`].
pub(super) fn read(files: &dyn DictionaryFiles, config: &Config) -> Result<Published> {
    let weights = TensorFile::open(&files.required(&["sae.safetensors"])?)?;
    let [concepts, columns] = weights.sides("encoder.weight")?;
    check(config, &weights, columns, concepts)?;
    let transcoder = config.flag("transcode", false)?;
    let k = config.required_size("k")?;
    let mut parts = AutoencoderParts::new(
        weights.matrix("encoder.weight", [concepts, columns], false)?,
        weights.matrix("W_dec", [concepts, columns], false)?,
        columns,
        match config.text("activation")?.unwrap_or("topk") {
            "topk" => SaeActivation::TopK { k: k.min(concepts), signed: false },
            // The largest of each of `k` groups of consecutive latents.
            "groupmax" => SaeActivation::GroupMax { groups: k },
            _ => return Err(config.unsupported("activation", "use a dictionary with the activation topk or groupmax")),
        },
    );
    parts.bias = weights.vector("encoder.bias", concepts)?;
    parts.output_offset = weights.vector("b_dec", columns)?;
    if !transcoder {
        parts.offset.clone_from(&parts.output_offset);
    }
    // A skip connection makes it read rows that it does not give back, whatever else the file says.
    parts.transcoder = transcoder || weights.has("W_skip");
    if weights.has("W_skip") {
        parts.skip = weights.matrix("W_skip", [columns, columns], false)?;
    }
    let module = module(&files.folders());
    let mut published = Published::new("sparsify", parts);
    if published.parts.transcoder {
        published.output_split_point.clone_from(&module);
        return Ok(published.of(None, module.map(|module| format!("{module}.input"))));
    }
    Ok(published.of(None, module))
}

fn check(config: &Config, weights: &TensorFile, columns: usize, concepts: usize) -> Result<()> {
    let said_columns = config.required_size("d_in")?;
    // 0 means that the expansion factor counts them.
    let latents = match config.size("num_latents")?.filter(|count| *count > 0) {
        Some(latents) => Some(latents),
        None => config.size("expansion_factor")?.and_then(|factor| factor.checked_mul(said_columns)),
    };
    let said = latents.unwrap_or(concepts);
    if (said_columns, said) == (columns, concepts) {
        return Ok(());
    }
    let message = format!(
        "`{}` says that there are {said} latents of {said_columns} columns, but the tensors of `{}` have {concepts} of {columns}",
        config.name(),
        weights.name()
    );
    Err(Error::new(ErrorCode::InvalidFile, message)
        .hint("take configuration and weights from the same dictionary")
        .detail("path", weights.name()))
}

/// The module that the folder is named after: a path below the base model.
fn module(folders: &str) -> Option<String> {
    let name = folders.trim_end_matches('/').rsplit('/').next()?;
    let is_path = name.split('.').any(|part| part.parse::<usize>().is_ok()) || name == "embed_tokens" || name == "wte";
    is_path.then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_named_after_modules() {
        assert_eq!(module("EleutherAI/sae-llama-3-8b-32x/layers.10").as_deref(), Some("layers.10"));
        assert_eq!(module("/x/h.3.attn/").as_deref(), Some("h.3.attn"));
        assert_eq!(module("owner/name"), None);
    }
}
