//! The files of one model, wherever they are.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::folder::{self, MISSING_PART};
use super::id::{RepositoryId, check_file_name, looks_like_a_path};
use super::index::ShardIndex;
use super::options::HubOptions;
use super::part_name::{GGUF_ENDING, PartName, first_part};
#[cfg(feature = "hub")]
use super::repository::Repository;
use super::spelling;
use crate::control::Control;
use crate::error::{Error, ErrorCode, Result, shown};
use crate::gguf;

/// The file that says what a model is.
pub(super) const CONFIG_FILE: &str = "config.json";

/// The file that says what an adapter is and for which model.
pub(super) const ADAPTER_FILE: &str = "adapter_config.json";

/// How a model's weights may lie in its files.
struct WeightFormat {
    /// The name of the one file that holds all.
    single: &'static str,
    /// The name of the file that says which shard holds which tensor.
    index: &'static str,
    /// What the names of shards end in.
    ending: &'static str,
}

/// The formats, the better one first: a repository that has both has the same weights in both.
const WEIGHT_FORMATS: [WeightFormat; 2] = [
    WeightFormat { single: "model.safetensors", index: "model.safetensors.index.json", ending: ".safetensors" },
    WeightFormat { single: "pytorch_model.bin", index: "pytorch_model.bin.index.json", ending: ".bin" },
];

/// The ids of models inside the library start with this; they are opened without a hub, before [`locate`] is called.
const EMBEDDED_SCHEME: &str = "eidos:";

/// Finds a model by folder, by the path of a GGUF file, or by hub id.
///
/// A folder or file that exists is taken as it is: neither the network nor the cache is touched. A folder that has no
/// weights but those of one GGUF file is that file. Of a repository of a cache (`models--owner--name`) the snapshot of
/// `main` is opened, of the root of a model of sentence-transformers its transformer, and of a folder with one model
/// inside it that one. Everything else is an id, `name` or `owner/name`, perhaps with a
/// GGUF file of its repository behind a colon: `owner/name:model-Q8_0.gguf`. With a hub the revision is resolved to a
/// commit, so that all files belong together, and `config.json` or the GGUF file is fetched; the other files follow
/// when methods of [`ModelSource`] need them. When the hub cannot be reached, the commit that the cache last saw for
/// this revision is used.
///
/// A folder or repository with an `adapter_config.json` in place of a `config.json` is an adapter: [`ModelSource::adapter`] says so, and
/// [`ModelSource::base`] finds its base model.
///
/// llama.cpp splits large models into parts, `model-00001-of-00003.gguf` and so on. Any of them names the model, and a
/// folder of nothing else is the model; the first part is fetched, and the others by [`ModelSource::gguf_parts`].
///
/// # Errors
/// * [`ErrorCode::InvalidArgument`]: neither a folder nor a GGUF file nor an id; a folder of several GGUF models; a
///   revision, endpoint or token that cannot be one.
/// * [`ErrorCode::NotFound`]: no such folder, repository, revision or `config.json`; a folder with parts of a model, but
///   not the first; offline and not cached.
/// * [`ErrorCode::AccessDenied`]: the hub wants a token, or another one, or the acceptance of its conditions.
/// * [`ErrorCode::Network`]: the hub cannot be reached or fails, after three retries.
/// * [`ErrorCode::Unsupported`]: an id, and a build without the feature `hub`.
/// * [`ErrorCode::Io`] (the cache cannot be written), [`ErrorCode::Cancelled`].
pub fn locate(id_or_path: &str, options: &HubOptions, control: &Control) -> Result<ModelSource> {
    let path = Path::new(id_or_path);
    if path.is_dir() {
        // Files are opened later: the working directory may be another one by then.
        let folder = std::path::absolute(path).map_err(|error| Error::io(path, "open", &error))?;
        let folder = folder::of_model(&folder)?;
        let gguf = folder::only_gguf(&folder)?;
        return Ok(ModelSource { name: id_or_path.to_owned(), origin: Origin::Folder(folder), gguf });
    }
    if id_or_path.starts_with(EMBEDDED_SCHEME) {
        return Err(no_embedded_model(id_or_path));
    }
    if path.is_file() {
        return gguf_file(id_or_path);
    }
    let is_address = id_or_path.contains("://");
    if let Some((id, file)) = id_or_path.split_once(':').filter(|(_, file)| file.ends_with(GGUF_ENDING) && !is_address)
    {
        check_file_name(file)?;
        return open_repository(&RepositoryId::parse(id)?, Some(file), options, control);
    }
    if looks_like_a_path(id_or_path) || id_or_path.ends_with(GGUF_ENDING) {
        let what = if id_or_path.ends_with(GGUF_ENDING) { "file" } else { "folder" };
        return Err(Error::new(ErrorCode::NotFound, format!("there is no {what} `{}`", shown(id_or_path)))
            .hint(where_it_may_be(id_or_path))
            .detail("path", shown(id_or_path)));
    }
    if let Some((id, tag)) = id_or_path.split_once(':')
        && let Ok(id) = RepositoryId::parse(id)
    {
        return Err(no_file(&id, tag, options));
    }
    let id = RepositoryId::parse(id_or_path).map_err(|error| match spelling::hint(id_or_path) {
        Some(hint) => error.hint(hint),
        None => error,
    })?;
    open_repository(&id, None, options, control)
}

