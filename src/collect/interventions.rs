//! Changes to what the modules of a model give, while it runs.

use std::ops::Range;
use std::sync::Arc;

use candle_core::{DType, Device, Tensor};
use sha2::{Digest, Sha256};

use crate::concepts::Explainer;
use crate::control::Control;
use crate::error::{Error, ErrorCode, Result};
use crate::linalg::first_not_finite;
use crate::model::{Change, Edit, Site, SplitModel};
use crate::rows::{Activations, Rows, TILE_ROWS, Tile, for_each_tile};
use crate::text::{EncodedTexts, Granularity, Inputs};

/// Changes to what modules of a model give while it runs: rows are replaced, a direction is added, a concept of an explainer is
/// ablated or clamped.
///
/// There may be any number of them, at any modules that a model can be split at; those at one module follow one another in the
/// order in which they were given. A clone shares the numbers. They belong to no model: whether they fit is looked at before it
/// runs.
///
/// ```
/// use eidos::Interventions;
/// let steer = Interventions::new().add("model.layers.1", &[0.0, 1.0], 8.0, None)?.add("3", &[1.0, 0.0], -2.0, Some(&[4]))?;
/// assert_eq!(steer.len(), 2);
/// # Ok::<(), eidos::Error>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct Interventions {
    list: Vec<Intervention>,
}

#[derive(Debug, Clone)]
struct Intervention {
    path: String,
    kind: Kind,
    /// The tokens whose rows are changed, ascending; `None` for all of them.
    tokens: Option<Arc<[usize]>>,
}

#[derive(Debug, Clone)]
enum Kind {
    /// Other rows, one for each token of the inputs.
    Replace(Activations),
    /// A direction times a factor.
    Add(Arc<[f32]>),
    /// The activation that a concept shall have.
    Concept { explainer: Explainer, concept: usize, value: f32 },
    /// What an explainer reconstructs of the rows.
    Reconstruct(Explainer),
    /// The same row for all.
    Set(Arc<[f32]>),
}

impl Interventions {
    /// None: the model runs as it is.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Puts `rows` in the place of what the module at `path` gives: one row for each token of the inputs, special ones included,
    /// as [`SplitModel::activations`] gives them with [`Granularity::AllTokens`]. The blocks before it are not run where nobody
    /// reads what they give.
    ///
    /// Activations that know where they come from must be those of that module for these texts. Of rows that a caller brought
    /// ([`Activations::from_rows`]) only the shape is known: that is how to put in the rows of another module or of other texts
    /// on purpose.
    #[must_use]
    pub fn replace(self, path: &str, rows: &Activations) -> Self {
        self.with(path, Kind::Replace(rows.clone()), None)
    }

    /// Adds `scale` times `direction` to the rows of the module at `path`: of all tokens, or of those that `tokens` names. They
    /// are counted over all texts of the inputs, special ones included, as the rows of [`Granularity::AllTokens`] are.
    ///
    /// # Errors
    /// [`ErrorCode::InvalidArgument`] for a direction without values; [`ErrorCode::InvalidData`] for a number that is not finite.
    pub fn add(self, path: &str, direction: &[f32], scale: f32, tokens: Option<&[usize]>) -> Result<Self> {
        if direction.is_empty() {
            return Err(Error::argument(format!("the direction for `{path}` has no values"))
                .hint("give one value for each column of the module"));
        }
        let not_finite = |what: String| Err(Error::new(ErrorCode::InvalidData, what).hint("give finite numbers"));
        if let Some(column) = first_not_finite(direction) {
            let value = direction[column];
            return not_finite(format!("column {column} of the direction for `{path}` is {value}"));
        }
        let scaled: Arc<[f32]> = direction.iter().map(|value| value * scale).collect();
        if first_not_finite(&scaled).is_some() {
            return not_finite(format!("the direction for `{path}` times {scale} is not finite"));
        }
        Ok(self.with(path, Kind::Add(scaled), tokens))
    }

    /// Takes a concept of an explainer out of the rows of the module at `path`: subtracts what it adds to each row, its
    /// activation times its row of the dictionary. `tokens` as for [`Interventions::add`].
    ///
    /// # Errors
    /// [`ErrorCode::InvalidArgument`] for a concept that does not exist; [`ErrorCode::Unsupported`] for an explainer that cannot
    /// decode.
    pub fn ablate(self, path: &str, explainer: &Explainer, concept: usize, tokens: Option<&[usize]>) -> Result<Self> {
        self.clamp(path, explainer, concept, 0.0, tokens)
    }

