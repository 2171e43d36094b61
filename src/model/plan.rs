//! What loading a model will need, known from its configuration alone.

use std::collections::{BTreeSet, HashSet};
use std::path::Path;

use candle_core::{DType, Device};
use sha2::{Digest, Sha256};

use crate::control::{Control, Stage};
use crate::device::{self, DeviceChoice};
use crate::error::{Error, ErrorCode, Result, shown};
use crate::kernels::instructions;
use crate::log::LogLevel;
use crate::model::adapter::Adapter;
use crate::model::blueprint::{
    Blueprint, EmbeddingSite, ExpertSettings, FusedExperts, Gives, HeadSite, Site, Stack, Work,
};
use crate::model::config::Config;
use crate::model::families;
use crate::model::forward::{Layer, Layers};
use crate::model::module_path::{Module, ModuleTree, Node};
use crate::model::ops::{
    Backend, Embedding, Expert, Experts, HostProducts, Implementation, Linear, Norm, Scale, Shift,
};
use crate::model::options::{HeadChoice, LoadOptions, Precision};
use crate::model::parameters::{Parameter, Place, Reader};
use crate::model::split_model::{SplitModel, SplitPoint};
use crate::model::weights::{WeightSource, Weights};
use crate::tensor_files::ExpertPart;
use crate::workers::Workers;

/// A model that is known but not loaded: its modules, where it will be split, and which tensors that takes.
///
/// Split points decide how much is loaded: the weights up to the last of them. Without one, nothing is.
#[derive(Debug)]
pub struct ModelPlan {
    blueprint: Blueprint,
    tree: ModuleTree,
    options: LoadOptions,
    split_points: Vec<SplitPoint>,
    labels: Option<Vec<String>>,
    /// Embeddings whose matrix is that of an output as well: the names of both.
    tied: Vec<(String, String)>,
    wanted: HashSet<String>,
    /// What changes the weights as they are read.
    adapter: Option<Adapter>,
    /// Whether files have a row of each matrix for an output, whatever the family's checkpoints have.
    outputs_first: bool,
    /// Of the configuration; the weights that are read go in as well.
    hash: Sha256,
}

/// What a module computes, and at which site.
#[derive(Clone, Copy)]
struct Needed<'a> {
    node: &'a Node,
    work: &'a Work,
    site: Site,
}

impl ModelPlan {
    /// Reads the bytes of a `config.json` and finds the split points: paths of modules, with or without the prefix
    /// of the base model, or the number of a block.
    ///
    /// # Errors
    /// [`ErrorCode::InvalidFile`] naming a field of the configuration that cannot be right,
    /// [`ErrorCode::Unsupported`] naming one that asks for something that is not built,
    /// [`ErrorCode::UnknownModule`] with the nearest names.
    pub fn new(config: &[u8], split_points: &[&str], options: &LoadOptions) -> Result<Self> {
        let fields = Config::parse(config)?;
        let blueprint = families::blueprint(&fields, options.head)?;
        let tree = ModuleTree::new(&blueprint);
        let split_points = split_points
            .iter()
            .map(|path| {
                let (path, module, site) = tree.split_point(&blueprint, path)?;
                let width = module.width.ok_or_else(|| Error::internal("a split point without a width"))?;
                Ok(SplitPoint { path, width, site })
            })
            .collect::<Result<Vec<_>>>()?;
        reads_texts(&blueprint, &split_points, options)?;
        let mut plan = Self {
            blueprint,
            tree,
            options: options.clone(),
            split_points,
            labels: families::labels(&fields, options.head)?,
            tied: Vec::new(),
            wanted: HashSet::new(),
            adapter: None,
            outputs_first: false,
            hash: Sha256::new_with_prefix(config),
        };
        let wanted = plan.needed().flat_map(|needed| plan.parameters(needed)).flat_map(|parameter| parameter.places);
        plan.wanted = wanted.flat_map(|place| place.tensors().cloned().collect::<Vec<_>>()).collect();
        // After what is wanted: a shard with the output alone is not fetched for an embedding that another one has.
        if plan.wants_weights() {
            plan.tied = tied(&fields);
        }
        Ok(plan)
    }

