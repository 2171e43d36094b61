//! A loaded model that runs to its split points.

use candle_core::{DType, Device, Tensor};

use crate::error::{Error, ErrorCode, Result};
use crate::linalg::check_finite;
use crate::model::blueprint::{BlockSite, Blueprint, EmbeddingSite, Pooling, Site, Stack, Work};
use crate::model::forward::{Layers, Pass, TokenRows};
use crate::model::module_path::{Module, ModuleTree, Node};
use crate::model::ops::{Backend, Implementation, RowSelection};
use crate::model::same_prefix::{self, SamePrefix};
use crate::model::tap::{Edit, Halt, Tap};
use crate::text::Tokenizer;
use crate::workers::Workers;
use crate::workspace;

/// A place where a model is split: its activations are read there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SplitPoint {
    /// The module's path, in the spelling of [`SplitModel::modules`].
    pub path: String,
    /// The columns of its activations.
    pub width: usize,
    pub(crate) site: Site,
}

/// How a pass over some texts runs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PassOptions<'a> {
    /// The rows that somebody reads: their numbers, ascending; `None` for all.
    pub rows: Option<&'a [u32]>,
    /// On how many threads a long text is computed.
    pub threads: usize,
    /// Whether tokens that several texts begin with run once, where the model is one that gives the same for all of them.
    pub same_prefix: Sharing,
}

/// When tokens that several texts begin with run once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sharing {
    /// Where that pays.
    WherePays,
    /// Wherever there are some.
    #[cfg(test)]
    Always,
    /// Never.
    #[cfg(test)]
    Never,
}

impl Default for PassOptions<'_> {
    fn default() -> Self {
        Self { rows: None, threads: 1, same_prefix: Sharing::WherePays }
    }
}

/// A model that is loaded as far as its last split point, and runs that far.
///
/// It is only read, so any number of threads may run it at once. [`SplitModel::forward`] computes on the thread that calls it;
/// collections compute on threads that the model keeps for later calls, as many as its calls used at the same time.
#[derive(Debug)]
pub struct SplitModel {
    pub(super) name: String,
    pub(super) blueprint: Blueprint,
    pub(super) tree: ModuleTree,
    pub(super) split_points: Vec<SplitPoint>,
    /// Those of the split points.
    pub(super) sites: Vec<Site>,
    pub(super) layers: Layers,
    /// What their numbers take in memory.
    pub(super) weight_bytes: usize,
    /// How its products are computed.
    pub(super) products: String,
    /// Whether some of them are faer's.
    pub(super) uses_faer: bool,
    /// Where it computes.
    pub(super) backend: Backend,
    /// Which implementation of its operations it runs.
    pub(super) implementation: Implementation,
    /// Whether all layers are there, up to the head.
    pub(super) whole: bool,
    pub(super) fingerprint: [u8; 32],
    pub(super) tokenizer: Option<Reader>,
    /// What a classifier's configuration calls its labels; `None` for other heads.
    pub(super) labels: Option<Vec<String>>,
    /// The threads that calls run it on, which end with it.
    pub(crate) workers: Workers,
}

/// What a row of logits predicts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Target {
    /// The token behind that of the row: a causal language model.
    NextToken,
    /// The token of the row: a language model that sees it, or whose decoder has seen those before it.
    Token,
    /// A label of the text or of the token: a classifier.
    Label,
}

/// What a model's inputs are made with.
#[derive(Debug)]
pub(super) enum Reader {
    /// Texts and token ids.
    Texts(Tokenizer),
    /// Token ids alone, for a reason.
    Ids { ids: Tokenizer, reason: Error },
}

impl SplitModel {
    /// What the model is called: its id or folder.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its architecture: the `model_type` of its configuration.
    pub fn family(&self) -> &str {
        self.blueprint.family
    }

    /// Every module of the model, in PyTorch's order.
    pub fn modules(&self) -> &[Module] {
        self.tree.modules()
    }

    /// Where it is split, in the caller's order.
    pub fn split_points(&self) -> &[SplitPoint] {
        &self.split_points
    }

    /// A path as different head classes of the model may call it, this spelling first.
    pub(crate) fn spellings(&self, path: &str) -> Vec<String> {
        self.tree.spellings(path)
    }