    /// Lets a concept of an explainer have the activation `value` in the rows of the module at `path`: adds the difference times
    /// its row of the dictionary. `tokens` as for [`Interventions::add`].
    ///
    /// # Errors
    /// As [`Interventions::ablate`], and [`ErrorCode::InvalidData`] for a value that is not finite.
    pub fn clamp(
        self,
        path: &str,
        explainer: &Explainer,
        concept: usize,
        value: f32,
        tokens: Option<&[usize]>,
    ) -> Result<Self> {
        let count = explainer.concept_count();
        if concept >= count {
            return Err(Error::argument(format!("there is no concept {concept}: the explainer has {count}"))
                .hint("count concepts from 0")
                .detail("concept", concept));
        }
        if explainer.dictionary().is_empty() {
            let method = explainer.method();
            return Err(Error::new(
                ErrorCode::Unsupported,
                format!("an explainer of the method `{method}` does not say what a concept adds to a row"),
            )
            .hint("use an explainer with a dictionary"));
        }
        if explainer.is_transcoder() {
            return Err(Error::new(
                ErrorCode::Unsupported,
                "a transcoder says what its concepts add to the rows of another module than it reads",
            )
            .hint("add a row of its dictionary to that module instead"));
        }
        if !value.is_finite() {
            return Err(Error::new(ErrorCode::InvalidData, format!("concept {concept} cannot be clamped to {value}"))
                .hint("give a finite number"));
        }
        Ok(self.with(path, Kind::Concept { explainer: explainer.clone(), concept, value }, tokens))
    }

    /// Puts what an explainer reconstructs of the rows of the module at `path` in their place: how much worse the model becomes
    /// says what the concepts miss. `tokens` as for [`Interventions::add`].
    ///
    /// # Errors
    /// [`ErrorCode::Unsupported`] for an explainer that cannot decode, or decodes into the rows of another module.
    pub fn reconstruct(self, path: &str, explainer: &Explainer, tokens: Option<&[usize]>) -> Result<Self> {
        if explainer.dictionary().is_empty() || explainer.is_transcoder() {
            let method = explainer.method();
            return Err(Error::new(
                ErrorCode::Unsupported,
                format!("an explainer of the method `{method}` does not reconstruct the rows that it reads"),
            )
            .hint("use one that decodes into the rows of the same module"));
        }
        Ok(self.with(path, Kind::Reconstruct(explainer.clone()), tokens))
    }

    /// Puts `row` in the place of every row of the module at `path`.
    #[must_use]
    pub(crate) fn set(self, path: &str, row: &[f32]) -> Self {
        self.with(path, Kind::Set(row.into()), None)
    }

    fn with(mut self, path: &str, kind: Kind, tokens: Option<&[usize]>) -> Self {
        let tokens = tokens.map(|tokens| {
            let mut tokens = tokens.to_vec();
            tokens.sort_unstable();
            tokens.dedup();
            tokens.into()
        });
        self.list.push(Intervention { path: path.to_owned(), kind, tokens });
        self
    }

    /// The interventions as a model has them. What they say of texts is looked at by [`Resolved::check_inputs`], or by
    /// [`Resolved::check_next`] and [`Resolved::check_end`] where texts come one after the other.
    pub(super) fn resolve<'a>(&'a self, model: &'a SplitModel) -> Result<Resolved<'a>> {
        let resolve = |intervention: &'a Intervention| {
            let (path, width, site) = model.editable(&intervention.path)?;
            intervention.check_module(model, (&path, width, site))?;
            Ok((path, site, intervention))
        };
        Ok(Resolved { model, list: self.list.iter().map(resolve).collect::<Result<_>>()? })
    }
}

impl Intervention {
    fn check_module(&self, model: &SplitModel, (path, width, site): (&str, usize, Site)) -> Result<()> {
        let check_width = |what: &str, columns: usize| {
            if columns == width {
                return Ok(());
            }
            Err(Error::argument(format!("{what} {columns} columns, but those of `{path}` have {width}"))
                .hint("give numbers for that module")
                .detail("columns", columns)
                .detail("width", width))
        };
        match &self.kind {
            Kind::Add(direction) => check_width("the direction has", direction.len()),
            Kind::Set(row) => check_width("the row has", row.len()),
            Kind::Concept { explainer, .. } | Kind::Reconstruct(explainer) => {
                check_width("the explainer is for rows of", explainer.input_width())
            }
            Kind::Replace(rows) => {
                check_module(model, path, site, rows)?;
                check_granularity(rows)?;
                check_width("the rows have", rows.column_count())
            }
        }
    }

