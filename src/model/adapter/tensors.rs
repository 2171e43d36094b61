//! The tensors of an adapter, and what they make of those of its base model.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::path::Path;

use sha2::{Digest, Sha256};

use super::config::AdapterConfig;
use crate::control::Control;
use crate::error::{Error, ErrorCode, Result, shown};
use crate::files::Access;
use crate::memory::Claim;
use crate::model::parameters::Parameter;
use crate::model::weights::{WeightSource, Weights};
use crate::parallel::in_order;
use crate::tensor_files::{Share, Stored};
use crate::workers::Workers;

/// The files that hold the tensors, the better one first.
pub(crate) const WEIGHTS: [&str; 2] = ["adapter_model.safetensors", "adapter_model.bin"];

/// What PEFT puts before the names of a model's modules.
const PREFIX: &str = "base_model.model.";

/// Steps of a name that stand for classes around a module, which its own tensors have beside those of the adapter.
const AROUND: [&str; 2] = ["base_layer", "modules_to_save"];

/// How many rows one thread changes at a time.
const ROWS: usize = 64;

/// An adapter whose tensors can be read.
pub(crate) struct Adapter {
    /// What it is called in messages.
    name: String,
    config: AdapterConfig,
    weights: Weights,
    /// By the name that the changed tensor has in the base model.
    changes: BTreeMap<String, Change>,
    workers: Workers,
}

/// How a tensor of the base model is changed; both may be so.
#[derive(Debug, Default)]
struct Change {
    /// The tensor that takes its place.
    whole: Option<String>,
    /// The two matrices whose product is added.
    pair: Option<Pair>,
}

#[derive(Debug, Default)]
struct Pair {
    a: Option<String>,
    b: Option<String>,
    /// Whether they are those of an embedding, whose product lies across.
    of_table: bool,
}

impl fmt::Debug for Adapter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Adapter").field("name", &self.name).field("config", &self.config).finish_non_exhaustive()
    }
}

impl Adapter {
    /// Opens the tensors of an adapter.
    ///
    /// # Errors
    /// Those of [`Weights::open`]; [`ErrorCode::Unsupported`] naming a tensor of another kind of adapter;
    /// [`ErrorCode::InvalidFile`] naming one whose counterpart is missing.
    pub fn open(name: &str, config: AdapterConfig, file: &Path, access: Access) -> Result<Self> {
        let weights = Weights::open(&WeightSource::Files(vec![file.to_owned()]), access)?;
        let mut changes: BTreeMap<String, Change> = BTreeMap::new();
        for tensor in weights.names() {
            match Role::of(tensor) {
                Role::Whole(target) => changes.entry(target).or_default().whole = Some(tensor.to_owned()),
                Role::Part { module, is_first, of_table } => {
                    let pair = changes.entry(format!("{module}.weight")).or_default().pair.get_or_insert_default();
                    pair.of_table = of_table;
                    *(if is_first { &mut pair.a } else { &mut pair.b }) = Some(tensor.to_owned());
                }
                Role::None => {}
                Role::Unknown => {
                    return Err(Error::new(
                        ErrorCode::Unsupported,
                        format!(
                            "`{}`: the tensor `{}` is of an adapter that Eidos does not merge",
                            file.display(),
                            shown(tensor)
                        ),
                    )
                    .hint("merge it in Python, `model.merge_and_unload().save_pretrained(folder)`, and give the folder")
                    .detail("tensor", shown(tensor)));
                }
            }
        }
        let half = |change: &Change| change.pair.as_ref().is_some_and(|pair| pair.a.is_none() || pair.b.is_none());
        if let Some((target, _)) = changes.iter().find(|(_, change)| half(change)) {
            return Err(damaged(file, &format!("has one of the two matrices for `{}` alone", shown(target))));
        }
        if changes.is_empty() {
            return Err(damaged(file, "has no tensor of an adapter"));
        }
        Ok(Self { name: name.to_owned(), config, weights, changes, workers: Workers::default() })
    }

    /// The names of the tensors of the base model that it changes.
    pub fn targets(&self) -> impl Iterator<Item = &str> {
        self.changes.keys().map(String::as_str)
    }