    /// Which of the split points is the module at `path`, written with the base model's prefix or without: a head class
    /// may have called it otherwise. A name that other programs give it (`blocks.5.hook_resid_post`) stands for any module with the
    /// same rows.
    pub(crate) fn split_point_at(&self, path: &str) -> Option<usize> {
        let spellings = self.tree.spellings(path);
        let found = spellings.iter().find_map(|path| self.split_points.iter().position(|point| point.path == *path));
        found.or_else(|| {
            let (_, _, site) = self.tree.split_point(&self.blueprint, path).ok()?;
            self.split_points.iter().position(|point| point.site == site)
        })
    }

    /// The same model with the tokenizer that turns texts into its ids.
    pub fn with_tokenizer(self, tokenizer: Tokenizer) -> Self {
        self.with_reader(Reader::Texts(tokenizer))
    }

    pub(super) fn with_reader(mut self, reader: Reader) -> Self {
        self.tokenizer = Some(reader);
        self
    }

    /// The tokenizer of the model.
    ///
    /// # Errors
    /// [`ErrorCode::InvalidArgument`] when the model was loaded without one; the reason where its files have none that can be read
    /// ([`ErrorCode::NotFound`], [`ErrorCode::Unsupported`]): such a model reads token ids.
    pub fn tokenizer(&self) -> Result<&Tokenizer> {
        match &self.tokenizer {
            Some(Reader::Texts(tokenizer)) => Ok(tokenizer),
            Some(Reader::Ids { reason, .. }) => Err(reason.clone()),
            None => Err(Error::argument(format!("`{}` was loaded without a tokenizer", self.name))
                .hint("load the model with at least one split point, from a folder or an id")),
        }
    }

    /// What cuts inputs into units: the tokenizer, or what knows ids alone.
    ///
    /// # Errors
    /// Those of [`Self::tokenizer`].
    pub(crate) fn tokenizer_of_ids(&self) -> Result<&Tokenizer> {
        match &self.tokenizer {
            Some(Reader::Ids { ids, .. }) => Ok(ids),
            _ => self.tokenizer(),
        }
    }

    /// What tells this model from another one: a hash of its configuration and of samples of the weights that are
    /// loaded.
    pub(crate) fn fingerprint(&self) -> [u8; 32] {
        self.fingerprint
    }

    /// Reserves what the calling thread needs to run the model, so that a thread that has no memory for it does not begin.
    ///
    /// # Errors
    /// [`crate::ErrorCode::OutOfMemory`].
    pub(crate) fn prepare_thread(&self) -> Result<()> {
        if self.uses_faer { workspace::prepare() } else { Ok(()) }
    }

    /// How many bytes of memory its weights take, where it computes: matrices as much as in their files, whatever type of
    /// number these have, or 2 bytes a number where they are kept for products in bf16, and vectors are f32. A matrix that is
    /// an embedding and an output as well is there once. An embedding of a mebibyte or more that is no output stays in its file,
    /// unless that was copied into memory, and takes none.
    pub fn weight_bytes(&self) -> usize {
        self.weight_bytes
    }

    /// How it multiplies rows with its weights, for people: `bf16 x 3 (AMX)`, `f32 (AVX-512)`. Where a faster way is known,
    /// a semicolon follows, and why it is not taken. Empty for a model without split points.
    pub fn products(&self) -> &str {
        &self.products
    }

    /// How many token ids it knows.
    pub fn vocabulary_size(&self) -> usize {
        self.blueprint.vocabulary
    }

    /// How many tokens of a text it was made for.
    pub fn max_positions(&self) -> usize {
        self.blueprint.max_positions
    }

    /// Where it computes.
    pub fn device(&self) -> &Device {
        &self.backend.device
    }

    /// The page-locked memory that a call on its device leaves to the next one.
    #[cfg(feature = "cuda")]
    pub(crate) fn shelf(&self) -> Option<std::sync::Arc<crate::cuda::Shelf>> {
        self.backend.shelf.clone()
    }

    /// Whether it runs as on a device: there, or where references on the CPU stand in for one.
    pub(crate) fn runs_as_on_device(&self) -> bool {
        !self.device().is_cpu() || matches!(self.implementation, Implementation::Reference(_))
    }

