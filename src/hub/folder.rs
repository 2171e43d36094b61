//! The folder of a model, of the one that the caller named: the root of sentence-transformers, a repository of a cache, a
//! folder with one model inside it. What is no model is called what it is.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::id::check_file_name;
use super::part_name::{GGUF_ENDING, first_part};
use super::source::{ADAPTER_FILE, CONFIG_FILE, has_weights};
use crate::error::{Error, ErrorCode, Result, shown};
use crate::files::read_limited;
use crate::python_json;

/// The list of modules of sentence-transformers.
const MODULES: &str = "modules.json";

/// Lists of modules and references are short.
const LARGEST_LIST: u64 = 1 << 20;

/// What to do about a part that is not there.
pub(super) const MISSING_PART: &str =
    "get all parts of the model, with the names that they were published under, into one folder";

/// How many folders or commits an error names.
const MOST_NAMED: usize = 5;

/// A file that tells what a folder is which is no model: the file, what it is, and what to do.
type Sign = (&'static str, &'static str, &'static str);

const NO_ADAPTER: &str = "put the adapter's `adapter_config.json` beside it; or merge it into its base model in Python, \
                          `model.merge_and_unload().save_pretrained(folder)`, and give that folder";

const SIGNS: [Sign; 6] = [
    ("units.safetensors", "activations that were collected", "open it as activations"),
    ("model_index.json", "a pipeline of diffusers", "give the folder of one model in it, such as `text_encoder`"),
    (
        "consolidated.00.pth",
        "a checkpoint in its authors' own format",
        "take the repository that is made for transformers",
    ),
    ("open_clip_config.json", "a model of OpenCLIP", "take the repository that is made for transformers"),
    ("saved_model.pb", "a model of TensorFlow", "take the repository that is made for transformers"),
    ("1_Pooling", "a module of sentence-transformers", "give the folder that has `config.json` and the weights"),
];

/// What a folder or repository without `config.json` is instead, and what to do. `has` tells whether there is a file.
pub(super) fn instead(has: &dyn Fn(&str) -> bool) -> Option<(&'static str, &'static str)> {
    SIGNS.iter().find(|(file, ..)| has(file)).map(|(_, what, remedy)| (*what, *remedy))
}

/// The folder in which the files of the model are.
///
/// # Errors
/// [`ErrorCode::InvalidArgument`] where several models or commits are inside; [`ErrorCode::InvalidFile`] for a list of
/// modules that is none.
pub(super) fn of_model(folder: &Path) -> Result<PathBuf> {
    if let Some(module) = transformer(folder)? {
        return Ok(module);
    }
    if is_model(folder) {
        return Ok(folder.to_owned());
    }
    if let Some(snapshot) = snapshot(folder)? {
        return Ok(snapshot);
    }
    // What is something else is not searched.
    if instead(&|file| folder.join(file).symlink_metadata().is_ok()).is_some() {
        return Ok(folder.to_owned());
    }
    let mut inside = folders(folder);
    // A repository of a cache may be what is inside.
    inside.retain(|inner| is_model(inner) || inner.join("snapshots").is_dir());
    match inside.as_slice() {
        [] => Ok(folder.to_owned()),
        [inner] => match snapshot(inner)? {
            Some(snapshot) => Ok(snapshot),
            None => Ok(inner.clone()),
        },
        several => Err(choose(folder, "models inside it", several, "give the path of one of them")),
    }
}

/// Whether a folder has the files of a model, or what is left of them.
fn is_model(folder: &Path) -> bool {
    let has = |name: &str| folder.join(name).symlink_metadata().is_ok();
    let has_gguf = || {
        let names = folder.read_dir().into_iter().flatten().flatten().map(|entry| entry.file_name());
        names.into_iter().any(|name| is_called_gguf(name.as_ref()))
    };
    has(CONFIG_FILE) || has(ADAPTER_FILE) || has_weights(folder) || has_gguf()
}

fn folders(folder: &Path) -> Vec<PathBuf> {
    let entries = folder.read_dir().into_iter().flatten().flatten();
    let mut folders: Vec<PathBuf> = entries.map(|entry| entry.path()).filter(|path| path.is_dir()).collect();
    folders.sort();
    folders
}

fn choose(folder: &Path, what: &str, inside: &[PathBuf], remedy: &str) -> Error {
    let name = |path: &PathBuf| path.file_name().map_or_else(String::new, |name| shown(&name.to_string_lossy()));
    let names: Vec<String> = inside.iter().take(MOST_NAMED).map(|path| format!("`{}`", name(path))).collect();
    let more = if inside.len() > names.len() { ", ..." } else { "" };
    let (path, count) = (folder.display(), inside.len());
    Error::argument(format!("folder `{path}` has {count} {what}: {}{more}", names.join(", ")))
        .hint(remedy)
        .detail("folder", path)
}

/// The snapshot of a repository of a cache (`models--owner--name`): that of `main`, or the only one.
fn snapshot(folder: &Path) -> Result<Option<PathBuf>> {
    let snapshots = folder.join("snapshots");
    if !snapshots.is_dir() {
        return Ok(None);
    }
    let reference = read_limited(&folder.join("refs/main"), LARGEST_LIST).ok();
    let commit = reference.and_then(|bytes| String::from_utf8(bytes).ok()).map(|commit| commit.trim().to_owned());
    let named = commit.filter(|commit| !commit.is_empty() && check_file_name(commit).is_ok() && !commit.contains('/'));
    if let Some(snapshot) = named.map(|commit| snapshots.join(commit)).filter(|snapshot| snapshot.is_dir()) {
        return Ok(Some(snapshot));
    }
    match folders(&snapshots).as_slice() {
        [] => Ok(None),
        [only] => Ok(Some(only.clone())),
        several => Err(choose(folder, "commits", several, "give the folder of one of them below `snapshots`")),
    }
}

/// The one GGUF file of a folder that has no other weights, or the first part of the one GGUF model.
///
/// # Errors
/// [`ErrorCode::InvalidArgument`] naming some of them where there are several and nothing else says what the model is;
/// [`ErrorCode::NotFound`] naming the first part where there are only others.
pub(super) fn only_gguf(folder: &Path) -> Result<Option<PathBuf>> {
    let has = |name: &str| folder.join(name).symlink_metadata().is_ok();
    if has_weights(folder) {
        return Ok(None);
    }
    // A folder that cannot be listed may still hold files that can be opened.
    let Ok(entries) = folder.read_dir() else { return Ok(None) };
    let names = entries.flatten().map(|entry| PathBuf::from(entry.file_name()));
    let mut files: Vec<_> = names.filter(|name| is_called_gguf(name)).collect();
    files.sort();
    let first_of = |file: &PathBuf| file.to_str().map_or_else(|| file.clone(), |name| first_part(name).into());
    let mut models: Vec<PathBuf> = files.iter().map(first_of).collect();
    models.sort();
    models.dedup();
    match (&*models, &*files) {
        ([_, _, ..], _) if !has(CONFIG_FILE) => Err(several_models(folder, &models)),
        ([model], [file, ..]) if !files.contains(model) => Err(no_first_part(folder, model, file)),
        ([model], _) => Ok(Some(model.clone())),
        _ => Ok(None),
    }
}

/// Whether a file has the ending of GGUF files, in letters of any size.
fn is_called_gguf(name: &Path) -> bool {
    name.to_string_lossy().to_ascii_lowercase().ends_with(GGUF_ENDING)
}

fn several_models(folder: &Path, models: &[PathBuf]) -> Error {
    let shown: Vec<_> = models.iter().take(3).map(|file| format!("`{}`", shown(&file.to_string_lossy()))).collect();
    let (count, path) = (models.len(), folder.display());
    let more = if count > shown.len() { ", ..." } else { "" };
    let message = format!("folder `{path}` has {count} GGUF files: {}{more}", shown.join(", "));
    Error::argument(message).hint("give the path of one of them").detail("folder", path)
}

fn no_first_part(folder: &Path, first: &Path, other: &Path) -> Error {
    let [first, other] = [first, other].map(|file| shown(&file.to_string_lossy()));
    let path = folder.display();
    Error::new(
        ErrorCode::NotFound,
        format!("folder `{path}` has `{other}`, but not `{first}`, the part that says what the model is"),
    )
    .hint(MISSING_PART)
    .detail("folder", path)
    .detail("file", first)
}

#[derive(Deserialize)]
struct Module {
    #[serde(default)]
    path: String,
    #[serde(rename = "type")]
    kind: String,
}

/// The folder of the transformer in a model of sentence-transformers, where it is not the root itself.
fn transformer(folder: &Path) -> Result<Option<PathBuf>> {
    let list = folder.join(MODULES);
    if !list.is_file() || has_weights(folder) {
        return Ok(None);
    }
    let invalid = |what: String| {
        Error::new(ErrorCode::InvalidFile, format!("`{}` {what}", list.display()))
            .hint("get the file again, or give the folder that has the weights")
            .detail("path", list.display())
    };
    let modules: Vec<Module> = python_json::from_slice(&read_limited(&list, LARGEST_LIST)?)
        .map_err(|error| invalid(format!("is not a list of modules: {error}")))?;
    let Some(module) = modules.into_iter().find(|module| module.kind.ends_with(".Transformer")) else {
        return Ok(None);
    };
    if module.path.is_empty() || module.path == "." {
        return Ok(None);
    }
    check_file_name(&module.path).map_err(|_| invalid(format!("names the folder `{}`", shown(&module.path))))?;
    let inner = folder.join(&module.path);
    Ok(Some(inner).filter(|inner| inner.join(CONFIG_FILE).is_file()))
}

/// Whether a file is one of a kind, by its name and ending, and what to do about it.
type OtherWeights = (fn(&str, &str) -> bool, &'static str);

/// What to do about weights that are there, in a form that is not read: the file, and the remedy.
pub(super) fn other_weights(names: &[String]) -> Option<(String, &'static str)> {
    const CONVERT: &str =
        "convert it in Python, `AutoModel.from_pretrained(x).save_pretrained(folder)`, and give the folder";
    const RENAME: &str = "give it the name `model.safetensors` if it is the whole model";
    const FROM_FLAX: &str = "convert it in Python with transformers 4, `AutoModel.from_pretrained(x, from_flax=True)\
                             .save_pretrained(folder)`, and give the folder";
    const FROM_TF: &str = "convert it in Python with transformers 4, `AutoModel.from_pretrained(x, from_tf=True)\
                           .save_pretrained(folder)`, and give the folder";
    const ORIGINAL: &str = "take the weights in safetensors from which it was made";
    let kinds: [OtherWeights; 9] = [
        (|name, _| name == "adapter_model.safetensors" || name == "adapter_model.bin", NO_ADAPTER),
        (|name, _| name.starts_with("consolidated."), "take the repository that is made for transformers"),
        (|_, ending| ending == "safetensors", RENAME),
        (|_, ending| ending == "h5", FROM_TF),
        (|_, ending| ending == "msgpack", FROM_FLAX),
        (|name, ending| ending == "onnx" || name == "onnx", ORIGINAL),
        (|_, ending| matches!(ending, "mlmodel" | "mlpackage" | "tflite"), ORIGINAL),
        (|name, _| name.starts_with("openvino_model"), ORIGINAL),
        (|_, ending| matches!(ending, "bin" | "pt" | "pth" | "ckpt"), CONVERT),
    ];
    kinds.into_iter().find_map(|(is_one, remedy)| {
        // What a trainer leaves beside the weights is none.
        let ending =
            |name: &str| name.rsplit_once('.').map_or_else(String::new, |(_, ending)| ending.to_ascii_lowercase());
        let is_weights = |name: &&String| is_one(name, &ending(name)) && !name.starts_with("training_args");
        names.iter().find(is_weights).map(|name| (name.clone(), remedy))
    })
}