/// What to do about a path that leads nowhere.
fn where_it_may_be(path: &str) -> String {
    if let Some(hint) = spelling::hint(path) {
        return format!("check the path; {hint}");
    }
    if let (Some(rest), Some(home)) = (path.strip_prefix("~/"), std::env::home_dir()) {
        return format!("`~` is not understood here: give `{}`", home.join(rest).display());
    }
    let form = "an id has the form `owner/name`, a GGUF file on a hub `owner/name:file.gguf`";
    match std::env::current_dir().ok().filter(|_| Path::new(path).is_relative()) {
        Some(folder) => format!("check the path, which begins at `{}`; {form}", folder.display()),
        None => format!("check the path; {form}"),
    }
}

/// The error for `owner/name:tag`, as other programs name a file of a repository.
fn no_file(id: &RepositoryId, tag: &str, options: &HubOptions) -> Error {
    #[cfg(feature = "hub")]
    let names = Repository::listed(id, options);
    #[cfg(not(feature = "hub"))]
    let (names, _) = (Vec::new(), options);
    let id = id.as_str();
    Error::argument(format!("`{}` is not the name of a file of `{id}`", shown(tag)))
        .hint(spelling::tagged(id, tag, &names))
        .detail("id", id)
        .detail("file", shown(tag))
}

/// Whether a folder has weights, or an index of them, under one of the names that are looked for.
pub(super) fn has_weights(folder: &Path) -> bool {
    let has = |name: &str| folder.join(name).symlink_metadata().is_ok();
    WEIGHT_FORMATS.iter().any(|format| has(format.single) || has(format.index))
}

/// Whether the first bytes of a file are those of GGUF.
fn begins_as_gguf(name: &str) -> Result<bool> {
    let mut first = Vec::new();
    let read = File::open(name).and_then(|file| file.take(4).read_to_end(&mut first));
    read.map_err(|error| Error::io(name, "read", &error))?;
    Ok(gguf::is_one(&first))
}

/// A model that is one file, or of which it is a part, with what lies beside it.
fn gguf_file(name: &str) -> Result<ModelSource> {
    // Some programs keep such files under the hash of their bytes.
    if !name.ends_with(GGUF_ENDING) && !begins_as_gguf(name)? {
        return Err(Error::argument(format!("`{}` is a file, not the folder of a model", shown(name)))
            .hint("give the folder that holds `config.json`, or a GGUF file")
            .detail("path", shown(name)));
    }
    let file = std::path::absolute(name).map_err(|error| Error::io(name, "open", &error))?;
    let (Some(folder), Some(file)) = (file.parent(), file.file_name()) else {
        return Err(Error::internal("a file without a name"));
    };
    // Where there is no first part, what the file says of itself decides: it may have its name by chance.
    let first = file.to_str().map(first_part).filter(|first| folder.join(first).is_file());
    Ok(ModelSource {
        name: name.to_owned(),
        origin: Origin::Folder(folder.to_owned()),
        gguf: Some(first.map_or_else(|| PathBuf::from(file), PathBuf::from)),
    })
}