    /// Runs the texts, given as token ids, as far as the last split point.
    ///
    /// Returns one f32 tensor `(sum of lengths, width)` for each split point, in the caller's order: the rows of
    /// the first text, then those of the second, and so on. A text without tokens has no rows. The rows of a text
    /// are the same bits whatever the other texts are.
    ///
    /// A decoder that has an encoder (T5) reads each text shifted by one token, its start token first: row `i` of a
    /// module of the decoder is the state that predicts token `i`, from the tokens before it and from all that the
    /// encoder read.
    ///
    /// # Errors
    /// [`ErrorCode::Mismatch`] for an id that is not in the vocabulary; [`ErrorCode::InvalidArgument`] for a text
    /// longer than the model's table of positions; [`ErrorCode::OutOfMemory`] on a device.
    pub fn forward(&self, sequences: &[&[u32]]) -> Result<Vec<Tensor>> {
        self.forward_under(sequences, PassOptions::default(), Vec::new())
    }

    /// As [`SplitModel::forward`], under some changes. Where some rows alone are read, each tensor has those rows, with the same
    /// bits, and what only other rows need is not computed.
    pub(crate) fn forward_under(
        &self,
        sequences: &[&[u32]],
        options: PassOptions<'_>,
        edits: Vec<Edit<'_>>,
    ) -> Result<Vec<Tensor>> {
        self.check(sequences)?;
        let rows = TokenRows::new(sequences);
        if rows.len() == 0 || self.sites.is_empty() {
            let empty = |point: &SplitPoint| Ok(Tensor::zeros((0, point.width), DType::F32, &self.backend.device)?);
            return self.split_points.iter().map(empty).collect();
        }
        if let Some(same) = self.same_prefix(sequences, options, &edits) {
            return self.forward_shared(sequences, options, &same);
        }
        let mut tap = Tap::capture(&self.sites, edits).of_rows(self.selection(&rows, options.rows)?);
        match self.pass(&rows, &mut tap).on_threads(options.threads).run() {
            Ok(_) | Err(Halt::Done) => {}
            Err(Halt::Failed(error)) => return Err(error),
        }
        self.captured(tap)
    }

    /// What a tap has of each split point.
    fn captured(&self, tap: Tap<'_>) -> Result<Vec<Tensor>> {
        let captured = tap.into_captured().into_iter().zip(&self.split_points);
        captured
            .map(|(value, point)| {
                let value =
                    value.ok_or_else(|| Error::internal(format!("the forward pass never came to `{}`", point.path)))?;
                widened(value)
            })
            .collect()
    }