    /// The same for files that have a row of each matrix for an output, as all GGUF files do.
    pub(super) fn with_outputs_first(self) -> Self {
        Self { outputs_first: true, ..self }
    }

    /// The same with an adapter, which changes some weights as they are read. `config` is that of its file.
    ///
    /// # Errors
    /// [`ErrorCode::InvalidFile`] naming a tensor that it changes and the model does not have.
    pub(super) fn with_adapter(mut self, adapter: Adapter, fields: &Config, config: &[u8]) -> Result<Self> {
        let heads = [
            HeadChoice::Base,
            HeadChoice::CausalLanguageModel,
            HeadChoice::MaskedLanguageModel,
            HeadChoice::Seq2SeqLanguageModel,
            HeadChoice::SequenceClassification,
            HeadChoice::TokenClassification,
        ];
        // It may have been trained with another head than the one that is built.
        let trees: Vec<_> = heads
            .into_iter()
            .filter_map(|head| Some(ModuleTree::new(&families::blueprint(fields, head).ok()?)))
            .collect();
        let known: HashSet<String> = trees.iter().chain([&self.tree]).flat_map(tensors_of).collect();
        let (found, strange): (Vec<&str>, Vec<&str>) = adapter.targets().partition(|target| known.contains(*target));
        // Of a model that reads more than text, the text part alone is known.
        let may_have_others = !self.blueprint.other_prefixes.is_empty() && !found.is_empty();
        if let Some(target) = strange.first().filter(|_| !may_have_others) {
            return Err(adapter.no_such_tensor(target));
        }
        self.hash.update(config);
        self.adapter = Some(adapter);
        Ok(self)
    }

    /// The names under which the matrix may lie whose rows are the scores of the head.
    pub(super) fn names_of_scores(&self) -> Vec<String> {
        let is_last = |node: &&Node| {
            node.gives.site() == Some(Site::Head(HeadSite::Logits)) && matches!(node.work, Work::Linear { .. })
        };
        let scores = self.tree.nodes().iter().find(is_last);
        scores.map_or_else(Vec::new, |node| self.tree.spellings(&format!("{}.weight", node.path)))
    }

    /// Every module of the model, in PyTorch's order.
    pub fn modules(&self) -> &[Module] {
        self.tree.modules()
    }

    /// Where it will be split, in the caller's order.
    pub fn split_points(&self) -> &[SplitPoint] {
        &self.split_points
    }

    /// Whether the tensor of that name will be loaded. Files that hold no such tensor need not be fetched.
    pub fn wants(&self, tensor: &str) -> bool {
        self.wanted.contains(tensor)
    }

    /// Whether the tensor of that name may be one that will be loaded, under a name that a training program has changed.
    pub(super) fn may_want(&self, tensor: &str) -> bool {
        tensor.match_indices('.').any(|(dot, _)| self.wants(&tensor[dot + 1..]))
    }

    /// The most tokens that a text can have, where a table of positions limits it; what the model was made for
    /// otherwise.
    pub fn max_tokens(&self) -> Option<usize> {
        Some(self.blueprint.max_positions)
    }

    /// Its architecture: the `model_type` of its configuration.
    pub fn family(&self) -> &str {
        self.blueprint.family
    }

    /// How it was asked for.
    pub(super) fn options(&self) -> &LoadOptions {
        &self.options
    }

    /// Whether the head gives scores of labels.
    pub(super) fn has_labels(&self) -> bool {
        self.labels.is_some()
    }

    /// Whether any tensor will be loaded.
    pub fn wants_weights(&self) -> bool {
        !self.wanted.is_empty()
    }