    /// Refuses tokens that texts of so many tokens do not have.
    fn check_tokens(&self, path: &str, tokens: usize) -> Result<()> {
        let named = self.tokens.iter().filter_map(|tokens| tokens.last());
        match named.copied().find(|&token| token >= tokens) {
            Some(token) => {
                Err(Error::argument(format!("token {token} of `{path}` was named, but these texts have {tokens}"))
                    .hint("count the tokens of all texts from 0, special ones included")
                    .detail("token", token)
                    .detail("tokens", tokens))
            }
            None => Ok(()),
        }
    }
}

/// Refuses activations that say that they are another module's than the one at `path`, whatever spelling either has.
fn check_module(model: &SplitModel, path: &str, site: Site, rows: &Activations) -> Result<()> {
    let Some(origin) = rows.provenance().split_point.as_deref() else { return Ok(()) };
    if model.editable(origin).is_ok_and(|(_, _, of_origin)| of_origin == site) {
        return Ok(());
    }
    let origin = if origin.is_empty() { "the whole model".to_owned() } else { format!("`{origin}`") };
    Err(foreign(format!("the rows for `{path}` are activations of {origin}")))
}

fn check_granularity(rows: &Activations) -> Result<()> {
    match rows.provenance().granularity {
        None | Some(Granularity::AllTokens) => Ok(()),
        Some(granularity) => Err(Error::new(
            ErrorCode::Mismatch,
            format!(
                "the rows are of the granularity `{}`, but a model goes on from a row for each token",
                granularity.name()
            ),
        )
        .hint("collect the activations with the granularity `all_tokens`")),
    }
}

fn check_text_count(rows: &Activations, texts: usize) -> Result<()> {
    let known = rows.texts().len();
    if known == 0 || known == texts {
        return Ok(());
    }
    let message = format!("the rows are activations of {known} texts, but {texts} were given");
    Err(foreign(message).detail("texts", known))
}

fn check_text(rows: &Activations, index: usize, text: &str) -> Result<()> {
    let known = rows.texts();
    if known.is_empty() || (index < known.len() && known.get(index) == text) {
        return Ok(());
    }
    Err(foreign(format!("the rows are activations of other texts: text {index} is another one")).detail("text", index))
}

fn foreign(message: String) -> Error {
    Error::new(ErrorCode::Mismatch, message)
        .hint("give the module and the texts that they were collected from, or bring them as rows of your own")
}

fn check_count(path: &str, rows: usize, tokens: usize) -> Result<()> {
    if rows == tokens {
        return Ok(());
    }
    let message = format!("{rows} rows were given for `{path}`, but these texts have {tokens} tokens");
    Err(Error::argument(message)
        .hint("give one row for each token, special ones included: the granularity of all tokens")
        .detail("rows", rows)
        .detail("tokens", tokens))
}

fn check_finite(rows: &dyn Rows, path: &str, control: &Control) -> Result<()> {
    let columns = rows.column_count().max(1);
    let check = |tile: Tile<'_>, (): &mut ()| {
        let Some(place) = tile.values.iter().position(|value| !value.is_finite()) else { return Ok(()) };
        let (row, column) = (tile.first + place / columns, place % columns);
        let message = format!("row {row}, column {column} of the rows for `{path}` is {}", tile.values[place]);
        Err(Error::new(ErrorCode::InvalidData, message)
            .hint("give finite numbers")
            .detail("row", row)
            .detail("column", column))
    };
    for_each_tile(rows, TILE_ROWS, 1, control, check, |_, ()| Ok(()))
}

/// Interventions that fit a model and inputs.
pub(super) struct Resolved<'a> {
    model: &'a SplitModel,
    list: Vec<(String, Site, &'a Intervention)>,
}