#[cfg(feature = "hub")]
fn open_repository(
    id: &RepositoryId,
    gguf: Option<&str>,
    options: &HubOptions,
    control: &Control,
) -> Result<ModelSource> {
    let name = gguf.map_or_else(|| id.as_str().to_owned(), |file| format!("{}:{file}", id.as_str()));
    let gguf = gguf.map(first_part);
    let first = gguf.as_deref().unwrap_or(CONFIG_FILE);
    let repository = Repository::open(id.clone(), options, control, first).or_else(|error| {
        // What is there but for this file may be an adapter.
        let has_others = error.code() == ErrorCode::NotFound && !error.details().iter().any(|(key, _)| key == "status");
        if gguf.is_some() || !has_others {
            return Err(error);
        }
        Repository::open(id.clone(), options, control, ADAPTER_FILE).map_err(|_| error)
    })?;
    Ok(ModelSource { name, origin: Origin::Repository(Box::new(repository)), gguf: gguf.map(PathBuf::from) })
}

#[cfg(not(feature = "hub"))]
fn open_repository(
    id: &RepositoryId,
    _gguf: Option<&str>,
    _options: &HubOptions,
    _control: &Control,
) -> Result<ModelSource> {
    let id = id.as_str();
    Err(Error::new(
        ErrorCode::Unsupported,
        format!("`{id}` is not a folder, and this build of Eidos cannot download models: it has no feature `hub`"),
    )
    .hint("download the model with another program and give its folder, or build Eidos with the feature `hub`")
    .detail("id", id))
}

fn no_embedded_model(name: &str) -> Error {
    let hint = if cfg!(feature = "demo-model") {
        "the model inside the library is `eidos:demo`"
    } else {
        "build Eidos with the feature `demo-model` for `eidos:demo`, or give a folder or an id"
    };
    Error::new(ErrorCode::NotFound, format!("no model `{}` is inside this build of Eidos", shown(name)))
        .hint(hint)
        .detail("id", shown(name))
}

/// A model whose files are downloaded when they are needed.
///
/// It may be shared between threads. A file that was downloaded once comes from the cache afterwards.
#[derive(Debug)]
pub struct ModelSource {
    name: String,
    origin: Origin,
    /// The GGUF file that the model is, or its first part, in the folder or repository.
    gguf: Option<PathBuf>,
}

#[derive(Debug)]
enum Origin {
    Folder(PathBuf),
    #[cfg(feature = "hub")]
    Repository(Box<Repository>),
}

impl ModelSource {
    /// The folder, file or id, as the caller wrote it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The commit that all files belong to; `None` for a folder.
    pub fn commit(&self) -> Option<&str> {
        match &self.origin {
            Origin::Folder(_) => None,
            #[cfg(feature = "hub")]
            Origin::Repository(repository) => Some(repository.commit()),
        }
    }

    /// The path of a file of the model on this machine, fetched if need be; `None` when the model has no such file.
    ///
    /// Without a network, a file that is not cached counts as one that the model does not have.
    ///
    /// # Errors
    /// [`ErrorCode::InvalidArgument`] when `name` is not a plain relative name, [`ErrorCode::InvalidFile`] when it is a
    /// folder, [`ErrorCode::NotFound`] when it is a link to nothing, and for an id what [`locate`] reports.
    pub fn file(&self, name: &str, control: &Control) -> Result<Option<PathBuf>> {
        check_file_name(name)?;
        control.check()?;
        match &self.origin {
            Origin::Folder(folder) => file_in_folder(folder, name),
            #[cfg(feature = "hub")]
            Origin::Repository(repository) => repository.file(name, control),
        }
    }

