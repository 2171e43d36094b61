//! Where published dictionaries come from: files and folders of this machine, and repositories of a hub.

use std::path::{Path, PathBuf};

use crate::concepts::published::{self, DictionaryFiles};
use crate::concepts::{Explainer, PublishedOptions};
use crate::control::Control;
use crate::error::Result;
use crate::hub::{HubOptions, Subfolder};

/// The files by which a folder of a repository is known to be that of a dictionary.
const FIRST_FILES: [&str; 6] =
    ["cfg.json", "hyperparams.json", "config.json", "params.npz", "params.safetensors", "ae.pt"];

/// The endings of files that may be named themselves.
const ENDINGS: [&str; 3] = [".safetensors", ".npz", ".pt"];

impl Explainer {
    /// Opens a dictionary that somebody trained and published: a folder or file of this machine, or a folder in a repository of a
    /// hub, `google/gemma-scope-2b-pt-res/layer_20/width_16k/average_l0_71`, whose files are fetched into the cache. The formats
    /// are those of SAELens (2 to 6), Gemma Scope 1 and 2, Llama Scope, EleutherAI's sparsify and dictionary_learning, and what
    /// [`Explainer::save_as`] writes; files of [`Explainer::save`] open as well. `docs/dictionaries.md` says what is understood.
    ///
    /// The split point, where files say it, is the name that they have for it (`blocks.5.hook_resid_post`), by which a model is
    /// loaded, too. What may be wrong with the codes stands in the warnings of [`Explainer::report`].
    ///
    /// # Errors
    /// [`crate::ErrorCode::NotFound`] where no file of a known format is there; [`crate::ErrorCode::InvalidFile`] naming the file
    /// and the field or tensor that is wrong; [`crate::ErrorCode::Unsupported`] for a kind of dictionary that is not read;
    /// [`crate::ErrorCode::OutOfMemory`]; those of [`crate::hub::locate`].
    pub fn open_published(
        id_or_path: &str,
        options: &PublishedOptions,
        hub: &HubOptions,
        control: &Control,
    ) -> Result<Self> {
        let path = Path::new(id_or_path);
        if path.exists() {
            control.check()?;
            return if published::is_one(path) { published::open_path(path, options) } else { Self::open(path) };
        }
        let file = ENDINGS.iter().any(|ending| id_or_path.ends_with(ending));
        let named = id_or_path.rsplit_once('/').filter(|_| file);
        let (folder, named) = named.map_or((id_or_path, None), |(folder, file)| (folder, Some(file)));
        let first_files: Vec<&str> = match named {
            Some(file) => vec![file],
            None => FIRST_FILES.to_vec(),
        };
        let folder = Subfolder::locate(folder, &first_files, hub, control)?;
        let named = match named {
            Some(file) => folder.file(file, control)?,
            None => None,
        };
        published::open(&HubFiles { folder, named, control }, options)
    }
}

/// The files of a dictionary in a repository.
struct HubFiles<'a> {
    folder: Subfolder,
    /// The file of weights that the caller named.
    named: Option<PathBuf>,
    control: &'a Control,
}

impl DictionaryFiles for HubFiles<'_> {
    fn name(&self) -> &str {
        self.folder.name()
    }

    fn file(&self, name: &str) -> Result<Option<PathBuf>> {
        self.folder.file(name, self.control)
    }

    fn named(&self) -> Option<&Path> {
        self.named.as_deref()
    }
}