impl Resolved<'_> {
    /// Refuses what does not fit inputs.
    pub(super) fn check_inputs(&self, inputs: &Inputs, control: &Control) -> Result<()> {
        let (texts, tokens) = (inputs.texts(), inputs.token_count());
        for (path, _, intervention) in &self.list {
            intervention.check_tokens(path, tokens)?;
            let Kind::Replace(rows) = &intervention.kind else { continue };
            if !texts.is_empty() {
                check_text_count(rows, texts.len())?;
                (0..).zip(texts.iter()).try_for_each(|(index, text)| check_text(rows, index, text))?;
            }
            check_count(path, rows.row_count(), tokens)?;
        }
        self.check_numbers(control)
    }

    /// Refuses rows with a number that is not finite.
    pub(super) fn check_numbers(&self, control: &Control) -> Result<()> {
        self.replaced().try_for_each(|(path, rows)| check_finite(rows, path, control))
    }

    /// Refuses rows that are of another text than the next one of a stream, or too few for it: with it, there are so many
    /// tokens.
    pub(super) fn check_next(&self, index: usize, text: &str, tokens: usize) -> Result<()> {
        self.replaced().try_for_each(|(path, rows)| {
            check_text(rows, index, text)?;
            if tokens <= rows.row_count() { Ok(()) } else { check_count(path, rows.row_count(), tokens) }
        })
    }

    /// Refuses what a stream did not have that ended after so many texts and tokens.
    pub(super) fn check_end(&self, texts: usize, tokens: usize) -> Result<()> {
        self.list.iter().try_for_each(|(path, _, intervention)| intervention.check_tokens(path, tokens))?;
        self.replaced().try_for_each(|(path, rows)| {
            check_text_count(rows, texts)?;
            check_count(path, rows.row_count(), tokens)
        })
    }

    /// The rows that replace others, with the module's path.
    fn replaced(&self) -> impl Iterator<Item = (&str, &Activations)> {
        self.list.iter().filter_map(|(path, _, intervention)| match &intervention.kind {
            Kind::Replace(rows) => Some((path.as_str(), rows)),
            _ => None,
        })
    }

    /// Whether there are none.
    pub(super) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// The changes for a batch of texts, whose rows lie one after the other.
    pub(super) fn edits(&self, encoded: &EncodedTexts, batch: &[usize]) -> Result<Vec<Edit<'_>>> {
        if self.list.is_empty() {
            return Ok(Vec::new());
        }
        let (first, starts) = (encoded.tokens_before, &encoded.tokens.starts);
        let tokens: Vec<Range<usize>> =
            batch.iter().map(|&text| first + starts[text]..first + starts[text + 1]).collect();
        let edit = |(_, site, intervention): &(String, Site, &'_ Intervention)| {
            Ok(Edit { site: *site, change: self.change(intervention, &tokens)? })
        };
        self.list.iter().map(edit).collect()
    }

    /// The change for texts that have these tokens of all.
    fn change(&self, intervention: &Intervention, tokens: &[Range<usize>]) -> Result<Change<'_>> {
        let chosen = chosen_rows(intervention.tokens.as_deref(), tokens);
        Ok(match &intervention.kind {
            Kind::Replace(rows) => {
                let (mut values, mut scratch) = (Vec::new(), Vec::new());
                for range in tokens {
                    values.extend_from_slice(rows.tile(range.start, range.len(), &mut scratch)?);
                }
                let shape = (tokens.iter().map(ExactSizeIterator::len).sum::<usize>(), rows.column_count());
                Change::Replace(self.model.begin(&Tensor::from_vec(values, shape, &Device::Cpu)?)?)
            }
            Kind::Add(direction) => {
                let direction = Arc::clone(direction);
                change_rows(chosen, move |rows| {
                    for row in rows.chunks_exact_mut(direction.len()) {
                        row.iter_mut().zip(&*direction).for_each(|(value, added)| *value += added);
                    }
                    Ok(())
                })
            }
            Kind::Concept { explainer, concept, value } => {
                let (explainer, concept, value) = (explainer.clone(), *concept, *value);
                change_rows(chosen, move |rows| set_concept(rows, &explainer, concept, value))
            }
            Kind::Set(row) => {
                let row = Arc::clone(row);
                change_rows(chosen, move |rows| {
                    rows.chunks_exact_mut(row.len()).for_each(|values| values.copy_from_slice(&row));
                    Ok(())
                })
            }
            Kind::Reconstruct(explainer) => {
                let explainer = explainer.clone();
                change_rows(chosen, move |rows| {
                    let read = rows.to_vec();
                    explainer.reconstruct(&read, rows)
                })
            }
        })
    }

    /// Adds all that results depend on to a hash; nothing where there are none.
    pub(super) fn hash(&self, hash: &mut Sha256) -> Result<()> {
        for (path, _, intervention) in &self.list {
            let mut part = |bytes: &[u8]| {
                hash.update((bytes.len() as u64).to_le_bytes());
                hash.update(bytes);
            };
            part(path.as_bytes());
            let tokens = intervention.tokens.as_deref();
            part(&[u8::from(tokens.is_some())]);
            tokens.unwrap_or_default().iter().for_each(|&token| part(&(token as u64).to_le_bytes()));
            match &intervention.kind {
                Kind::Add(direction) => part(bytemuck::cast_slice(direction)),
                Kind::Set(row) => {
                    part(b"set");
                    part(bytemuck::cast_slice(row));
                }
                Kind::Replace(rows) => {
                    let copy = |tile: Tile<'_>, (): &mut ()| Ok(tile.values.to_vec());
                    for_each_tile(rows, TILE_ROWS, 1, &Control::new(), copy, |_, values: Vec<f32>| {
                        part(bytemuck::cast_slice(&values));
                        Ok(())
                    })?;
                }
                Kind::Reconstruct(explainer) => {
                    part(b"reconstruct");
                    explainer.for_each_tensor(&mut |name, bytes| {
                        part(name.as_bytes());
                        part(bytes);
                    });
                }
                Kind::Concept { explainer, concept, value } => {
                    part(&(*concept as u64).to_le_bytes());
                    part(&value.to_le_bytes());
                    explainer.for_each_tensor(&mut |name, bytes| {
                        part(name.as_bytes());
                        part(bytes);
                    });
                }
            }
        }
        Ok(())
    }
}