    /// Loads what is needed. `name` is what the model is called in messages; progress is counted in tensors.
    ///
    /// # Errors
    /// [`ErrorCode::NotFound`] or [`ErrorCode::Io`] with the path of a file; [`ErrorCode::InvalidFile`] naming a
    /// file that is damaged, or a tensor that is missing or of another shape; [`ErrorCode::Device`] when the device
    /// is not there; [`ErrorCode::Cancelled`].
    pub fn load(mut self, name: &str, source: &WeightSource, control: &Control) -> Result<SplitModel> {
        let chosen = device::choose(self.options.device);
        if let Some(reason) = chosen.reason {
            control.log(LogLevel::Info, c"device", || reason);
        }
        let device = device::open(chosen.device)?;
        let reference = self.options.device == DeviceChoice::Reference;
        if !reference {
            check_precision(self.options.precision, &device)?;
        }
        let precision = self.options.precision;
        let mut backend = if self.wants_weights() { Backend::new(&device, precision)? } else { Backend::idle(&device) };
        if reference {
            backend.host = HostProducts::plain();
        }
        #[cfg(test)]
        if let Some(host) = self.options.host {
            backend.host = host(precision);
        }
        // On the CPU only the factors of products are rounded.
        let numbers = if device.is_cpu() && !reference { DType::F32 } else { precision.numbers() };
        let implementation =
            if reference { Implementation::Reference(numbers) } else { Implementation::Kernels(numbers) };
        let mut layers = Layers::new();
        let mut bytes = 0;
        let (mut products, mut uses_faer) = (String::new(), false);
        if self.wants_weights() {
            let mut weights = Weights::open(source, self.options.access()).map_err(|error| about(name, error))?;
            weights.understand(&self.names()).map_err(|error| about(name, error))?;
            let weights = weights;
            let mut reader = Reader::new(&weights, &backend, self.adapter.as_ref());
            let there = |needed: Needed<'_>| self.parameters(needed).iter().any(|parameter| reader.has(parameter));
            let needed: Vec<_> =
                self.needed().filter(|needed| !self.is_optional(needed.node) || there(*needed)).collect();
            let least = reader.stored_bytes(needed.iter().flat_map(|needed| self.parameters(*needed)));
            device::check_room(&device, least).map_err(|error| about(name, error))?;
            for needed in &needed {
                match needed.work {
                    Work::Linear { .. } => {
                        self.parameters(*needed).first().into_iter().for_each(|weight| reader.expect_product(weight));
                    }
                    Work::Experts(_) => {
                        let parameters = self.parameters(*needed);
                        let matrices = parameters.iter().filter(|parameter| parameter.shape.len() == 2);
                        matrices.for_each(|matrix| reader.expect_product(matrix));
                    }
                    _ => {}
                }
            }
            control.begin(Stage::Load, needed.len() as u64)?;
            let mut hash = self.hash.clone();
            for needed in needed {
                let parameters = self.parameters(needed);
                parameters
                    .iter()
                    .try_for_each(|parameter| reader.check_ties(parameter))
                    .map_err(|error| about(name, error))?;
                parameters.iter().for_each(|parameter| reader.hash(parameter, &mut hash));
                let layer = self.layer(needed, &mut reader, implementation).map_err(|error| about(name, error))?;
                layers.insert(needed.site, layer);
                control.advance(1)?;
            }
            bytes = reader.bytes();
            uses_faer = linears(&layers).any(Linear::is_multiplied_by_faer);
            products = describe_products(&layers, &backend, precision, &reader.number_types());
            self.hash = hash;
            control.log(LogLevel::Info, c"model", || {
                let (family, modules, types) = (self.family(), layers.len(), reader.number_types());
                let (files, on) = (weights.described(), where_it_runs(&device));
                let name = shown(name);
                let beside = match backend.workspace_bytes() {
                    0 => String::new(),
                    bytes => format!(", {bytes} bytes for products"),
                };
                format!(
                    "loaded {name} ({family}) {on}: {modules} modules, {bytes} bytes of {types} from {files}{beside}; \
                     products in {products}"
                )
            });
            for (site, function) in &self.blueprint.functions {
                layers.insert(*site, Layer::Activation(*function));
            }
        }
        Ok(SplitModel {
            name: name.to_owned(),
            blueprint: self.blueprint,
            tree: self.tree,
            sites: self.split_points.iter().map(|point| point.site).collect(),
            split_points: self.split_points,
            layers,
            weight_bytes: bytes,
            products,
            uses_faer,
            backend,
            implementation,
            whole: self.options.whole,
            fingerprint: self.hash.finalize().into(),
            tokenizer: None,
            labels: self.labels,
            workers: Workers::default(),
        })
    }