    /// How many tokens all of some texts begin with, if these run once in a batch and that pays.
    pub(crate) fn shared_by_all<'a>(&self, texts: impl Iterator<Item = &'a [u32]> + Clone) -> usize {
        let lengths = texts.clone().map(<[u32]>::len);
        if self.shares_prefixes(lengths) { same_prefix::shared_by_all(texts) } else { 0 }
    }

    /// Whether texts of these lengths share the rows of tokens that they begin with: kernels on the CPU compute queries of
    /// other rows than keys.
    fn shares_prefixes(&self, lengths: impl Iterator<Item = usize>) -> bool {
        let can = matches!(self.implementation, Implementation::Kernels(_)) && self.device().is_cpu();
        can && self.blueprint.shares_prefixes(lengths)
    }

    /// Which rows of some texts run, where tokens that several of them begin with run once. A change is one of all rows.
    fn same_prefix(&self, sequences: &[&[u32]], options: PassOptions<'_>, edits: &[Edit<'_>]) -> Option<SamePrefix> {
        let lengths = sequences.iter().map(|ids| ids.len());
        if sequences.len() < 2 || !edits.is_empty() || !self.shares_prefixes(lengths) {
            return None;
        }
        let same = SamePrefix::of(sequences);
        match options.same_prefix {
            Sharing::WherePays => same.pays(),
            #[cfg(test)]
            Sharing::Always => same.runs.len() < same.sources.len(),
            #[cfg(test)]
            Sharing::Never => false,
        }
        .then_some(same)
    }

    /// As [`SplitModel::forward_under`] without changes: the rows that texts share run once, and are handed out for each of them.
    fn forward_shared(&self, sequences: &[&[u32]], options: PassOptions<'_>, same: &SamePrefix) -> Result<Vec<Tensor>> {
        let rows = TokenRows::sharing(sequences, same)?;
        let sources = |row: u32| same.sources[row as usize];
        let wanted: Vec<u32> = match options.rows {
            Some(numbers) => numbers.iter().map(|row| sources(*row)).collect(),
            None => same.sources.clone(),
        };
        let mut read = wanted.clone();
        read.sort_unstable();
        read.dedup();
        let selection = if read.len() < same.runs.len() {
            let numbers: Vec<u32> = read.iter().map(|run| same.runs[*run as usize]).collect();
            self.selection(&rows, Some(&numbers))?.map(|selection| selection.among(&same.runs)).transpose()?
        } else {
            None
        };
        let mut tap = Tap::capture(&self.sites, Vec::new()).of_rows(selection);
        match self.pass(&rows, &mut tap).on_threads(options.threads).run() {
            Ok(_) | Err(Halt::Done) => {}
            Err(Halt::Failed(error)) => return Err(error),
        }
        let places: Vec<u32> = wanted.iter().map(|run| read.partition_point(|other| other < run) as u32).collect();
        let places = Tensor::from_vec(places, wanted.len(), self.device())?;
        self.captured(tap)?.iter().map(|value| Ok(value.index_select(&places, 0)?)).collect()
    }

    /// The rows that somebody reads of those of a batch, unless these are all.
    fn selection(&self, rows: &TokenRows, selected: Option<&[u32]>) -> Result<Option<RowSelection>> {
        let select = |numbers: &[u32]| RowSelection::new(numbers, rows.texts(), &self.backend.device);
        selected.map_or(Ok(None), select)
    }

    /// What the head of the model gives for a text: `(tokens, vocabulary)` scores of a language model, `(tokens,
    /// labels)` of a classifier of tokens, `(1, labels)` of a classifier of texts. The model must have been loaded with
    /// [`crate::LoadOptions::whole`].
    ///
    /// # Errors
    /// [`ErrorCode::InvalidArgument`] when the model has no head, was not loaded as a whole, or the text has no tokens;
    /// [`ErrorCode::InvalidData`] naming the first row of logits that holds a number that is not finite; else those of
    /// [`SplitModel::forward`].
    pub fn logits(&self, sequence: &[u32]) -> Result<Tensor> {
        self.check_head()?;
        if sequence.is_empty() {
            return Err(Error::argument("a text without tokens has no logits").hint("give at least one token"));
        }
        self.check(&[sequence])?;
        self.check_logits(self.run_to_head(&[sequence], Tap::pass(Vec::new()))?)
    }

    /// What the head of the model gives when the output of the module at `path` is `rows`: the texts' rows one after
    /// the other, `(sum of lengths, width)`, as [`SplitModel::forward`] returns them. The blocks before that module are
    /// not run where its output is all that goes on, which is the case at the output of a block.
    ///
    /// Returns `(sum of lengths, scores)` for a head that works token by token, `(texts, labels)` for a classifier of
    /// texts, where a text without tokens has no row. With the rows that the model itself gives there, the logits are
    /// the same bits as those of [`SplitModel::logits`]. The model must have been loaded with [`crate::LoadOptions::whole`].
    ///
    /// # Errors
    /// [`ErrorCode::UnknownModule`] with the nearest names; [`ErrorCode::InvalidArgument`] when the rows are not of
    /// that shape or the module's output does not depend on the text; else those of [`SplitModel::logits`].
    pub fn logits_from(&self, path: &str, rows: &Tensor, sequences: &[&[u32]]) -> Result<Tensor> {
        let (site, rows) = self.replacement(path, rows, sequences)?;
        if rows.dim(0)? == 0 {
            return Ok(Tensor::zeros((0, self.blueprint.logits), DType::F32, &self.backend.device)?);
        }
        self.check_logits(self.run_to_head(sequences, Tap::replace(site, rows))?)
    }

    fn check_logits(&self, logits: Tensor) -> Result<Tensor> {
        let values = logits.to_dtype(DType::F32)?.flatten_all()?.to_vec1::<f32>()?;
        check_finite(&values, self.blueprint.logits.max(1), 0).map_err(|error| error.within("the logits"))?;
        Ok(logits)
    }

    /// The rows that stand for those of the module at `path`, as the model computes with them, and the module's site.
    pub(super) fn replacement(&self, path: &str, rows: &Tensor, sequences: &[&[u32]]) -> Result<(Site, Tensor)> {
        self.check_head()?;
        let (path, width, site) = self.editable(path)?;
        let tokens = sequences.iter().map(|ids| ids.len()).sum::<usize>();
        if rows.dims() != [tokens, width] {
            let message = format!(
                "the rows for `{path}` are of shape {:?}, but these texts need {:?}",
                rows.dims(),
                [tokens, width]
            );
            return Err(Error::argument(message).hint("give one row for each token of each text, in their order"));
        }
        self.check(sequences)?;
        Ok((site, self.begin(rows)?))
    }

    /// Rows as the model computes with them.
    pub(crate) fn begin(&self, rows: &Tensor) -> Result<Tensor> {
        Ok(self.implementation.begin(rows.to_device(&self.backend.device)?)?.contiguous()?)
    }

    /// The module whose rows are to be changed: its path, its width and its site.
    pub(crate) fn editable(&self, path: &str) -> Result<(String, usize, Site)> {
        let (path, module, site) = self.tree.split_point(&self.blueprint, path)?;
        if site == Site::Embedding(EmbeddingSite::RotaryCosines) {
            return Err(Error::argument(format!("`{path}` gives rotations of positions, which cannot be changed"))
                .hint("change the output of another module"));
        }
        Ok((path, module.width.unwrap_or(0), site))
    }

    /// The logits of several texts at once under some changes, for a caller who looks at the numbers. Each must have tokens. A
    /// long text is computed on so many threads.
    pub(crate) fn logits_under(&self, sequences: &[&[u32]], threads: usize, edits: Vec<Edit<'_>>) -> Result<Tensor> {
        self.check_head()?;
        self.check(sequences)?;
        self.run_to_head_on(threads, sequences, Tap::pass(edits))
    }

    /// How many bytes the forward pass over texts of these lengths takes at most, beside the weights: what a block
    /// keeps at a time of the stream, the branches, the attention of one head and the MLP, and the values that split
    /// points keep.
    pub(crate) fn batch_bytes(&self, lengths: impl Iterator<Item = usize>) -> usize {
        let (mut tokens, mut longest) = (0_usize, 0);
        for length in lengths {
            tokens = tokens.saturating_add(length);
            longest = longest.max(length);
        }
        let blueprint = &self.blueprint;
        let heads = [Stack::First, Stack::Decoder].into_iter().flat_map(|stack| blueprint.attention(stack));
        let attention = heads.map(|attention| 8 * attention.heads.max(1) * attention.head_width).max().unwrap_or(0);
        let kept: usize = self.split_points.iter().map(|point| 2 * point.width).sum();
        let inputs = 4 * blueprint.per_layer_columns() + blueprint.kept_key_columns();
        let attention = attention.max(blueprint.delta_columns());
        let (inner, experts) = self.inner_columns();
        let columns = 12 * blueprint.width + attention + 6 * inner + 2 * experts + 3 * blueprint.logits + inputs + kept;
        // Scores of 256 queries, their mask, and what distances add to them.
        let scores = longest.saturating_mul(4 * 256);
        tokens.saturating_mul(columns).saturating_add(scores).saturating_mul(size_of::<f32>())
    }

    /// The most columns between two projections of an MLP, and the most experts that a block has. Experts run one after the other,
    /// at most with all rows.
    pub(super) fn inner_columns(&self) -> (usize, usize) {
        let of = |node: &Node| match (&node.work, node.gives.site()) {
            (Work::Experts(experts), _) => (experts.inner, experts.count),
            (Work::Linear { outputs, .. }, Some(Site::Block(_, BlockSite::MlpInner))) => (*outputs, 0),
            _ => (0, 0),
        };
        let all = self.tree.nodes().iter().map(of);
        all.fold((self.blueprint.inner_width, 0), |(inner, experts), of| (inner.max(of.0), experts.max(of.1)))
    }

    /// How many logits a row has: ids of the vocabulary, or labels of a classifier; 0 without a head.
    pub fn logit_count(&self) -> usize {
        self.blueprint.logits
    }

    /// Whether the head gives one row of logits for each text, not one for each token.
    pub fn has_logits_per_text(&self) -> bool {
        self.blueprint.pooling != Pooling::PerToken && self.blueprint.logits > 0
    }

    /// What the rows of logits predict.
    ///
    /// # Errors
    /// [`ErrorCode::InvalidArgument`] when the model has no head or was not loaded as a whole.
    pub(crate) fn target(&self) -> Result<Target> {
        self.check_head()?;
        let attention = self.blueprint.attention(Stack::First);
        Ok(if self.labels.is_some() {
            Target::Label
        } else if self.blueprint.decoder.is_none() && attention.iter().all(|attention| attention.causal) {
            Target::NextToken
        } else {
            Target::Token
        })
    }

    /// What each column of the logits stands for: the vocabulary's own string of that id (`Ġfilm`, `##ing`), empty
    /// where the vocabulary has none, or the label of a classifier, `LABEL_0` where the configuration names none.
    /// Empty without a head.
    ///
    /// # Errors
    /// [`ErrorCode::InvalidArgument`] when the names are the tokenizer's and the model was loaded without one.
    pub fn logit_names(&self) -> Result<Vec<String>> {
        let columns = 0..self.blueprint.logits;
        if let Some(labels) = &self.labels {
            let name = |column| labels.get(column).cloned().unwrap_or_else(|| format!("LABEL_{column}"));
            return Ok(columns.map(name).collect());
        }
        if columns.is_empty() {
            return Ok(Vec::new());
        }
        let tokenizer = self.tokenizer()?;
        Ok(columns.map(|column| tokenizer.token(column as u32)).collect())
    }

    pub(super) fn run_to_head(&self, sequences: &[&[u32]], tap: Tap<'_>) -> Result<Tensor> {
        self.run_to_head_on(1, sequences, tap)
    }

    fn run_to_head_on(&self, threads: usize, sequences: &[&[u32]], mut tap: Tap<'_>) -> Result<Tensor> {
        let rows = TokenRows::new(sequences);
        // On a device nothing says yet that few rows are a gain.
        if self.device().is_cpu() {
            let pooled = self.pass(&rows, &mut tap).pooled_rows()?;
            tap = tap.of_rows(self.selection(&rows, pooled.as_deref())?);
        }
        match self.pass(&rows, &mut tap).on_threads(threads).run() {
            Ok(logits) => widened(logits),
            Err(Halt::Failed(error)) => Err(error),
            Err(Halt::Done) => Err(Error::internal("the forward pass ended before the head")),
        }
    }

    /// Refuses to give logits without a head, or without the weights up to it.
    pub(crate) fn check_head(&self) -> Result<()> {
        if self.blueprint.logits == 0 {
            return Err(Error::argument(format!("`{}` was loaded without a head that gives logits", self.name))
                .hint("choose a head in the load options"));
        }
        if !self.whole {
            return Err(Error::argument(format!("`{}` was loaded only as far as its split points", self.name))
                .hint("set `whole` in the load options"));
        }
        Ok(())
    }

    pub(super) fn pass<'a, 'b>(&'a self, rows: &'a TokenRows, tap: &'a mut Tap<'b>) -> Pass<'a, 'b> {
        Pass {
            blueprint: &self.blueprint,
            layers: &self.layers,
            backend: &self.backend,
            rows,
            implementation: self.implementation,
            threads: 1,
            tap,
        }
    }

    /// Refuses ids and lengths that no table has, before they reach a device that could not say so.
    pub(crate) fn check(&self, sequences: &[&[u32]]) -> Result<()> {
        let vocabulary = self.blueprint.vocabulary;
        if let Some(id) = sequences.iter().copied().flatten().find(|id| **id as usize >= vocabulary) {
            let message = format!("token id {id} is beyond the vocabulary of `{}`, {vocabulary} ids", self.name);
            return Err(Error::new(ErrorCode::Mismatch, message)
                .hint("the tokenizer is another model's: use the one that belongs to this model")
                .detail("id", id)
                .detail("vocabulary", vocabulary));
        }
        let most = self.blueprint.max_positions;
        let bounded = self.layers.contains_key(&Site::Embedding(EmbeddingSite::Position));
        if let Some(text) = sequences.iter().position(|ids| bounded && ids.len() > most) {
            let length = sequences[text].len();
            let message =
                format!("text {text} of the batch has {length} tokens, but `{}` has {most} positions", self.name);
            return Err(Error::argument(message)
                .hint(format!("truncate texts to {most} tokens"))
                .detail("length", length)
                .detail("positions", most));
        }
        Ok(())
    }
}

/// Values as they leave a model: those of half types as f32.
pub(super) fn widened(value: Tensor) -> Result<Tensor> {
    Ok(if matches!(value.dtype(), DType::F16 | DType::BF16) { value.to_dtype(DType::F32)? } else { value })
}