/// The rows of a batch that are changed, where its texts have these tokens of all; `None` for all of them.
fn chosen_rows(chosen: Option<&[usize]>, tokens: &[Range<usize>]) -> Option<Vec<usize>> {
    let chosen = chosen?;
    let mut first = 0;
    let mut rows = Vec::new();
    for range in tokens {
        let begin = chosen.partition_point(|&token| token < range.start);
        let end = chosen.partition_point(|&token| token < range.end);
        rows.extend(chosen[begin..end].iter().map(|token| token - range.start + first));
        first += range.len();
    }
    Some(rows)
}

/// How many rows are encoded at a time, since there may be many concepts.
const ENCODED_ROWS: usize = 64;

/// Adds to each row what is missing of a concept's activation to be `value`, times the concept's row of the dictionary.
fn set_concept(rows: &mut [f32], explainer: &Explainer, concept: usize, value: f32) -> Result<()> {
    let (width, concepts) = (explainer.input_width(), explainer.concept_count());
    let dictionary = explainer.dictionary();
    let direction = dictionary.get(concept * width..(concept + 1) * width).unwrap_or_default();
    let mut codes = Vec::new();
    for rows in rows.chunks_mut(ENCODED_ROWS * width) {
        codes.resize(rows.len() / width * concepts, 0.0);
        explainer.encode(rows, &mut codes)?;
        for (row, codes) in rows.chunks_exact_mut(width).zip(codes.chunks_exact(concepts)) {
            let missing = (value - codes[concept]) * explainer.scale(row);
            row.iter_mut().zip(direction).for_each(|(value, added)| *value += missing * added);
        }
    }
    Ok(())
}

/// A change to some rows, or to all. What becomes of a row must not depend on the others.
fn change_rows<'a>(chosen: Option<Vec<usize>>, change: impl Fn(&mut [f32]) -> Result<()> + 'a) -> Change<'a> {
    Change::Map(Box::new(move |tensor| {
        let (count, width) = tensor.dims2()?;
        let mut values = tensor.to_dtype(DType::F32)?.flatten_all()?.to_vec1::<f32>()?;
        if let Some(chosen) = &chosen {
            let places = || chosen.iter().map(|row| row * width..(row + 1) * width);
            let mut rows: Vec<f32> = places().flat_map(|place| values[place].to_vec()).collect();
            change(&mut rows)?;
            for (place, row) in places().zip(rows.chunks_exact(width)) {
                values[place].copy_from_slice(row);
            }
        } else {
            change(&mut values)?;
        }
        Ok(Tensor::from_vec(values, (count, width), tensor.device())?.to_dtype(tensor.dtype())?)
    }))
}