    /// What modules compute at or before the last split point.
    fn needed(&self) -> impl Iterator<Item = Needed<'_>> {
        let last = self.split_points.iter().map(|point| point.site).max();
        let whole = self.options.whole;
        let all = self.tree.nodes().iter().flat_map(|node| {
            let given = node.computes().map(|site| Needed { node, work: &node.work, site });
            let own = node.own.as_ref().map(|(work, site)| Needed { node, work, site: *site });
            given.into_iter().chain(own)
        });
        all.filter(move |needed| whole || Some(self.blueprint.first_use(needed.site)) <= last)
    }

    /// Whether files may lack a module that would be loaded: the pooler of a base model, whose output nothing reads, and what
    /// is added to logits.
    fn is_optional(&self, node: &Node) -> bool {
        let is_pooler = self.blueprint.logits == 0 && matches!(node.gives, Gives::PerText(_));
        is_pooler || matches!(node.work, Work::Shift { .. })
    }

    /// The names under which each parameter may lie that is loaded, those of a pooler left out that files may lack.
    fn names(&self) -> Vec<Vec<String>> {
        let needed = self.needed();
        let needed =
            needed.filter(|needed| !self.is_optional(needed.node) || matches!(needed.work, Work::Shift { .. }));
        let parameters = needed.flat_map(|needed| self.parameters(needed));
        let is_new = |parameter: &Parameter| self.adapter.as_ref().is_some_and(|adapter| adapter.replaces(parameter));
        let parameters = parameters.filter(|parameter| !is_new(parameter));
        parameters.map(|parameter| parameter.places.into_iter().map(|place| place.tensor).collect()).collect()
    }

    /// The parameters of what a module computes: its weight, then its bias; of experts those of each, gate, factor and projection
    /// back.
    fn parameters(&self, Needed { node, work, .. }: Needed<'_>) -> Vec<Parameter> {
        let transposed = matches!(work, Work::Linear { transposed: true, .. }) && !self.outputs_first;
        let parameter = |name, older: Option<&str>, shape: &[usize]| {
            let (places, own) = self.places(node, name, older);
            Parameter { places, own, shape: shape.to_vec(), transposed }
        };
        match *work {
            Work::Linear { inputs, outputs, bias, .. } => {
                let shape = if transposed { [inputs, outputs] } else { [outputs, inputs] };
                let mut parameters = vec![parameter("weight", None, &shape)];
                if bias {
                    parameters.push(parameter("bias", None, &[outputs]));
                }
                parameters
            }
            Work::Embedding { count, width, .. } | Work::Sinusoids { count, width } => {
                vec![parameter("weight", None, &[count, width])]
            }
            // A tensor of the class itself, which is as wide as a row.
            Work::Shift { width } => {
                let place = |tensor| Place { tensor, share: None, expert: None, scales: None };
                let places: Vec<Place> = self.tree.spellings(&node.path).into_iter().map(place).collect();
                vec![Parameter { own: places.len(), places, shape: vec![1, width], transposed: false }]
            }
            Work::RmsNorm { width, .. } => vec![parameter("weight", None, &[width])],
            // Checkpoints converted from TensorFlow have TensorFlow's names.
            Work::LayerNorm { width, bias, .. } => {
                let mut parameters = vec![parameter("weight", Some("gamma"), &[width])];
                if bias {
                    parameters.push(parameter("bias", Some("beta"), &[width]));
                }
                parameters
            }
            Work::Scalar(name) => vec![parameter(name, None, &[1])],
            Work::ShortConvolution { columns, taps } => vec![parameter("weight", None, &[columns, 1, taps])],
            Work::DeltaRule(heads) => {
                ["A_log", "dt_bias"].map(|name| parameter(name, None, &[heads.value_heads])).into()
            }
            // GGUF files call it otherwise.
            Work::Attention { sinks } => vec![parameter("sinks", Some("sinks.weight"), &[sinks])],
            Work::Experts(settings) => {
                (0..settings.count).flat_map(|index| self.expert_parameters(node, &settings, index)).collect()
            }
            Work::Container | Work::List(_) | Work::PlainRmsNorm { .. } | Work::Activation(_) | Work::Dropout(_) => {
                Vec::new()
            }
        }
    }

    /// The parameters of one of the experts of a module.
    fn expert_parameters(&self, node: &Node, settings: &ExpertSettings, index: usize) -> Vec<Parameter> {
        let &ExpertSettings { count: of, width, inner, bias, fused, single, .. } = settings;
        let block = node.path.rsplitn(3, '.').last().unwrap_or_default();
        let mut parameters = Vec::with_capacity(6);
        for (projection, (tensor, half, halves), [outputs, inputs], separate) in [
            (0, ("gate_up_proj", 0, 2), [inner, width], "gate_proj"),
            (1, ("gate_up_proj", 1, 2), [inner, width], "up_proj"),
            (2, ("down_proj", 0, 1), [width, inner], "down_proj"),
        ] {
            let by_columns = fused == FusedExperts::Interleaved;
            let whole = |half, halves, by_columns| Some(ExpertPart { index, of, half, halves, by_columns });
            let mut add = |parameter: &str, end: &str, shape: &[usize]| {
                let mut places = vec![(format!("{}.{tensor}{end}", node.path), whole(half, halves, by_columns))];
                if let Some(names) = single {
                    let own = names.projections[projection];
                    places.push((format!("{block}.{}.{index}.{own}.{parameter}", names.list), None));
                }
                // As in GGUF files.
                places.push((format!("{}.{separate}.{parameter}", node.path), whole(0, 1, false)));
                let spelt = |(name, expert): (String, _)| {
                    let spellings = self.tree.spellings(&name).into_iter();
                    spellings.map(move |tensor| Place { tensor, share: None, expert, scales: None })
                };
                let mut places: Vec<Place> = places.into_iter().flat_map(spelt).collect();
                if fused == FusedExperts::Interleaved && parameter == "weight" {
                    let spellings = self.tree.spellings(&format!("{}.{tensor}", node.path)).into_iter();
                    places.extend(spellings.map(|tensor| Place {
                        tensor: format!("{tensor}_blocks"),
                        share: None,
                        expert: whole(half, halves, false),
                        scales: Some(format!("{tensor}_scales")),
                    }));
                }
                let own = places.len();
                parameters.push(Parameter { places, own, shape: shape.to_vec(), transposed: false });
            };
            add("weight", "", &[outputs, inputs]);
            if bias {
                add("bias", "_bias", &[outputs]);
            }
        }
        parameters
    }

    /// Where a parameter may lie in a file, the likeliest place first, and how many of the first places are its own.
    fn places(&self, node: &Node, parameter: &str, older: Option<&str>) -> (Vec<Place>, usize) {
        let names = 1 + usize::from(older.is_some());
        let own = [Some(parameter), older].into_iter().flatten().map(|name| (format!("{}.{name}", node.path), None));
        let elsewhere = node.elsewhere.iter().filter(|other| other.parameter == parameter);
        let all = own.chain(elsewhere.map(|other| (other.tensor.clone(), other.share)));
        let table = format!("{}.{parameter}", node.path);
        // A file may hold a matrix that is an embedding and an output under either name.
        let is_tied = |(embedding, _): &&(String, String)| self.tree.spellings(embedding).contains(&table);
        let all = all.chain(self.tied.iter().filter(is_tied).map(|(_, output)| (output.clone(), None)));
        let spelt = |(name, share): (String, _)| {
            self.tree.spellings(&name).into_iter().map(move |tensor| Place {
                tensor,
                share,
                expert: None,
                scales: None,
            })
        };
        let places: Vec<Place> = all.flat_map(spelt).collect();
        (places, names * self.tree.spellings(&table).len())
    }

    fn layer(&self, needed: Needed<'_>, reader: &mut Reader<'_>, implementation: Implementation) -> Result<Layer> {
        let mut parameters = self.parameters(needed).into_iter();
        let mut next = || parameters.next().ok_or_else(|| Error::internal("a module without its parameters"));
        Ok(match *needed.work {
            Work::Linear { bias, .. } => {
                let weight = reader.matrix(&next()?)?;
                let bias = if bias { Some(implementation.begin(reader.vector(&next()?)?)?) } else { None };
                Layer::Linear(Linear::new(weight, bias))
            }
            Work::Sinusoids { count, width } => {
                let parameter = next()?;
                // What a file has counts, as in transformers.
                let table =
                    if reader.has(&parameter) { reader.matrix(&parameter)? } else { reader.sinusoids(count, width)? };
                Layer::Embedding(Embedding::new(table, 1.0))
            }
            Work::Shift { .. } => Layer::Shift(Shift(reader.vector(&next()?)?.flatten_all()?)),
            Work::Embedding { scale, .. } => Layer::Embedding(Embedding::new(reader.matrix(&next()?)?, scale)),
            Work::RmsNorm { epsilon, plus_one, .. } => {
                let weight = reader.vector(&next()?)?;
                let weight = if plus_one { (weight + 1.0)? } else { weight };
                Layer::Norm(Norm::root_mean_square(weight, epsilon))
            }
            Work::PlainRmsNorm { width, epsilon } => Layer::Norm(Norm::root_mean_square(reader.ones(width)?, epsilon)),
            Work::ShortConvolution { columns, taps } => {
                let weight = reader.vector(&next()?)?.reshape((columns, taps))?;
                Layer::Convolution(weight.t()?.contiguous()?)
            }
            Work::DeltaRule(_) => {
                let decay = reader.vector(&next()?)?.exp()?.neg()?;
                Layer::DeltaRule { decay, bias: reader.vector(&next()?)? }
            }
            Work::Scalar(_) => Layer::Scale(Scale(reader.number(&next()?)?)),
            Work::LayerNorm { epsilon, bias, .. } => {
                let weight = reader.vector(&next()?)?;
                let bias = if bias { reader.vector(&next()?)? } else { weight.zeros_like()? };
                Layer::Norm(Norm::layer(weight, bias, epsilon))
            }
            Work::Activation(function) => Layer::Activation(function),
            Work::Attention { .. } => Layer::Sinks(reader.vector(&next()?)?),
            Work::Experts(settings) => {
                let mut linear = || -> Result<Linear> {
                    let weight = reader.matrix(&next()?)?;
                    let bias = if settings.bias { Some(implementation.begin(reader.vector(&next()?)?)?) } else { None };
                    Ok(Linear::new(weight, bias))
                };
                let mut expert = |_| Ok(Expert { gate: linear()?, up: linear()?, down: linear()? });
                let experts = (0..settings.count).map(&mut expert).collect::<Result<Vec<_>>>()?;
                Layer::Experts(Experts::new(experts, &settings))
            }
            Work::Container | Work::List(_) | Work::Dropout(_) => {
                return Err(Error::internal(format!("`{}` computes nothing", needed.node.path)));
            }
        })
    }
}