    /// The shape of the tensor that takes the place of one of these names.
    pub fn shape_of_whole(&self, targets: &[String]) -> Option<&[usize]> {
        let whole = targets.iter().find_map(|target| self.changes.get(target)?.whole.as_deref())?;
        self.weights.shape(whole)
    }

    /// Whether it has a tensor that takes the place of a parameter.
    pub fn replaces(&self, parameter: &Parameter) -> bool {
        self.change(parameter).is_some_and(|(_, _, change)| change.whole.is_some())
    }

    /// Whether it changes a parameter.
    pub fn changes(&self, parameter: &Parameter) -> bool {
        self.change(parameter).is_some()
    }

    /// The name of the changed tensor that is a parameter or has it as some of its rows.
    fn change(&self, parameter: &Parameter) -> Option<(&str, Option<Share>, &Change)> {
        parameter.own_places().find_map(|place| {
            let (target, change) = self.changes.get_key_value(&place.tensor)?;
            Some((target.as_str(), place.share, change))
        })
    }

    /// Adds what tells the change of a parameter from another one to a hash.
    pub fn hash(&self, parameter: &Parameter, hash: &mut Sha256) {
        let Some((target, _, change)) = self.change(parameter) else { return };
        let pair = change.pair.as_ref();
        let names =
            [change.whole.as_ref(), pair.and_then(|pair| pair.a.as_ref()), pair.and_then(|pair| pair.b.as_ref())];
        for name in names.into_iter().flatten() {
            self.weights.hash(name, hash);
        }
        let rank = pair.and_then(|pair| self.weights.shape(pair.a.as_deref()?)?.first().copied());
        hash.update(self.config.scale(module_of(target), rank.unwrap_or(1)).to_le_bytes());
    }