    /// The path of a file that the model must have.
    ///
    /// # Errors
    /// [`ErrorCode::NotFound`] naming the file and the model when it is not there, and what [`Self::file`] reports.
    pub fn required(&self, name: &str, control: &Control) -> Result<PathBuf> {
        self.file(name, control)?.ok_or_else(|| self.missing(name))
    }

    /// The path of `config.json`, which says what the model is.
    ///
    /// # Errors
    /// As [`Self::required`].
    pub fn config(&self, control: &Control) -> Result<PathBuf> {
        self.file(CONFIG_FILE, control)?.ok_or_else(|| self.no_config())
    }

    /// The path of `adapter_config.json`, where it is an adapter and not a model: there is no `config.json`, or in a folder no
    /// file of a model's weights.
    ///
    /// # Errors
    /// As [`Self::file`].
    pub fn adapter(&self, control: &Control) -> Result<Option<PathBuf>> {
        let is_one = match &self.origin {
            Origin::Folder(folder) => !has_weights(folder),
            #[cfg(feature = "hub")]
            Origin::Repository(repository) => repository.first_file() == ADAPTER_FILE,
        };
        if is_one { self.file(ADAPTER_FILE, control) } else { Ok(None) }
    }

    /// The base model of an adapter: an id, or a folder, which may be given as it lies beside the adapter's own.
    ///
    /// # Errors
    /// Those of [`locate`], with what to do about a base model that is not there.
    pub fn base(&self, base: &str, revision: Option<&str>, options: &HubOptions, control: &Control) -> Result<Self> {
        let beside = match &self.origin {
            Origin::Folder(folder) => Some(folder.join(base)).filter(|path| path.is_dir()),
            #[cfg(feature = "hub")]
            Origin::Repository(_) => None,
        };
        let beside = beside.filter(|_| !Path::new(base).is_dir()).and_then(|path| path.to_str().map(str::to_owned));
        // The revision of the options is that of the adapter, where this has one.
        let of_adapter = self.commit().is_none().then(|| options.revision.clone()).flatten();
        let options = HubOptions { revision: revision.map(str::to_owned).or(of_adapter), ..options.clone() };
        locate(beside.as_deref().unwrap_or(base), &options, control).map_err(|error| {
            if error.code() != ErrorCode::NotFound && error.code() != ErrorCode::InvalidArgument {
                return error;
            }
            let base = shown(base);
            error.within(format!("the base model `{base}`")).hint(format!(
                "set `base_model_name_or_path` in {ADAPTER_FILE}, now `{base}`, to the id of the base model or to its folder here"
            ))
        })
    }

    /// The error for a model without a configuration, which says what there is instead.
    fn no_config(&self) -> Error {
        let error = self.missing(CONFIG_FILE);
        let names = self.names();
        match folder::instead(&|file| names.iter().any(|name| name == file)) {
            Some((what, remedy)) => {
                error.within(format!("`{}` looks like {what}, not like a model", shown(&self.name))).hint(remedy)
            }
            None => error,
        }
    }

    /// The names of the files that lie in the folder or repository, as far as that is known.
    fn names(&self) -> Vec<String> {
        match &self.origin {
            Origin::Folder(folder) => {
                let entries = folder.read_dir().into_iter().flatten().flatten();
                let mut names: Vec<String> = entries.filter_map(|entry| entry.file_name().into_string().ok()).collect();
                names.sort();
                names
            }
            #[cfg(feature = "hub")]
            Origin::Repository(repository) => repository.names(None),
        }
    }

    /// The path of the GGUF file that the model is, or of its first part, fetched if need be; `None` for a model with a
    /// `config.json`.
    ///
    /// # Errors
    /// As [`Self::required`].
    pub fn gguf(&self, control: &Control) -> Result<Option<PathBuf>> {
        control.check()?;
        match (&self.gguf, &self.origin) {
            (None, _) => Ok(None),
            // The caller's own file may have any name.
            (Some(file), Origin::Folder(folder)) => Ok(Some(folder.join(file))),
            #[cfg(feature = "hub")]
            (Some(file), Origin::Repository(_)) => self.required(&file.to_string_lossy(), control).map(Some),
        }
    }