/// The names under which the tensors of a model may lie.
fn tensors_of(tree: &ModuleTree) -> HashSet<String> {
    let own = |node: &Node| ["weight", "bias"].map(|parameter| format!("{}.{parameter}", node.path));
    let shared = |node: &Node| {
        let shared = node.elsewhere.iter().filter(|other| other.share.is_some());
        shared.map(|other| other.tensor.clone()).collect::<Vec<_>>()
    };
    let computes =
        |node: &&Node| !matches!(node.work, Work::Container | Work::List(_) | Work::Dropout(_) | Work::Activation(_));
    let names = tree.nodes().iter().filter(computes).flat_map(|node| own(node).into_iter().chain(shared(node)));
    names.flat_map(|name| tree.spellings(&name)).collect()
}

/// The embeddings whose matrix is that of an output as well, whichever head is built: the names of both.
fn tied(config: &Config) -> Vec<(String, String)> {
    let heads = [HeadChoice::CausalLanguageModel, HeadChoice::MaskedLanguageModel, HeadChoice::Seq2SeqLanguageModel];
    let trees = heads.into_iter().filter_map(|head| Some(ModuleTree::new(&families::blueprint(config, head).ok()?)));
    let mut tied = Vec::new();
    for tree in trees {
        let tables = tree.nodes().iter().filter(|node| matches!(node.work, Work::Embedding { .. }));
        let tables: HashSet<String> = tables.map(|node| format!("{}.weight", node.path)).collect();
        for node in tree.nodes().iter().filter(|node| matches!(node.work, Work::Linear { .. })) {
            let others = node.elsewhere.iter().filter(|other| other.parameter == "weight" && other.share.is_none());
            let embeddings = others.filter(|other| tables.contains(&other.tensor));
            tied.extend(embeddings.map(|other| (other.tensor.clone(), format!("{}.weight", node.path))));
        }
    }
    tied
}