    /// What becomes of a parameter, whose tensor in the base model `base` reads; nothing where the adapter does not change it.
    ///
    /// # Errors
    /// Those of `base`; [`ErrorCode::InvalidFile`] naming a tensor of the adapter of another shape, or with numbers that are not
    /// read; [`ErrorCode::OutOfMemory`].
    pub fn changed<'a>(
        &'a self,
        parameter: &Parameter,
        base: impl FnOnce() -> Result<Stored<'a>>,
    ) -> Result<Option<Stored<'a>>> {
        let Some((target, share, change)) = self.change(parameter) else { return Ok(None) };
        let within = |error: Error| error.within(&self.name);
        let stored = match &change.whole {
            None => base()?,
            Some(whole) => {
                let all = parameter.shape_of(share);
                let stored = self.weights.find(whole, &all).map_err(within)?;
                let share = share.map_or(Some(stored.clone()), |share| stored.share(share));
                share.ok_or_else(|| Error::internal("a share of a tensor that is not there"))?
            }
        };
        let Some(pair) = &change.pair else { return Ok(Some(stored)) };
        let &[rows, columns] = &*parameter.shape else {
            return Err(self.other_model(target, "is no matrix"));
        };
        let size = rows.saturating_mul(columns).saturating_mul(size_of::<f32>());
        let _claim = Claim::of(size, &format!("the matrix `{target}` with the adapter"))?;
        let product = self.product(target, pair, parameter, share).map_err(within)?;
        let mut bytes = Vec::with_capacity(size);
        in_order(
            &self.workers,
            rows.div_ceil(ROWS),
            0,
            &Control::new(),
            |part, (): &mut ()| {
                let rows = part * ROWS..((part + 1) * ROWS).min(rows);
                let mut values = stored.rows(rows.clone(), columns)?;
                product.add_to(&mut values, rows);
                Ok(values)
            },
            |_, values| {
                bytes.extend(values.iter().flat_map(|value| value.to_le_bytes()));
                Ok(())
            },
        )?;
        Ok(Some(Stored::of_values(bytes)))
    }

    /// The product that is added to a matrix.
    fn product(&self, target: &str, pair: &Pair, parameter: &Parameter, share: Option<Share>) -> Result<Product> {
        let (Some(a), Some(b)) = (&pair.a, &pair.b) else { return Err(Error::internal("half of a pair")) };
        let (Some(&[rank, inputs]), Some(&[outputs, other])) = (self.weights.shape(a), self.weights.shape(b)) else {
            return Err(self.other_model(target, &format!("is changed by `{a}` and `{b}`, which are no matrices")));
        };
        let whole = parameter.shape_of(share);
        // A matrix of so many outputs and inputs; that of an embedding, and of a Conv1D, lies across.
        let across = pair.of_table || parameter.transposed;
        let fits = if across { [inputs, outputs] } else { [outputs, inputs] };
        if rank != other || whole != fits {
            return Err(self.other_model(
                target,
                &format!(
                    "has the shape {whole:?} in the model, but `{}` and `{}` are of {:?} and {:?}",
                    shown(a),
                    shown(b),
                    [rank, inputs],
                    [outputs, other]
                ),
            ));
        }
        let [first, second] = [(a, [rank, inputs]), (b, [outputs, other])]
            .map(|(name, shape)| self.weights.find(name, &shape).and_then(|stored| stored.widened()));
        let (first, second) = (first?, second?);
        let scale = self.config.scale(module_of(target), rank);
        let (mut left, right, columns) = if across {
            (transposed(&first, rank, inputs), transposed(&second, outputs, rank), outputs)
        } else {
            (second, first, inputs)
        };
        left.iter_mut().for_each(|value| *value *= scale);
        if let Some(share) = share {
            let size = left.len() / share.of;
            left = left.get(share.index * size..(share.index + 1) * size).unwrap_or_default().to_vec();
        }
        Ok(Product { left, right, rank, columns })
    }

    fn other_model(&self, target: &str, what: &str) -> Error {
        Error::new(ErrorCode::InvalidFile, format!("`{}` {what}", shown(target)))
            .hint(format!(
                "check `base_model_name_or_path`, which is `{}`: the adapter is for another model",
                shown(&self.config.base)
            ))
            .detail("tensor", shown(target))
    }

    /// The error for a tensor that the base model does not have.
    pub fn no_such_tensor(&self, target: &str) -> Error {
        self.other_model(target, "is changed by the adapter, but the model has no such tensor").within(&self.name)
    }

    /// The error for one of two tied matrices that is changed alone.
    pub fn one_of_two(&self, parameter: &str, tied: &str) -> Error {
        Error::new(
            ErrorCode::Unsupported,
            format!("the adapter `{}` changes `{}`, which `{}` is tied to", self.name, shown(tied), shown(parameter)),
        )
        .hint("merge it into its base model in Python, `model.merge_and_unload().save_pretrained(folder)`, and give that folder")
        .detail("tensor", shown(tied))
    }
}

/// The product of two matrices whose inner side is short.
struct Product {
    /// Rows of `rank` numbers.
    left: Vec<f32>,
    /// `rank` rows of `columns` numbers.
    right: Vec<f32>,
    rank: usize,
    columns: usize,
}

impl Product {
    /// Adds some of its rows to a matrix's.
    fn add_to(&self, values: &mut [f32], rows: Range<usize>) {
        if self.rank == 0 || self.columns == 0 {
            return;
        }
        let left = self.left.chunks_exact(self.rank).skip(rows.start);
        let mut sums = vec![0.0; self.columns];
        for (values, factors) in values.chunks_exact_mut(self.columns).zip(left) {
            sums.fill(0.0);
            for (factor, row) in factors.iter().zip(self.right.chunks_exact(self.columns)) {
                sums.iter_mut().zip(row).for_each(|(sum, value)| *sum += factor * value);
            }
            values.iter_mut().zip(&sums).for_each(|(value, sum)| *value += sum);
        }
    }
}

fn transposed(values: &[f32], rows: usize, columns: usize) -> Vec<f32> {
    (0..columns).flat_map(|column| (0..rows).map(move |row| values[row * columns + column])).collect()
}

fn module_of(target: &str) -> &str {
    target.strip_suffix(".weight").unwrap_or(target)
}