    /// The paths of all parts of a GGUF model, the first one first, fetched if need be. `count` is how many the first
    /// one says that there are: 1 for a whole model, whose one file may have any name. None for a model with a
    /// `config.json`.
    ///
    /// # Errors
    /// [`ErrorCode::NotFound`] naming a part that is missing, [`ErrorCode::InvalidFile`] when the file is not called as
    /// the first of so many parts is, so that there is no telling what the others are called, and what [`Self::file`]
    /// reports.
    pub fn gguf_parts(&self, count: usize, control: &Control) -> Result<Vec<PathBuf>> {
        let Some(first) = self.gguf(control)?.filter(|_| count > 1) else {
            return Ok(self.gguf(control)?.into_iter().collect());
        };
        let name = self.gguf.as_deref().and_then(Path::to_str).and_then(PartName::parse);
        let name = name.filter(|name| (name.number, name.count) == (1, count));
        let name = name.ok_or_else(|| {
            let path = first.display();
            Error::new(
                ErrorCode::InvalidFile,
                format!(
                    "`{path}` is the first of {count} parts of a model, but it is not called `...-00001-of-{count:05}.gguf`, and the \
                     others are found by its name"
                ),
            )
            .hint("give all parts the names that they were published under")
            .detail("path", path)
        })?;
        let names: Vec<String> = (1..=count).map(|number| name.part(number)).collect();
        let missing = |part: &str| {
            self.not_there(&format!("`{part}`, one of the {count} parts of the model,"), MISSING_PART)
                .detail("file", part)
        };
        self.files(&names.iter().map(String::as_str).collect::<Vec<_>>(), &missing, control)
    }

    /// The path of `tokenizer.json`; `None` when the model has none, which is enough to list its modules.
    ///
    /// # Errors
    /// As [`Self::file`].
    pub fn tokenizer(&self, control: &Control) -> Result<Option<PathBuf>> {
        self.file("tokenizer.json", control)
    }

    /// The path of `tokenizer_config.json`, if there is one.
    ///
    /// # Errors
    /// As [`Self::file`].
    pub fn tokenizer_config(&self, control: &Control) -> Result<Option<PathBuf>> {
        self.file("tokenizer_config.json", control)
    }

    /// The path of `special_tokens_map.json`, if there is one.
    ///
    /// # Errors
    /// As [`Self::file`].
    pub fn special_tokens_map(&self, control: &Control) -> Result<Option<PathBuf>> {
        self.file("special_tokens_map.json", control)
    }

    /// The files that hold the wanted tensors, in the order of their names: safetensors, or PyTorch's own where there
    /// are none.
    ///
    /// A model with one `model.safetensors` (or `pytorch_model.bin`) gives that file. A sharded one gives the shards in
    /// which the index puts at least one tensor for which `wanted` is true, and only these are fetched; none when
    /// nothing is wanted. Shards without an index are all given, where none is missing.
    ///
    /// # Errors
    /// [`ErrorCode::NotFound`] when there are none or a shard of the index is missing, [`ErrorCode::InvalidFile`] for
    /// an index that is none, and what [`Self::file`] reports.
    pub fn weight_files(&self, wanted: &dyn Fn(&str) -> bool, control: &Control) -> Result<Vec<PathBuf>> {
        for format in &WEIGHT_FORMATS {
            if let Some(single) = self.file(format.single, control)? {
                return Ok(vec![single]);
            }
            if let Some(path) = self.file(format.index, control)? {
                return self.shards(&ShardIndex::read(&path, format.ending)?, format.index, wanted, control);
            }
        }
        let names = self.names();
        for format in &WEIGHT_FORMATS {
            let Some(part) = names.iter().find_map(|name| PartName::parse_with(name, format.ending)) else { continue };
            let shards: Vec<String> = (1..=part.count).map(|number| part.part_with(number, format.ending)).collect();
            if let Some(missing) = shards.iter().find(|shard| !names.contains(shard)) {
                let what = format!(
                    "`{missing}`, one of {} shards, and no `{}` that says what is in it,",
                    part.count, format.index
                );
                let error = self.not_there(&what, "get the missing shard, or the whole model again");
                return Err(error.detail("file", missing));
            }
            let missing = |shard: &str| self.missing(shard);
            return self.files(&shards.iter().map(String::as_str).collect::<Vec<_>>(), &missing, control);
        }
        Err(self.no_weights(&names))
    }