/// Refuses to run a decoder that a text says nothing to: one with a vocabulary of its own.
fn reads_texts(blueprint: &Blueprint, split_points: &[SplitPoint], options: &LoadOptions) -> Result<()> {
    let Some(field) = blueprint.decoder.as_ref().and_then(|decoder| decoder.own_vocabulary) else { return Ok(()) };
    let first = Stack::Decoder.embedding(EmbeddingSite::Token);
    let within = split_points.iter().find(|point| point.site >= first).map(|point| point.path.as_str());
    let Some(what) = within.map(|path| format!("`{path}`")).or_else(|| options.whole.then(|| "the head".to_owned()))
    else {
        return Ok(());
    };
    let message = format!(
        "{what} is behind a decoder with a vocabulary of its own (`{field}`), to which the ids of a text say nothing"
    );
    Err(Error::new(ErrorCode::Unsupported, message)
        .hint(format!(
            "split the model in its encoder, at one of the blocks 0 to {}",
            blueprint.blocks.saturating_sub(1)
        ))
        .detail("field", field))
}

/// Refuses a type of number that nothing computes in on a device.
fn check_precision(precision: Precision, device: &Device) -> Result<()> {
    let (where_to, numbers, instead) = match (device.is_cpu(), precision) {
        (true, Precision::F32 | Precision::Bf16 | Precision::Int8)
        | (false, Precision::F32 | Precision::Tf32 | Precision::Bf16 | Precision::F16) => return Ok(()),
        (true, _) => ("the CPU computes", "f32, bf16 or int8", "or on a CUDA device"),
        (false, _) => ("a CUDA device computes", "f32, tf32, bf16 or f16", "or on the CPU"),
    };
    let name = precision.name();
    Err(Error::new(ErrorCode::Unsupported, format!("{where_to} in {numbers}, and {name} was asked for"))
        .hint(format!("load the model with the precision {numbers}, whatever type of number its file has, {instead}"))
        .detail("precision", name))
}

/// All projections of a model.
fn linears(layers: &Layers) -> impl Iterator<Item = &Linear> {
    layers.values().flat_map(Layer::linears)
}

/// How the products of a model are computed, and why not faster.
fn describe_products(layers: &Layers, backend: &Backend, precision: Precision, numbers: &str) -> String {
    if !backend.device.is_cpu() {
        return format!("{} (CUDA)", precision.name());
    }
    let kinds: BTreeSet<String> = linears(layers).filter_map(Linear::products).collect();
    let kinds = kinds.into_iter().collect::<Vec<_>>().join(", ");
    match backend.host.why_not_faster(&kinds, numbers) {
        Some(reason) => format!("{kinds}; {reason}"),
        None => kinds,
    }
}

/// Where a model runs, and with which instructions.
fn where_it_runs(device: &Device) -> String {
    match device {
        Device::Cpu => format!("on the CPU with {}", instructions()),
        _ => "on a CUDA device".to_owned(),
    }
}

/// An error about a model, which says so unless it names the model's one file already.
pub(super) fn about(model: &str, error: Error) -> Error {
    let is_file = Path::new(model).is_file();
    let named = is_file && error.message().contains(&format!("{model}`"));
    if named { error } else { error.within(model) }
}