fn damaged(file: &Path, what: &str) -> Error {
    let path = file.display();
    Error::new(ErrorCode::InvalidFile, format!("`{path}` {what}"))
        .hint("get the adapter again, or save it with `save_pretrained` of PEFT")
        .detail("path", path)
}

/// What a tensor of an adapter is.
#[derive(Debug, PartialEq, Eq)]
enum Role {
    /// It takes the place of the tensor of that name.
    Whole(String),
    /// One of the two matrices for a module.
    Part { module: String, is_first: bool, of_table: bool },
    /// Nothing: what a module was before.
    None,
    /// That of another kind of adapter.
    Unknown,
}

impl Role {
    fn of(tensor: &str) -> Self {
        let name = tensor.strip_prefix(PREFIX).unwrap_or(tensor);
        for (mark, is_first, of_table) in [
            (".lora_A", true, false),
            (".lora_B", false, false),
            (".lora_embedding_A", true, true),
            (".lora_embedding_B", false, true),
        ] {
            // Behind it there may be the adapter's own name.
            let Some((module, rest)) = name.split_once(mark) else { continue };
            let is_weight = if of_table { rest.is_empty() || rest.starts_with('.') } else { rest.ends_with(".weight") };
            if is_weight {
                return Self::Part { module: module.to_owned(), is_first, of_table };
            }
        }
        if name.contains("lora_") || name.contains(".token_adapter.") || name.contains("trainable_tokens") {
            return Self::Unknown;
        }
        if name.contains(".original_module.") {
            return Self::None;
        }
        let mut steps: Vec<&str> = name.split('.').collect();
        // Behind `modules_to_save` stands the name of the adapter in files of old.
        if let Some(at) = steps.iter().position(|step| *step == AROUND[1])
            && steps.len() > at + 2
        {
            steps.remove(at + 1);
        }
        steps.retain(|step| !AROUND.contains(step));
        Self::Whole(steps.join("."))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tensors_are_told_by_their_names() {
        let part = |module: &str, is_first, of_table| Role::Part { module: module.to_owned(), is_first, of_table };
        for (name, role) in [
            ("base_model.model.model.layers.0.q_proj.lora_A.weight", part("model.layers.0.q_proj", true, false)),
            (
                "base_model.model.model.layers.0.q_proj.lora_B.default.weight",
                part("model.layers.0.q_proj", false, false),
            ),
            ("base_model.model.model.embed_tokens.lora_embedding_A", part("model.embed_tokens", true, true)),
            ("base_model.model.model.embed_tokens.lora_embedding_B.default", part("model.embed_tokens", false, true)),
            ("base_model.model.score.weight", Role::Whole("score.weight".to_owned())),
            ("base_model.model.score.modules_to_save.weight", Role::Whole("score.weight".to_owned())),
            ("base_model.model.score.modules_to_save.default.weight", Role::Whole("score.weight".to_owned())),
            ("base_model.model.h.0.base_layer.bias", Role::Whole("h.0.bias".to_owned())),
            ("base_model.model.score.original_module.weight", Role::None),
            ("base_model.model.model.layers.0.q_proj.lora_magnitude_vector", Role::Unknown),
            ("base_model.model.model.layers.0.q_proj.lora_magnitude_vector.weight", Role::Unknown),
            ("base_model.model.model.layers.0.q_proj.lora_B.bias", Role::Unknown),
        ] {
            assert_eq!(Role::of(name), role, "{name}");
        }
    }

    #[test]
    fn rows_of_a_product_are_those_of_the_whole() {
        let product = Product {
            left: vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0],
            right: vec![1.0, 10.0, 100.0, 1000.0],
            rank: 2,
            columns: 2,
        };
        let mut values = vec![1.0; 6];
        product.add_to(&mut values, 0..3);
        assert_eq!(values, [202.0, 2011.0, 404.0, 4031.0, 606.0, 6051.0]);
        let mut values = vec![0.0; 2];
        product.add_to(&mut values, 1..2);
        assert_eq!(values, [403.0, 4030.0]);
        assert_eq!(transposed(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], 2, 3), [1.0, 4.0, 2.0, 5.0, 3.0, 6.0]);
    }
}