    /// The shards that hold a wanted tensor.
    fn shards(
        &self,
        index: &ShardIndex,
        index_name: &str,
        wanted: &dyn Fn(&str) -> bool,
        control: &Control,
    ) -> Result<Vec<PathBuf>> {
        let shards = index.shards(wanted);
        shards.iter().try_for_each(|shard| check_file_name(shard))?;
        self.files(&shards, &|shard| self.missing_shard(shard, index_name), control)
    }

    /// The paths of several files that the model must have, in their order; those to be fetched count as one download.
    fn files(&self, names: &[&str], missing: &dyn Fn(&str) -> Error, control: &Control) -> Result<Vec<PathBuf>> {
        control.check()?;
        match &self.origin {
            Origin::Folder(folder) => {
                names.iter().map(|name| file_in_folder(folder, name)?.ok_or_else(|| missing(name))).collect()
            }
            #[cfg(feature = "hub")]
            Origin::Repository(repository) => repository.files(names, missing, control),
        }
    }

    /// The error for a file that the model must have and has not.
    pub fn missing(&self, name: &str) -> Error {
        self.not_there(&format!("`{name}`"), "choose a model that has it").detail("file", name)
    }

    fn missing_shard(&self, shard: &str, index: &str) -> Error {
        let error = self.not_there(
            &format!("`{shard}`, which `{index}` names,"),
            "get the missing shard, or the whole model again",
        );
        error.detail("file", shard).detail("index", index)
    }

    fn no_weights(&self, names: &[String]) -> Error {
        let [best, other] = WEIGHT_FORMATS;
        let (single, index, bin) = (best.single, best.index, other.single);
        let what = format!("`{single}`, `{index}` or `{bin}`");
        let error = match folder::other_weights(names) {
            Some((name, remedy)) => {
                let name = shown(&name);
                self.not_there(&format!("{what}, but `{name}`, which is not read"), remedy).detail("other", name)
            }
            None => self.not_there(&what, "choose a model with weights in one of these, or name its GGUF file"),
        };
        error.detail("file", single)
    }

    fn not_there(&self, what: &str, remedy: &str) -> Error {
        match &self.origin {
            Origin::Folder(folder) => {
                let folder = folder.display();
                Error::new(ErrorCode::NotFound, format!("folder `{folder}` has no {what}"))
                    .hint(remedy)
                    .detail("folder", folder)
            }
            #[cfg(feature = "hub")]
            Origin::Repository(repository) => repository.not_there(what, remedy),
        }
    }
}

fn file_in_folder(folder: &Path, name: &str) -> Result<Option<PathBuf>> {
    let path = folder.join(name);
    match path.metadata() {
        Ok(metadata) if metadata.is_dir() => {
            Err(Error::new(ErrorCode::InvalidFile, format!("`{}` is a folder and should be a file", path.display()))
                .hint("give the folder of a model")
                .detail("path", path.display()))
        }
        Ok(_) => Ok(Some(path)),
        // A link to nothing is a damaged folder, not a model without this file.
        Err(error) if error.kind() == io::ErrorKind::NotFound && path.symlink_metadata().is_ok() => Err(Error::new(
            ErrorCode::NotFound,
            format!("`{}` is a link to a file that does not exist", path.display()),
        )
        .hint("get the model again")
        .detail("path", path.display())),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(None),
        Err(error) => Err(Error::io(&path, "open", &error)),
    }
}
