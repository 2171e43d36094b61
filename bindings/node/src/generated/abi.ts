// Generated from src/ffi by `make header`; do not edit.

/** The constants, structs and functions of `eidos.h`, for the adapter in `native.ts`. */
import * as c from '../ctypes';
import type { Pointer } from '../pointers';

/** The binary interface that this package speaks: `EIDOS_ABI_VERSION` of `eidos.h`. */
export const ABI_VERSION = 2;

/** The words of `Status`, with their numbers in `eidos.h`. */
export const statuses = {
  ok: 0,
  invalid_argument: 1,
  invalid_handle: 2,
  not_found: 3,
  unknown_module: 4,
  invalid_file: 5,
  unsupported: 6,
  invalid_data: 7,
  mismatch: 8,
  io: 9,
  network: 10,
  access_denied: 11,
  cancelled: 12,
  out_of_memory: 13,
  device: 14,
  internal: 15,
  unusable_answer: 16,
  budget_exhausted: 17,
  busy: 18,
} as const;

/**
 * The status says whose fault a failure is, and what to do.
 *
 * - `ok`: the call succeeded and its outputs are written.
 * - `invalid_argument`: the caller passed a value that cannot be right (NULL, k = 0, a wrong length, text that is not
 *   UTF-8). Fix the call.
 * - `invalid_handle`: a handle was freed before (in other languages: its object was closed or moved from), or is of
 *   another type. Fix the call.
 * - `not_found`: a file, folder, repository or revision does not exist. Fix the name or create it.
 * - `unknown_module`: the model has no module of that path, or that module cannot be a split point. Choose another
 *   path.
 * - `invalid_file`: a file is truncated, damaged or hostile. Get the file again.
 * - `unsupported`: the file is fine but asks for something that this version does not build. Use another model or
 *   version.
 * - `invalid_data`: the numbers are unusable (NaN, infinite, constant). The message names the row. Look at the data.
 * - `mismatch`: two things do not belong together, such as an explainer of another width. Use the matching one.
 * - `io`: the operating system refused: the disk is full, or there is no permission. Fix the machine and call again;
 *   what was complete is kept.
 * - `network`: the network or the server failed. Call again; what was downloaded is kept.
 * - `access_denied`: the server refused the credentials. Set a token that has access.
 * - `cancelled`: the caller cancelled. What was complete is kept.
 * - `out_of_memory`: a memory limit would be exceeded. Raise the limit, or let rows go to disk.
 * - `device`: the device that was asked for is missing or failed. Use another device.
 * - `internal`: eidos has a defect. Please report it with the message of the error.
 * - `unusable_answer`: a language model gave no answer that can be used (empty, refused, cut). Try again, or use
 *   another model.
 * - `budget_exhausted`: the next request to a language model could exceed the budget, or the account is empty. Raise
 *   the budget and call again.
 * - `busy`: another call, of this process or of another one, is writing to the same place. Wait for it, or choose
 *   another place.
 */
export type Status = keyof typeof statuses;

/** The words of `Stage`, with their numbers in `eidos.h`. */
export const stages = {
  idle: 0,
  download: 1,
  load: 2,
  tokenize: 3,
  forward: 4,
  covariance: 5,
  fit: 6,
  interpret: 7,
  write: 8,
  label: 9,
  filter: 10,
} as const;

/**
 * The stage says what a long call is busy with.
 *
 * - `idle`: nothing has started.
 * - `download`: the call fetches files from a hub; counted in bytes.
 * - `load`: the call reads weights; counted in tensors.
 * - `tokenize`: the call turns texts into tokens; counted in texts.
 * - `forward`: the call runs the model; counted in tokens.
 * - `covariance`: the call reads rows to learn their mean and covariance; counted in rows.
 * - `fit`: the call iterates to fit the concepts; counted in iterations, of which the total is the most there can be.
 * - `interpret`: the call encodes rows into concepts, to rank inputs or to write the codes; counted in rows.
 * - `write`: the call writes files; counted in bytes.
 * - `label`: the call asks a language model what concepts mean; counted in concepts.
 * - `filter`: rows are read once to learn their norms; counted in rows.
 */
export type Stage = keyof typeof stages;

/** The words of `LogLevel`, with their numbers in `eidos.h`. */
export const logLevels = {
  warning: 1,
  info: 2,
  debug: 3,
} as const;

/**
 * The level says how important a message of a long call is.
 *
 * - `warning`: the call goes on, but its result may not be what was hoped for: a request is repeated, a concept has
 *   no label.
 * - `info`: the message says what a run is made of: which files were loaded, in which type and with which
 *   instructions, and what is downloaded.
 * - `debug`: the message is about a single step, such as a file that was found in the cache.
 */
export type LogLevel = keyof typeof logLevels;

/** The words of `TextFormat`, with their numbers in `eidos.h`. */
export const textFormats = {
  auto: 0,
  lines: 1,
  json_lines: 2,
} as const;

/**
 * The format says how the texts are written.
 *
 * - `auto`: the file has JSON lines where its name ends in `.jsonl`, `.ndjson` or `.json`, else lines. The default.
 * - `lines`: the file has one text a line.
 * - `json_lines`: the file has one JSON object a line, of which one field is the text.
 */
export type TextFormat = keyof typeof textFormats;

/** The words of `Head`, with their numbers in `eidos.h`. */
export const heads = {
  auto: 0,
  base: 1,
  masked_lm: 2,
  sequence_classification: 3,
  causal_lm: 4,
  token_classification: 5,
  seq2seq_lm: 6,
} as const;

/**
 * The model is built with this head.
 *
 * - `auto`: the model has the head that its configuration names.
 * - `base`: the model has no head: it is the base model.
 * - `masked_lm`: the head is that of a masked language model.
 * - `sequence_classification`: the head classifies texts.
 * - `causal_lm`: the head is that of a causal language model.
 * - `token_classification`: the head classifies tokens.
 * - `seq2seq_lm`: the head is that of a language model of an encoder and a decoder.
 */
export type Head = keyof typeof heads;

/** The words of `Device`, with their numbers in `eidos.h`. */
export const devices = {
  cpu: 0,
  cuda: 1,
  auto: 2,
} as const;

/**
 * The model runs on this device.
 *
 * - `cpu`: the model runs on the processor.
 * - `cuda`: the model runs on an NVIDIA GPU.
 * - `auto`: the model runs on the first GPU that works, and on the processor where none does. The log says which it
 *   is, and why.
 */
export type Device = keyof typeof devices;

/** The words of `Precision`, with their numbers in `eidos.h`. */
export const precisions = {
  f32: 0,
  tf32: 1,
  bf16: 2,
  f16: 3,
  int8: 4,
} as const;

/**
 * The model computes in this type of number, whatever type its files have.
 *
 * - `f32`: the model computes in single precision. Where the processor has AMX and a file holds `bf16`, a product
 *   with its matrices is three products of `bf16` numbers, which are exactly the one, with sums in `f32`.
 * - `tf32`: the model computes in single precision, but the factors of its products are rounded to TF32.
 * - `bf16`: the model computes in `bf16`: the factors of products are rounded to `bf16`, sums, norms and softmax are
 *   `f32`. On a GPU activations are `bf16` as well.
 * - `f16`: the model computes in `f16`: activations and the factors of products are `f16`, sums are `f32`.
 * - `int8`: the factors of products are rounded to 8-bit integers, each row of a weight and each row of activations
 *   with its own scale; sums are exact, everything else is `f32`. A quarter of the memory of `f32`, and the least
 *   exact. On the CPU alone.
 */
export type Precision = keyof typeof precisions;

/** The words of `Network`, with their numbers in `eidos.h`. */
export const networks = {
  auto: 0,
  offline: 1,
  online: 2,
} as const;

/**
 * The network says whether files are downloaded.
 *
 * - `auto`: the environment (`HF_HUB_OFFLINE`) says whether to stay offline.
 * - `offline`: only files that are there already are used.
 * - `online`: files that are missing are downloaded.
 */
export type Network = keyof typeof networks;

/** The words of `Filter`, with their numbers in `eidos.h`. */
export const filters = {
  stop_units: 1,
  stop_contractions: 2,
  stop_punctuation: 3,
  first_position: 4,
  high_norm: 5,
  no_embedding: 6,
} as const;

/**
 * Why units have no row.
 *
 * - `stop_units`: `stopUnits` of the options named the unit.
 * - `stop_contractions`: the unit is a piece of a contraction, which `stopContractions` of the options left out.
 * - `stop_punctuation`: the unit is nothing but punctuation, which `stopPunctuation` of the options left out.
 * - `first_position`: the unit is nothing but the first position of its text, which `skipFirstPosition` of the
 *   options left out.
 * - `high_norm`: the row was far longer than others, and `Activations.withoutHighNorms()` left it out.
 * - `no_embedding`: the unit is an entry of a vocabulary that the model has no embedding for.
 */
export type Filter = keyof typeof filters;

/** The words of `IcaAlgorithm`, with their numbers in `eidos.h`. */
export const icaAlgorithms = {
  parallel: 1,
  deflation: 2,
} as const;

/**
 * The algorithm of ICA says in which order components are found.
 *
 * - `parallel`: all components are found at once. The default.
 * - `deflation`: one component is found after the other.
 */
export type IcaAlgorithm = keyof typeof icaAlgorithms;

/** The words of `IcaSolver`, with their numbers in `eidos.h`. */
export const icaSolvers = {
  fast_ica: 0,
  picard_o: 1,
} as const;

/**
 * The solver of ICA makes the contrast extreme.
 *
 * - `fast_ica`: the fixed-point iteration of FastICA, step by step as in scikit-learn. The default.
 * - `picard_o`: picard-O (Ablin, Cardoso, Gramfort, 2018): L-BFGS on the orthogonal matrices, which reads the rows
 *   fewer times for small tolerances, and finds all components at once. Where the contrast has several extreme points,
 *   it may end at another one than FastICA does.
 */
export type IcaSolver = keyof typeof icaSolvers;

/** The words of `Contrast`, with their numbers in `eidos.h`. */
export const contrasts = {
  logcosh: 1,
  exp: 2,
  cube: 3,
} as const;

/**
 * The contrast function tells heavy tails from a normal distribution.
 *
 * - `logcosh`: the contrast is `log cosh(alpha x) / alpha`, a good general choice. The default.
 * - `exp`: the contrast is `-exp(-x^2 / 2)`, which is robust, for very heavy tails.
 * - `cube`: the contrast is `x^4 / 4`, kurtosis, which is sensitive to outliers.
 */
export type Contrast = keyof typeof contrasts;

/** The words of `KmeansCode`, with their numbers in `eidos.h`. */
export const kmeansCodes = {
  one_hot: 0,
  soft: 1,
  proximity: 2,
} as const;

/**
 * The codes of k-means say how a row belongs to the centres.
 *
 * - `one_hot`: 1 for the nearest centre, 0 for all others. They decode to that centre. The default.
 * - `soft`: the share of each centre, which fall with the squared distance and add up to 1. They decode to the mean
 *   of the centres with these shares.
 * - `proximity`: how much nearer to each centre the row is than a radius, so that the inputs of the largest codes are
 *   the nearest ones. They decode to the projection of the row on the plane of the centres. The radius is twice as far
 *   as the rows of the widest centre are from it.
 */
export type KmeansCode = keyof typeof kmeansCodes;

/** The words of `DictionaryFormat`, with their numbers in `eidos.h`. */
export const dictionaryFormats = {
  sae_lens: 0,
  safetensors: 1,
} as const;

/**
 * The format of a dictionary says for which programs it is written.
 *
 * - `sae_lens`: a folder of SAELens 6, which is made if need be: `cfg.json` and `sae_weights.safetensors`, as
 *   `SAE.load_from_disk` opens it.
 * - `safetensors`: one safetensors file of the same tensors, with the same configuration as `cfg` in its metadata. It
 *   takes every dictionary.
 */
export type DictionaryFormat = keyof typeof dictionaryFormats;

/** The words of `Activation`, with their numbers in `eidos.h`. */
export const activations = {
  relu: 0,
  top_k: 1,
  abs_top_k: 2,
  jump_relu: 3,
} as const;

/**
 * The activation of a sparse autoencoder leaves a row few codes.
 *
 * - `relu`: codes below zero are zero.
 * - `top_k`: a row keeps its largest codes, where they are above zero.
 * - `abs_top_k`: a row keeps its codes of largest magnitude, with their signs.
 * - `jump_relu`: codes that are not above their thresholds, and those below zero, are zero.
 */
export type Activation = keyof typeof activations;

/** The words of `CodesFormat`, with their numbers in `eidos.h`. */
export const codesFormats = {
  of_path: 0,
  npy: 1,
  npz: 2,
  safetensors: 3,
  parquet: 4,
} as const;

/**
 * The format of codes says which programs read them.
 *
 * - `of_path`: the format is what the name of the file says: `.npy`, `.npz`, `.safetensors` or `.parquet`. The
 *   default.
 * - `npy`: a dense matrix (rows, concepts) of 32-bit floats, as `numpy.load` reads it.
 * - `npz`: a sparse matrix (rows, concepts) in CSR form, as `scipy.sparse.load_npz` reads it. While it is written, it
 *   takes twice its room.
 * - `safetensors`: a dense matrix (rows, concepts), the tensor `codes` of a safetensors file.
 * - `parquet`: a table in Parquet: a line for each code that is not zero, with `row`, `text`, `begin`, `end`, `unit`,
 *   `concept` and `activation`. It takes a library with the feature `parquet`.
 */
export type CodesFormat = keyof typeof codesFormats;

/** The words of `Granularity`, with their numbers in `eidos.h`. */
export const granularities = {
  token: 1,
  word: 2,
  sentence: 3,
  sample: 4,
  all_tokens: 5,
  cls_token: 6,
} as const;

/**
 * The granularity says what one row stands for.
 *
 * - `token`: a row stands for a token that is not a special one.
 * - `word`: a row stands for a word, as the rule of `EIDOS_WORD_RULE_*` cuts texts: a piece of text without white
 *   space in it, but for a space in front where tokens bring one (`" film"`). Punctuation is a word of its own where
 *   the rule says so. The default.
 * - `sentence`: a row stands for a sentence.
 * - `sample`: a row stands for a text, over its tokens that are not special.
 * - `all_tokens`: a row stands for a position, special tokens included.
 * - `cls_token`: a row stands for the first position of a text, which must be the tokenizer's classification token.
 */
export type Granularity = keyof typeof granularities;

/** The words of `WordRule`, with their numbers in `eidos.h`. */
export const wordRules = {
  auto: 1,
  tokenizer: 2,
  unicode: 3,
} as const;

/**
 * The word rule says where a word ends.
 *
 * - `auto`: words end where the tokenizer's pre-tokenizer splits them if it does (BERT: `don`, `'`, `t`; Llama 3: `
 *   don`, `'t`; T5: `don't` and `film,`), else where Unicode does (Gemma, Llama 2, Mistral, Phi-3). The default.
 *   docs/units.md has a table of the families.
 * - `tokenizer`: words end where the tokenizer's pre-tokenizer splits them; where it splits nothing, white space
 *   alone ends a word (`film,`).
 * - `unicode`: words end at the word boundaries of Unicode (UAX #29): `don't`, `1,234.50`, each mark of punctuation
 *   and each ideograph. A token belongs to the word in which its first byte lies that is not white space; a word in
 *   which no token begins has no row.
 */
export type WordRule = keyof typeof wordRules;

/** The words of `Aggregation`, with their numbers in `eidos.h`. */
export const aggregations = {
  mean: 1,
  sum: 2,
  max: 3,
  min: 4,
  signed_max: 5,
  first: 6,
  last: 7,
} as const;

/**
 * The aggregation says how the tokens of a unit become one row.
 *
 * - `mean`: a row is the mean of the rows of the unit's tokens, per column. The default.
 * - `sum`: a row is the sum of the rows of the unit's tokens, per column.
 * - `max`: a row has the largest value of the unit's tokens, per column.
 * - `min`: a row has the smallest value of the unit's tokens, per column.
 * - `signed_max`: a row has the value of largest magnitude of the unit's tokens, with its sign, per column.
 * - `first`: a row is that of the unit's first token.
 * - `last`: a row is that of the unit's last token.
 */
export type Aggregation = keyof typeof aggregations;

/** The words of `OnLongText`, with their numbers in `eidos.h`. */
export const onLongTexts = {
  truncate: 1,
  error: 2,
} as const;

/**
 * This says what becomes of texts that are longer than what the model reads.
 *
 * - `truncate`: texts that are longer than what the model reads lose their end, which has no rows;
 *   `Activations.truncatedCount()` says how many they are, and the log does. The default.
 * - `error`: a text that is longer than what the model reads is `invalid_argument`, which names it, before the model
 *   runs.
 */
export type OnLongText = keyof typeof onLongTexts;

/** The words of `SaeKind`, with their numbers in `eidos.h`. */
export const saeKinds = {
  batch_top_k: 1,
  top_k: 2,
  vanilla: 3,
  jump_relu: 4,
  gated: 5,
  matryoshka: 6,
  matching_pursuit: 7,
} as const;

/**
 * The kind of a sparse autoencoder says how the number of codes of a row is kept small.
 *
 * - `batch_top_k`: the batch keeps its largest codes, `k` for each row on average; what is trained has one threshold
 *   for all. The default.
 * - `top_k`: each row keeps its `k` largest codes.
 * - `vanilla`: a ReLU, and a penalty on the sum of the codes.
 * - `jump_relu`: a threshold for each concept, learned with straight-through gradients, and a penalty on the number
 *   of codes.
 * - `gated`: a gate decides which codes a row has, apart from how large they are, and a penalty on the gates.
 * - `matryoshka`: batch-top-k whose first concepts reconstruct the rows by themselves as well: general concepts come
 *   first.
 * - `matching_pursuit`: a row takes the concept that explains most of it, then that which explains most of the rest,
 *   and so on, `k` times at most. The dictionary is all that is trained: there are no weights of an encoder.
 */
export type SaeKind = keyof typeof saeKinds;

/** The words of `ThresholdKernel`, with their numbers in `eidos.h`. */
export const thresholdKernels = {
  rectangle: 0,
  triangular: 1,
  epanechnikov: 2,
  quartic: 3,
  cosine: 4,
  gaussian: 5,
  silverman: 6,
  cauchy: 7,
} as const;

/**
 * The kernel says by which pre-activations the threshold of a JumpReLU learns.
 *
 * - `rectangle`: all pre-activations within half a bandwidth count the same. The default.
 * - `triangular`: the kernel falls in a line to zero at half a bandwidth.
 * - `epanechnikov`: the kernel is a parabola that is zero at half a bandwidth.
 * - `quartic`: the kernel is the square of a parabola that is zero at half a bandwidth.
 * - `cosine`: the kernel is a wave of the cosine that is zero at a bandwidth.
 * - `gaussian`: the kernel is a normal distribution with half a bandwidth as its deviation.
 * - `silverman`: the kernel is Silverman's, which is a little below zero in its tails.
 * - `cauchy`: the kernel is a Cauchy distribution, with heavy tails.
 */
export type ThresholdKernel = keyof typeof thresholdKernels;

/** The words of `Pole`, with their numbers in `eidos.h`. */
export const poles = {
  positive: 0,
  negative: 1,
} as const;

/**
 * The pole says which end of a concept inputs excite.
 *
 * - `positive`: the inputs are those with the largest activations.
 * - `negative`: the inputs are those with the most negative activations, for concepts that have a sign.
 */
export type Pole = keyof typeof poles;

/** The words of `Sampling`, with their numbers in `eidos.h`. */
export const samplings = {
  top: 1,
  random: 2,
  quantile: 3,
} as const;

/**
 * The sampling says how the examples are chosen.
 *
 * - `top`: the examples are those with the strongest activations. The default.
 * - `random`: the examples are any that excite the concept.
 * - `quantile`: the examples are equally many of each quantile of activation, at random within it.
 */
export type Sampling = keyof typeof samplings;

// The structs. 64-bit numbers are JavaScript numbers up to 2^53.

export interface ProgressStruct {
  struct_size: number;
  stage: number;
  done: number;
  total: number;
  elapsed_seconds: number;
}

export interface LogMessageStruct {
  struct_size: number;
  level: number;
  target: Pointer;
  target_len: number;
  message: Pointer;
  message_len: number;
  elapsed_seconds: number;
}

export interface TextsOptionsStruct {
  struct_size: number;
  format: number;
  field: string | null;
  most_texts: number;
  keep_empty: number;
  reserved: number;
}

export interface LoadOptionsStruct {
  struct_size: number;
  head: number;
  device: number;
  device_index: number;
  network: number;
  whole: number;
  revision: string | null;
  token: string | null;
  cache_folder: string | null;
  endpoint: string | null;
  copy: number;
  precision: number;
  use_max_seq_length: number;
  reserved: number;
}

export interface InputsOptionsStruct {
  struct_size: number;
  threads: number;
}

export interface IcaOptionsStruct {
  struct_size: number;
  concept_count: number;
  algorithm: number;
  contrast: number;
  alpha: number;
  tolerance: number;
  max_iterations: number;
  seed: number;
  canonical_signs: number;
  threads: number;
  device: number;
  device_index: number;
  solver: number;
}

export interface PcaOptionsStruct {
  struct_size: number;
  concept_count: number;
  whiten: number;
  threads: number;
  device: number;
  device_index: number;
  randomised: number;
  power_iterations: number;
  seed: number;
}

export interface SvdOptionsStruct {
  struct_size: number;
  concept_count: number;
  threads: number;
  device: number;
  device_index: number;
}

export interface KmeansOptionsStruct {
  struct_size: number;
  concept_count: number;
  codes: number;
  max_iterations: number;
  temperature: number;
  tolerance: number;
  seed: number;
  threads: number;
  batch_size: number;
  reserved: number;
}

export interface NeuronsOptionsStruct {
  struct_size: number;
  threads: number;
}

export interface RandomDirectionsOptionsStruct {
  struct_size: number;
  concept_count: number;
  seed: number;
  threads: number;
}

export interface NmfOptionsStruct {
  struct_size: number;
  concept_count: number;
  tolerance: number;
  max_iterations: number;
  rectify: number;
  seed: number;
  threads: number;
}

export interface SemiNmfOptionsStruct {
  struct_size: number;
  concept_count: number;
  tolerance: number;
  max_iterations: number;
  seed: number;
  threads: number;
}

export interface ConvexNmfOptionsStruct {
  struct_size: number;
  concept_count: number;
  tolerance: number;
  max_iterations: number;
  candidate_count: number;
  seed: number;
  threads: number;
}

export interface DictionaryLearningOptionsStruct {
  struct_size: number;
  concept_count: number;
  penalty: number;
  tolerance: number;
  max_iterations: number;
  positive_codes: number;
  seed: number;
  threads: number;
}

export interface SparsePcaOptionsStruct {
  struct_size: number;
  concept_count: number;
  penalty: number;
  ridge: number;
  tolerance: number;
  max_iterations: number;
  threads: number;
  device: number;
  device_index: number;
}

export interface PublishedOptionsStruct {
  struct_size: number;
  network: number;
  model: string | null;
  split_point: string | null;
  revision: string | null;
  token: string | null;
  cache_folder: string | null;
  endpoint: string | null;
  input_factor: number;
  transcoder: number;
  reserved: number;
}

export interface EncodeOptionsStruct {
  struct_size: number;
  threads: number;
  device: number;
  device_index: number;
  format: number;
  reserved: number;
}

export interface ActivationsOptionsStruct {
  struct_size: number;
  granularity: number;
  aggregation: number;
  threads: number;
  batch_tokens: number;
  memory_limit: number;
  shard_bytes: number;
  folder: string | null;
  word_rule: number;
  stop_contractions: number;
  stop_units: readonly string[] | null;
  stop_unit_count: number;
  device_batch_tokens: number;
  keep_on_device: number;
  stop_punctuation: number;
  skip_first_position: number;
  on_long_text: number;
}

export interface SaeOptionsStruct {
  struct_size: number;
  concept_count: number;
  kind: number;
  k: number;
  checkpoint: string | null;
  penalty: number;
  bandwidth: number;
  learning_rate: number;
  warm_up: number;
  decay: number;
  dead_weight: number;
  held_out: number;
  steps: number;
  batch_rows: number;
  dead_after: number;
  shuffled_rows: number;
  checkpoint_every: number;
  seed: number;
  threads: number;
  restart_dead: number;
  kernel: number;
  device: number;
  device_index: number;
}

export interface EstimateStruct {
  struct_size: number;
  on_disk: number;
  text_count: number;
  token_count: number;
  row_count: number;
  sampled_token_count: number;
  row_bytes: number;
  seconds: number;
}

export interface LogitsOptionsStruct {
  struct_size: number;
  threads: number;
  batch_tokens: number;
  memory_limit: number;
  on_long_text: number;
  reserved: number;
}

export interface TopInputsOptionsStruct {
  struct_size: number;
  negative_pole: number;
  k: number;
  concepts: readonly number[] | null;
  concept_count: number;
  device: number;
  device_index: number;
  stop_units: readonly string[] | null;
  stop_unit_count: number;
  stop_punctuation: number;
  fold_case: number;
  least_occurrences: number;
  context: number;
}

export interface ExplainOptionsStruct {
  struct_size: number;
  negative_pole: number;
  k: number;
  least_deviations: number;
  threads: number;
  reserved: number;
}

export interface FiringStruct {
  struct_size: number;
  pole: number;
  concept_index: number;
  activation: number;
  deviations: number;
  percentile: number;
  reserved: number;
}

export interface MetricsOptionsStruct {
  struct_size: number;
  threads: number;
  dense_share: number;
  redundant_cosine: number;
  details: number;
  reserved: number;
}

export interface ChatOptionsStruct {
  struct_size: number;
  max_tokens: number;
  model: string | null;
  base_url: string | null;
  api_key: string | null;
  cache_folder: string | null;
  timeout_seconds: number;
  retries: number;
  parallel_requests: number;
  reserved: number;
  temperature: number;
  request_budget: number;
  token_budget: number;
}

export interface ChatSpendingStruct {
  struct_size: number;
  reserved: number;
  requests: number;
  cached: number;
  prompt_tokens: number;
  completion_tokens: number;
  unreported: number;
  requests_left: number;
  tokens_left: number;
}

export interface ChatRequestStruct {
  struct_size: number;
  max_tokens: number;
  system_prompt: Pointer;
  system_prompt_len: number;
  user_prompt: Pointer;
  user_prompt_len: number;
  json_schema: Pointer;
  json_schema_len: number;
}

export interface LlmLabelsOptionsStruct {
  struct_size: number;
  negative_pole: number;
  concepts: readonly number[] | null;
  concept_count: number;
  sampling: number;
  example_count: number;
  context: number;
  quantile_count: number;
  seed: number;
  score_passages: number;
  score_passages_per_request: number;
  dry_run: number;
  score_threshold: number;
  system_prompt: string | null;
}

export interface LabelUsageStruct {
  struct_size: number;
  dry_run: number;
  requests: number;
  cached: number;
  prompt_tokens: number;
  completion_tokens: number;
  unreported: number;
}

export interface ReportOptionsStruct {
  struct_size: number;
  threads: number;
  title: string | null;
  inputs: number;
  passages: number;
  context: number;
  neighbours: number;
  texts: number;
  concepts_without_scripts: number;
}

/** @internal The structs, as koffi knows them. */
export const structs = {
  eidos_progress: c.struct<ProgressStruct>({
    struct_size: 'uint32_t',
    stage: 'uint32_t',
    done: 'uint64_t',
    total: 'uint64_t',
    elapsed_seconds: 'double',
  }),
  eidos_log_message: c.struct<LogMessageStruct>({
    struct_size: 'uint32_t',
    level: 'uint32_t',
    target: 'void *',
    target_len: 'size_t',
    message: 'void *',
    message_len: 'size_t',
    elapsed_seconds: 'double',
  }),
  eidos_texts_options: c.struct<TextsOptionsStruct>({
    struct_size: 'uint32_t',
    format: 'uint32_t',
    field: 'const char *',
    most_texts: 'uint64_t',
    keep_empty: 'uint32_t',
    reserved: 'uint32_t',
  }),
  eidos_load_options: c.struct<LoadOptionsStruct>({
    struct_size: 'uint32_t',
    head: 'uint32_t',
    device: 'uint32_t',
    device_index: 'uint32_t',
    network: 'uint32_t',
    whole: 'uint32_t',
    revision: 'const char *',
    token: 'const char *',
    cache_folder: 'const char *',
    endpoint: 'const char *',
    copy: 'uint32_t',
    precision: 'uint32_t',
    use_max_seq_length: 'uint32_t',
    reserved: 'uint32_t',
  }),
  eidos_inputs_options: c.struct<InputsOptionsStruct>({
    struct_size: 'uint32_t',
    threads: 'uint32_t',
  }),
  eidos_ica_options: c.struct<IcaOptionsStruct>({
    struct_size: 'uint32_t',
    concept_count: 'uint32_t',
    algorithm: 'uint32_t',
    contrast: 'uint32_t',
    alpha: 'double',
    tolerance: 'double',
    max_iterations: 'uint32_t',
    seed: 'uint32_t',
    canonical_signs: 'uint32_t',
    threads: 'uint32_t',
    device: 'uint32_t',
    device_index: 'uint32_t',
    solver: 'uint32_t',
  }),
  eidos_pca_options: c.struct<PcaOptionsStruct>({
    struct_size: 'uint32_t',
    concept_count: 'uint32_t',
    whiten: 'uint32_t',
    threads: 'uint32_t',
    device: 'uint32_t',
    device_index: 'uint32_t',
    randomised: 'uint32_t',
    power_iterations: 'uint32_t',
    seed: 'uint32_t',
  }),
  eidos_svd_options: c.struct<SvdOptionsStruct>({
    struct_size: 'uint32_t',
    concept_count: 'uint32_t',
    threads: 'uint32_t',
    device: 'uint32_t',
    device_index: 'uint32_t',
  }),
  eidos_kmeans_options: c.struct<KmeansOptionsStruct>({
    struct_size: 'uint32_t',
    concept_count: 'uint32_t',
    codes: 'uint32_t',
    max_iterations: 'uint32_t',
    temperature: 'double',
    tolerance: 'double',
    seed: 'uint32_t',
    threads: 'uint32_t',
    batch_size: 'uint32_t',
    reserved: 'uint32_t',
  }),
  eidos_neurons_options: c.struct<NeuronsOptionsStruct>({
    struct_size: 'uint32_t',
    threads: 'uint32_t',
  }),
  eidos_random_directions_options: c.struct<RandomDirectionsOptionsStruct>({
    struct_size: 'uint32_t',
    concept_count: 'uint32_t',
    seed: 'uint32_t',
    threads: 'uint32_t',
  }),
  eidos_nmf_options: c.struct<NmfOptionsStruct>({
    struct_size: 'uint32_t',
    concept_count: 'uint32_t',
    tolerance: 'double',
    max_iterations: 'uint32_t',
    rectify: 'uint32_t',
    seed: 'uint32_t',
    threads: 'uint32_t',
  }),
  eidos_semi_nmf_options: c.struct<SemiNmfOptionsStruct>({
    struct_size: 'uint32_t',
    concept_count: 'uint32_t',
    tolerance: 'double',
    max_iterations: 'uint32_t',
    seed: 'uint32_t',
    threads: 'uint32_t',
  }),
  eidos_convex_nmf_options: c.struct<ConvexNmfOptionsStruct>({
    struct_size: 'uint32_t',
    concept_count: 'uint32_t',
    tolerance: 'double',
    max_iterations: 'uint32_t',
    candidate_count: 'uint32_t',
    seed: 'uint32_t',
    threads: 'uint32_t',
  }),
  eidos_dictionary_learning_options: c.struct<DictionaryLearningOptionsStruct>({
    struct_size: 'uint32_t',
    concept_count: 'uint32_t',
    penalty: 'double',
    tolerance: 'double',
    max_iterations: 'uint32_t',
    positive_codes: 'uint32_t',
    seed: 'uint32_t',
    threads: 'uint32_t',
  }),
  eidos_sparse_pca_options: c.struct<SparsePcaOptionsStruct>({
    struct_size: 'uint32_t',
    concept_count: 'uint32_t',
    penalty: 'double',
    ridge: 'double',
    tolerance: 'double',
    max_iterations: 'uint32_t',
    threads: 'uint32_t',
    device: 'uint32_t',
    device_index: 'uint32_t',
  }),
  eidos_published_options: c.struct<PublishedOptionsStruct>({
    struct_size: 'uint32_t',
    network: 'uint32_t',
    model: 'const char *',
    split_point: 'const char *',
    revision: 'const char *',
    token: 'const char *',
    cache_folder: 'const char *',
    endpoint: 'const char *',
    input_factor: 'double',
    transcoder: 'uint32_t',
    reserved: 'uint32_t',
  }),
  eidos_encode_options: c.struct<EncodeOptionsStruct>({
    struct_size: 'uint32_t',
    threads: 'uint32_t',
    device: 'uint32_t',
    device_index: 'uint32_t',
    format: 'uint32_t',
    reserved: 'uint32_t',
  }),
  eidos_activations_options: c.struct<ActivationsOptionsStruct>({
    struct_size: 'uint32_t',
    granularity: 'uint32_t',
    aggregation: 'uint32_t',
    threads: 'uint32_t',
    batch_tokens: 'uint64_t',
    memory_limit: 'uint64_t',
    shard_bytes: 'uint64_t',
    folder: 'const char *',
    word_rule: 'uint32_t',
    stop_contractions: 'uint32_t',
    stop_units: 'const char **',
    stop_unit_count: 'size_t',
    device_batch_tokens: 'uint64_t',
    keep_on_device: 'uint32_t',
    stop_punctuation: 'uint32_t',
    skip_first_position: 'uint32_t',
    on_long_text: 'uint32_t',
  }),
  eidos_sae_options: c.struct<SaeOptionsStruct>({
    struct_size: 'uint32_t',
    concept_count: 'uint32_t',
    kind: 'uint32_t',
    k: 'uint32_t',
    checkpoint: 'const char *',
    penalty: 'double',
    bandwidth: 'double',
    learning_rate: 'double',
    warm_up: 'double',
    decay: 'double',
    dead_weight: 'double',
    held_out: 'double',
    steps: 'uint32_t',
    batch_rows: 'uint32_t',
    dead_after: 'uint32_t',
    shuffled_rows: 'uint32_t',
    checkpoint_every: 'uint32_t',
    seed: 'uint32_t',
    threads: 'uint32_t',
    restart_dead: 'uint32_t',
    kernel: 'uint32_t',
    device: 'uint32_t',
    device_index: 'uint32_t',
  }),
  eidos_estimate: c.struct<EstimateStruct>({
    struct_size: 'uint32_t',
    on_disk: 'uint32_t',
    text_count: 'size_t',
    token_count: 'size_t',
    row_count: 'size_t',
    sampled_token_count: 'size_t',
    row_bytes: 'uint64_t',
    seconds: 'double',
  }),
  eidos_logits_options: c.struct<LogitsOptionsStruct>({
    struct_size: 'uint32_t',
    threads: 'uint32_t',
    batch_tokens: 'uint64_t',
    memory_limit: 'uint64_t',
    on_long_text: 'uint32_t',
    reserved: 'uint32_t',
  }),
  eidos_top_inputs_options: c.struct<TopInputsOptionsStruct>({
    struct_size: 'uint32_t',
    negative_pole: 'uint32_t',
    k: 'uint64_t',
    concepts: 'const size_t *',
    concept_count: 'size_t',
    device: 'uint32_t',
    device_index: 'uint32_t',
    stop_units: 'const char **',
    stop_unit_count: 'size_t',
    stop_punctuation: 'uint32_t',
    fold_case: 'uint32_t',
    least_occurrences: 'uint64_t',
    context: 'uint64_t',
  }),
  eidos_explain_options: c.struct<ExplainOptionsStruct>({
    struct_size: 'uint32_t',
    negative_pole: 'uint32_t',
    k: 'uint64_t',
    least_deviations: 'double',
    threads: 'uint32_t',
    reserved: 'uint32_t',
  }),
  eidos_firing: c.struct<FiringStruct>({
    struct_size: 'uint32_t',
    pole: 'uint32_t',
    concept_index: 'uint64_t',
    activation: 'float',
    deviations: 'float',
    percentile: 'float',
    reserved: 'uint32_t',
  }),
  eidos_metrics_options: c.struct<MetricsOptionsStruct>({
    struct_size: 'uint32_t',
    threads: 'uint32_t',
    dense_share: 'double',
    redundant_cosine: 'double',
    details: 'uint32_t',
    reserved: 'uint32_t',
  }),
  eidos_chat_options: c.struct<ChatOptionsStruct>({
    struct_size: 'uint32_t',
    max_tokens: 'uint32_t',
    model: 'const char *',
    base_url: 'const char *',
    api_key: 'const char *',
    cache_folder: 'const char *',
    timeout_seconds: 'uint32_t',
    retries: 'uint32_t',
    parallel_requests: 'uint32_t',
    reserved: 'uint32_t',
    temperature: 'double',
    request_budget: 'uint64_t',
    token_budget: 'uint64_t',
  }),
  eidos_chat_spending: c.struct<ChatSpendingStruct>({
    struct_size: 'uint32_t',
    reserved: 'uint32_t',
    requests: 'uint64_t',
    cached: 'uint64_t',
    prompt_tokens: 'uint64_t',
    completion_tokens: 'uint64_t',
    unreported: 'uint64_t',
    requests_left: 'uint64_t',
    tokens_left: 'uint64_t',
  }),
  eidos_chat_request: c.struct<ChatRequestStruct>({
    struct_size: 'uint32_t',
    max_tokens: 'uint32_t',
    system_prompt: 'void *',
    system_prompt_len: 'size_t',
    user_prompt: 'void *',
    user_prompt_len: 'size_t',
    json_schema: 'void *',
    json_schema_len: 'size_t',
  }),
  eidos_llm_labels_options: c.struct<LlmLabelsOptionsStruct>({
    struct_size: 'uint32_t',
    negative_pole: 'uint32_t',
    concepts: 'const size_t *',
    concept_count: 'size_t',
    sampling: 'uint32_t',
    example_count: 'uint32_t',
    context: 'uint32_t',
    quantile_count: 'uint32_t',
    seed: 'uint32_t',
    score_passages: 'uint32_t',
    score_passages_per_request: 'uint32_t',
    dry_run: 'uint32_t',
    score_threshold: 'double',
    system_prompt: 'const char *',
  }),
  eidos_label_usage: c.struct<LabelUsageStruct>({
    struct_size: 'uint32_t',
    dry_run: 'uint32_t',
    requests: 'uint64_t',
    cached: 'uint64_t',
    prompt_tokens: 'uint64_t',
    completion_tokens: 'uint64_t',
    unreported: 'uint64_t',
  }),
  eidos_report_options: c.struct<ReportOptionsStruct>({
    struct_size: 'uint32_t',
    threads: 'uint32_t',
    title: 'const char *',
    inputs: 'uint64_t',
    passages: 'uint64_t',
    context: 'uint64_t',
    neighbours: 'uint64_t',
    texts: 'uint64_t',
    concepts_without_scripts: 'uint64_t',
  }),
};

/** @internal The prototypes of functions that C calls. */
export const callbacks = {
  eidos_progress_callback: c.callback('void', ['void *', 'void *']),
  eidos_log_callback: c.callback('void', ['void *', 'void *']),
  eidos_reduce_callback: c.callback('int32_t', ['void *', 'size_t', 'void *']),
  eidos_destroy_callback: c.callback('void', ['void *']),
  eidos_text_callback: c.callback('int32_t', ['void *', 'void *', 'void *']),
  eidos_chat_callback: c.callback('int32_t', ['void *', 'void *', 'void *']),
};

/** @internal The functions, in the order of the header. */
export const signatures = {
  eidos_abi_version: c.signature(c.u32),
  eidos_version: c.signature(c.string),

  eidos_api: c.signature(c.nullable, c.u32),

  eidos_status_name: c.signature(c.string, c.i32),

  eidos_error_status: c.signature(c.i32, c.address),
  eidos_error_message: c.signature(c.nullable, c.address, c.sizeOut),
  eidos_error_hint: c.signature(c.nullable, c.address, c.sizeOut),
  eidos_error_detail_count: c.signature(c.size, c.address),
  eidos_error_detail_key: c.signature(c.nullable, c.address, c.size, c.sizeOut),
  eidos_error_detail_value: c.signature(c.nullable, c.address, c.size, c.sizeOut),
  eidos_error_free: c.signature(c.nothing, c.nullable),

  eidos_stage_name: c.signature(c.string, c.u32),
  eidos_control_new: c.signature(c.i32, c.addressOut, c.addressOut),
  eidos_control_cancel: c.signature(c.nothing, c.address),
  eidos_control_is_cancelled: c.signature(c.i32, c.address),
  eidos_control_progress: c.signature(c.i32, c.address, structs.eidos_progress.output, c.size, c.addressOut),
  eidos_control_set_callback: c.signature(c.i32, c.address, c.nullable, c.nullable, c.addressOut),
  eidos_control_retain: c.signature(c.i32, c.address, c.addressOut, c.addressOut),
  eidos_control_free: c.signature(c.nothing, c.nullable),

  eidos_control_set_log_callback: c.signature(c.i32, c.address, c.u32, c.nullable, c.nullable, c.addressOut),
  eidos_control_keep_log: c.signature(c.i32, c.address, c.u32, c.addressOut),
  eidos_control_log_count: c.signature(c.size, c.address),
  eidos_control_log: c.signature(c.i32, c.address, c.size, structs.eidos_log_message.output, c.size, c.addressOut),

  eidos_texts_options_init: c.signature(c.i32, structs.eidos_texts_options.output, c.size),
  eidos_texts_read: c.signature(
    c.i32, c.string, structs.eidos_texts_options.input, c.nullable, c.addressOut, c.addressOut,
  ),
  eidos_texts_count: c.signature(c.size, c.address),
  eidos_texts_get: c.signature(c.nullable, c.address, c.size, c.sizeOut),
  eidos_texts_retain: c.signature(c.i32, c.address, c.addressOut, c.addressOut),
  eidos_texts_free: c.signature(c.nothing, c.nullable),

  eidos_features: c.signature(c.string),
  eidos_devices_list: c.signature(c.i32, c.addressOut, c.addressOut),
  eidos_devices_count: c.signature(c.size, c.address),
  eidos_devices_reason: c.signature(c.nullable, c.address, c.sizeOut),
  eidos_devices_name: c.signature(c.nullable, c.address, c.size, c.sizeOut),
  eidos_devices_problem: c.signature(c.nullable, c.address, c.size, c.sizeOut),
  eidos_devices_total_memory: c.signature(c.u64, c.address, c.size),
  eidos_devices_free_memory: c.signature(c.u64, c.address, c.size),
  eidos_devices_compute_capability: c.signature(c.u32, c.address, c.size),
  eidos_devices_library_count: c.signature(c.size, c.address),
  eidos_devices_library_name: c.signature(c.nullable, c.address, c.size, c.sizeOut),
  eidos_devices_library_version: c.signature(c.nullable, c.address, c.size, c.sizeOut),
  eidos_devices_free: c.signature(c.nothing, c.nullable),

  eidos_load_options_init: c.signature(c.i32, structs.eidos_load_options.output, c.size),
  eidos_split_model_load: c.signature(
    c.i32, c.string, c.texts, c.size, structs.eidos_load_options.input, c.nullable, c.addressOut, c.addressOut,
  ),
  eidos_split_model_name: c.signature(c.nullable, c.address, c.sizeOut),
  eidos_split_model_family: c.signature(c.nullable, c.address, c.sizeOut),
  eidos_split_model_products: c.signature(c.nullable, c.address, c.sizeOut),
  eidos_split_model_vocabulary_size: c.signature(c.size, c.address),
  eidos_split_model_max_positions: c.signature(c.size, c.address),
  eidos_split_model_weight_bytes: c.signature(c.size, c.address),
  eidos_split_model_module_count: c.signature(c.size, c.address),
  eidos_split_model_module_path: c.signature(c.nullable, c.address, c.size, c.sizeOut),
  eidos_split_model_module_kind: c.signature(c.nullable, c.address, c.size, c.sizeOut),
  eidos_split_model_module_can_split: c.signature(c.i32, c.address, c.size),
  eidos_split_model_module_width: c.signature(c.size, c.address, c.size),
  eidos_split_model_module_cost: c.signature(c.double, c.address, c.size),
  eidos_split_model_module_is_recommended: c.signature(c.i32, c.address, c.size),
  eidos_split_model_split_point_count: c.signature(c.size, c.address),
  eidos_split_model_split_point: c.signature(c.nullable, c.address, c.size, c.sizeOut),
  eidos_split_model_width: c.signature(c.size, c.address, c.size),
  eidos_split_model_retain: c.signature(c.i32, c.address, c.addressOut, c.addressOut),
  eidos_split_model_free: c.signature(c.nothing, c.nullable),

  eidos_inputs_options_init: c.signature(c.i32, structs.eidos_inputs_options.output, c.size),
  eidos_inputs_from_texts: c.signature(
    c.i32, c.address, c.texts, c.sizes, c.size, structs.eidos_inputs_options.input, c.nullable, c.addressOut, c.addressOut,
  ),
  eidos_inputs_from_texts_handle: c.signature(
    c.i32, c.address, c.address, structs.eidos_inputs_options.input, c.nullable, c.addressOut, c.addressOut,
  ),
  eidos_inputs_from_token_ids: c.signature(
    c.i32, c.address, c.integers, c.size, c.sizes, c.size, c.addressOut, c.addressOut,
  ),
  eidos_inputs_from_vocabulary: c.signature(c.i32, c.address, c.addressOut, c.addressOut),
  eidos_inputs_text_count: c.signature(c.size, c.address),
  eidos_inputs_text: c.signature(c.nullable, c.address, c.size, c.sizeOut),
  eidos_inputs_token_count: c.signature(c.size, c.address),
  eidos_inputs_token_ids: c.signature(c.i32, c.address, c.size, c.addressOut, c.sizeOut, c.addressOut),
  eidos_inputs_truncated_count: c.signature(c.size, c.address),
  eidos_inputs_retain: c.signature(c.i32, c.address, c.addressOut, c.addressOut),
  eidos_inputs_free: c.signature(c.nothing, c.nullable),

  eidos_split_model_tokens: c.signature(
    c.i32, c.address, c.bytes, c.size, c.integers, c.integers, c.integers, c.size, c.sizeOut, c.addressOut,
  ),
  eidos_split_model_token_string: c.signature(c.nullable, c.address, c.u32, c.sizeOut),

  eidos_activations_from_rows: c.signature(
    c.i32, c.floats, c.size, c.size, c.texts, c.size, c.addressOut, c.addressOut,
  ),
  eidos_activations_from_dlpack: c.signature(c.i32, c.address, c.texts, c.size, c.addressOut, c.addressOut),
  eidos_activations_to_dlpack: c.signature(c.i32, c.address, c.addressOut, c.addressOut),
  eidos_activations_row_count: c.signature(c.size, c.address),
  eidos_activations_column_count: c.signature(c.size, c.address),
  eidos_activations_truncated_count: c.signature(c.size, c.address),
  eidos_activations_left_out_by: c.signature(c.size, c.address, c.u32),
  eidos_activations_filters: c.signature(c.nullable, c.address, c.sizeOut),
  eidos_activations_without_high_norms: c.signature(c.i32, c.address, c.double, c.nullable, c.addressOut, c.addressOut),
  eidos_activations_left_out_count: c.signature(c.size, c.address),
  eidos_activations_text_count: c.signature(c.size, c.address),
  eidos_activations_is_on_disk: c.signature(c.i32, c.address),
  eidos_activations_is_on_device: c.signature(c.i32, c.address),
  eidos_activations_granularity: c.signature(c.u32, c.address),
  eidos_activations_word_rule: c.signature(c.u32, c.address),
  eidos_activations_aggregation: c.signature(c.u32, c.address),
  eidos_activations_model: c.signature(c.nullable, c.address, c.sizeOut),
  eidos_activations_split_point: c.signature(c.nullable, c.address, c.sizeOut),
  eidos_activations_rows: c.signature(c.i32, c.address, c.size, c.size, c.addressOut, c.addressOut),
  eidos_activations_run: c.signature(c.i32, c.address, c.size, c.addressOut, c.sizeOut, c.addressOut),
  eidos_activations_copy_rows: c.signature(c.i32, c.address, c.size, c.size, c.floats, c.size, c.addressOut),
  eidos_activations_unit: c.signature(c.nullable, c.address, c.size, c.sizeOut),
  eidos_activations_unit_span: c.signature(c.i32, c.address, c.size, c.sizeOut, c.sizeOut, c.sizeOut, c.addressOut),
  eidos_activations_text: c.signature(c.nullable, c.address, c.size, c.sizeOut),
  eidos_activations_save: c.signature(c.i32, c.address, c.string, c.nullable, c.addressOut),
  eidos_activations_open: c.signature(c.i32, c.string, c.addressOut, c.addressOut),
  eidos_activations_open_copy: c.signature(c.i32, c.string, c.addressOut, c.addressOut),
  eidos_activations_retain: c.signature(c.i32, c.address, c.addressOut, c.addressOut),
  eidos_activations_free: c.signature(c.nothing, c.nullable),

  eidos_explainer_concept_count: c.signature(c.size, c.address),
  eidos_explainer_input_width: c.signature(c.size, c.address),
  eidos_explainer_output_width: c.signature(c.size, c.address),
  eidos_explainer_method: c.signature(c.nullable, c.address, c.sizeOut),
  eidos_explainer_model: c.signature(c.nullable, c.address, c.sizeOut),
  eidos_explainer_split_point: c.signature(c.nullable, c.address, c.sizeOut),
  eidos_explainer_options: c.signature(c.nullable, c.address, c.sizeOut),
  eidos_explainer_converged: c.signature(c.i32, c.address),
  eidos_explainer_step_count: c.signature(c.size, c.address),
  eidos_explainer_warning_count: c.signature(c.size, c.address),
  eidos_explainer_warning: c.signature(c.nullable, c.address, c.size, c.sizeOut),
  eidos_explainer_measure_count: c.signature(c.size, c.address),
  eidos_explainer_measure_name: c.signature(c.nullable, c.address, c.size, c.sizeOut),
  eidos_explainer_measure_values: c.signature(c.nullable, c.address, c.size, c.sizeOut),
  eidos_explainer_encode: c.signature(c.i32, c.address, c.floats, c.size, c.size, c.floats, c.size, c.addressOut),
  eidos_explainer_decode: c.signature(c.i32, c.address, c.floats, c.size, c.size, c.floats, c.size, c.addressOut),
  eidos_explainer_reconstruct: c.signature(c.i32, c.address, c.floats, c.size, c.size, c.floats, c.size, c.addressOut),
  eidos_explainer_dictionary: c.signature(c.nullable, c.address, c.sizeOut),
  eidos_explainer_from_dictionary: c.signature(
    c.i32, c.floats, c.nullableFloats, c.nullableFloats, c.nullableFloats, c.size, c.size, c.u32, c.addressOut, c.addressOut,
  ),
  eidos_explainer_save: c.signature(c.i32, c.address, c.string, c.addressOut),
  eidos_explainer_open: c.signature(c.i32, c.string, c.addressOut, c.addressOut),
  eidos_explainer_calibrate: c.signature(c.i32, c.address, c.address, c.nullable, c.addressOut, c.addressOut),
  eidos_explainer_moments: c.signature(c.i32, c.address, c.size, c.doubles, c.doubles, c.addressOut),
  eidos_explainer_retain: c.signature(c.i32, c.address, c.addressOut, c.addressOut),
  eidos_explainer_free: c.signature(c.nothing, c.nullable),

  eidos_ica_options_init: c.signature(c.i32, structs.eidos_ica_options.output, c.size),
  eidos_ica_fit: c.signature(c.i32, c.address, structs.eidos_ica_options.input, c.nullable, c.addressOut, c.addressOut),
  eidos_pca_options_init: c.signature(c.i32, structs.eidos_pca_options.output, c.size),
  eidos_pca_fit: c.signature(c.i32, c.address, structs.eidos_pca_options.input, c.nullable, c.addressOut, c.addressOut),
  eidos_activations_spread: c.signature(
    c.i32, c.address, c.nullable, c.nullable, c.nullable, c.addressOut, c.addressOut,
  ),

  eidos_svd_options_init: c.signature(c.i32, structs.eidos_svd_options.output, c.size),
  eidos_svd_fit: c.signature(c.i32, c.address, structs.eidos_svd_options.input, c.nullable, c.addressOut, c.addressOut),
  eidos_kmeans_options_init: c.signature(c.i32, structs.eidos_kmeans_options.output, c.size),
  eidos_kmeans_fit: c.signature(
    c.i32, c.address, structs.eidos_kmeans_options.input, c.nullable, c.addressOut, c.addressOut,
  ),
  eidos_neurons_options_init: c.signature(c.i32, structs.eidos_neurons_options.output, c.size),
  eidos_neurons_fit: c.signature(
    c.i32, c.address, structs.eidos_neurons_options.input, c.nullable, c.addressOut, c.addressOut,
  ),
  eidos_random_directions_options_init: c.signature(c.i32, structs.eidos_random_directions_options.output, c.size),
  eidos_random_directions_fit: c.signature(
    c.i32, c.address, structs.eidos_random_directions_options.input, c.nullable, c.addressOut, c.addressOut,
  ),

  eidos_nmf_options_init: c.signature(c.i32, structs.eidos_nmf_options.output, c.size),
  eidos_nmf_fit: c.signature(c.i32, c.address, structs.eidos_nmf_options.input, c.nullable, c.addressOut, c.addressOut),
  eidos_semi_nmf_options_init: c.signature(c.i32, structs.eidos_semi_nmf_options.output, c.size),
  eidos_semi_nmf_fit: c.signature(
    c.i32, c.address, structs.eidos_semi_nmf_options.input, c.nullable, c.addressOut, c.addressOut,
  ),
  eidos_convex_nmf_options_init: c.signature(c.i32, structs.eidos_convex_nmf_options.output, c.size),
  eidos_convex_nmf_fit: c.signature(
    c.i32, c.address, structs.eidos_convex_nmf_options.input, c.nullable, c.addressOut, c.addressOut,
  ),
  eidos_dictionary_learning_options_init: c.signature(c.i32, structs.eidos_dictionary_learning_options.output, c.size),
  eidos_dictionary_learning_fit: c.signature(
    c.i32, c.address, structs.eidos_dictionary_learning_options.input, c.nullable, c.addressOut, c.addressOut,
  ),
  eidos_sparse_pca_options_init: c.signature(c.i32, structs.eidos_sparse_pca_options.output, c.size),
  eidos_sparse_pca_fit: c.signature(
    c.i32, c.address, structs.eidos_sparse_pca_options.input, c.nullable, c.addressOut, c.addressOut,
  ),

  eidos_published_options_init: c.signature(c.i32, structs.eidos_published_options.output, c.size),
  eidos_explainer_open_published: c.signature(
    c.i32, c.string, structs.eidos_published_options.input, c.nullable, c.addressOut, c.addressOut,
  ),
  eidos_explainer_save_as: c.signature(c.i32, c.address, c.string, c.u32, c.addressOut),
  eidos_explainer_from_autoencoder: c.signature(
    c.i32, c.floats, c.nullableFloats, c.nullableFloats, c.nullableFloats, c.nullableFloats, c.size, c.size, c.u32, c.size, c.addressOut, c.addressOut,
  ),

  eidos_encode_options_init: c.signature(c.i32, structs.eidos_encode_options.output, c.size),
  eidos_explainer_encode_activations: c.signature(
    c.i32, c.address, c.address, structs.eidos_encode_options.input, c.nullable, c.floats, c.size, c.addressOut,
  ),
  eidos_explainer_encode_sparse: c.signature(
    c.i32, c.address, c.address, structs.eidos_encode_options.input, c.nullable, c.sizeOut, c.integers, c.nullableFloats, c.size, c.sizeOut, c.addressOut,
  ),
  eidos_explainer_save_codes: c.signature(
    c.i32, c.address, c.address, c.string, structs.eidos_encode_options.input, c.nullable, c.addressOut,
  ),

  eidos_interventions_new: c.signature(c.i32, c.addressOut, c.addressOut),
  eidos_interventions_replace_rows: c.signature(c.i32, c.address, c.string, c.floats, c.size, c.size, c.addressOut),
  eidos_interventions_replace_activations: c.signature(c.i32, c.address, c.string, c.address, c.addressOut),
  eidos_interventions_add_direction: c.signature(
    c.i32, c.address, c.string, c.floats, c.size, c.float, c.sizes, c.size, c.addressOut,
  ),
  eidos_interventions_ablate_concept: c.signature(
    c.i32, c.address, c.string, c.address, c.size, c.sizes, c.size, c.addressOut,
  ),
  eidos_interventions_clamp_concept: c.signature(
    c.i32, c.address, c.string, c.address, c.size, c.float, c.sizes, c.size, c.addressOut,
  ),
  eidos_interventions_reconstruct: c.signature(c.i32, c.address, c.string, c.address, c.sizes, c.size, c.addressOut),
  eidos_interventions_count: c.signature(c.size, c.address),
  eidos_interventions_retain: c.signature(c.i32, c.address, c.addressOut, c.addressOut),
  eidos_interventions_free: c.signature(c.nothing, c.nullable),

  eidos_activations_options_init: c.signature(c.i32, structs.eidos_activations_options.output, c.size),
  eidos_split_model_activations: c.signature(
    c.i32, c.address, c.address, c.nullable, structs.eidos_activations_options.input, c.nullable, c.addressOut, c.size, c.addressOut,
  ),
  eidos_split_model_stream_activations: c.signature(
    c.i32, c.address, c.nullable, c.nullable, c.nullable, structs.eidos_activations_options.input, c.nullable, c.addressOut, c.size, c.addressOut,
  ),

  eidos_sae_options_init: c.signature(c.i32, structs.eidos_sae_options.output, c.size),
  eidos_sae_fit: c.signature(c.i32, c.address, structs.eidos_sae_options.input, c.nullable, c.addressOut, c.addressOut),
  eidos_sae_fit_texts: c.signature(
    c.i32, c.address, c.address, c.size, structs.eidos_activations_options.input, structs.eidos_sae_options.input, c.nullable, c.addressOut, c.addressOut,
  ),
  eidos_sae_fit_transcoder: c.signature(
    c.i32, c.address, c.address, structs.eidos_sae_options.input, c.nullable, c.addressOut, c.addressOut,
  ),
  eidos_sae_fit_transcoder_texts: c.signature(
    c.i32, c.address, c.address, c.size, c.size, structs.eidos_activations_options.input, structs.eidos_sae_options.input, c.nullable, c.addressOut, c.addressOut,
  ),

  eidos_split_model_estimate: c.signature(
    c.i32, c.address, c.address, structs.eidos_activations_options.input, c.nullable, structs.eidos_estimate.output, c.size, c.addressOut,
  ),

  eidos_logits_options_init: c.signature(c.i32, structs.eidos_logits_options.output, c.size),
  eidos_split_model_logits: c.signature(
    c.i32, c.address, c.address, c.nullable, structs.eidos_logits_options.input, c.nullable, c.addressOut, c.addressOut,
  ),
  eidos_split_model_logit_count: c.signature(c.size, c.address),
  eidos_split_model_logit_name: c.signature(c.nullable, c.address, c.size, c.sizeOut),

  eidos_top_inputs_options_init: c.signature(c.i32, structs.eidos_top_inputs_options.output, c.size),
  eidos_top_inputs_interpret: c.signature(
    c.i32, c.address, c.address, structs.eidos_top_inputs_options.input, c.nullable, c.addressOut, c.addressOut,
  ),
  eidos_top_inputs_interpret_inputs: c.signature(
    c.i32, c.address, c.address, c.address, structs.eidos_top_inputs_options.input, structs.eidos_activations_options.input, c.nullable, c.addressOut, c.addressOut,
  ),
  eidos_interpretation_concept_count: c.signature(c.size, c.address),
  eidos_interpretation_concept: c.signature(c.size, c.address, c.size),
  eidos_interpretation_size: c.signature(c.size, c.address, c.size, c.u32),
  eidos_interpretation_input: c.signature(c.nullable, c.address, c.size, c.u32, c.size, c.sizeOut),
  eidos_interpretation_activation: c.signature(c.float, c.address, c.size, c.u32, c.size),
  eidos_interpretation_row: c.signature(c.size, c.address, c.size, c.u32, c.size),
  eidos_interpretation_json: c.signature(c.nullable, c.address, c.sizeOut),
  eidos_interpretation_save: c.signature(c.i32, c.address, c.string, c.addressOut),
  eidos_interpretation_open: c.signature(c.i32, c.string, c.addressOut, c.addressOut),
  eidos_explainer_save_interpreted: c.signature(c.i32, c.address, c.nullable, c.string, c.addressOut),
  eidos_explainer_open_interpreted: c.signature(c.i32, c.string, c.addressOut, c.addressOut, c.addressOut),
  eidos_interpretation_retain: c.signature(c.i32, c.address, c.addressOut, c.addressOut),
  eidos_interpretation_free: c.signature(c.nothing, c.nullable),

  eidos_explain_options_init: c.signature(c.i32, structs.eidos_explain_options.output, c.size),
  eidos_explain_inputs: c.signature(
    c.i32, c.address, c.nullable, c.address, c.address, structs.eidos_explain_options.input, c.nullable, c.addressOut, c.addressOut,
  ),
  eidos_explain_activations: c.signature(
    c.i32, c.address, c.nullable, c.address, structs.eidos_explain_options.input, c.nullable, c.addressOut, c.addressOut,
  ),
  eidos_explanation_unit_count: c.signature(c.size, c.address),
  eidos_explanation_unit: c.signature(c.nullable, c.address, c.size, c.sizeOut),
  eidos_explanation_unit_span: c.signature(c.i32, c.address, c.size, c.sizeOut, c.sizeOut, c.sizeOut, c.addressOut),
  eidos_explanation_text_count: c.signature(c.size, c.address),
  eidos_explanation_text: c.signature(c.nullable, c.address, c.size, c.sizeOut),
  eidos_explanation_firing_count: c.signature(c.size, c.address, c.size),
  eidos_explanation_firing: c.signature(
    c.i32, c.address, c.size, c.size, structs.eidos_firing.output, c.size, c.addressOut,
  ),
  eidos_explanation_name: c.signature(c.nullable, c.address, c.size, c.u32, c.sizeOut),
  eidos_explanation_json: c.signature(c.nullable, c.address, c.sizeOut),
  eidos_explanation_retain: c.signature(c.i32, c.address, c.addressOut, c.addressOut),
  eidos_explanation_free: c.signature(c.nothing, c.nullable),

  eidos_metrics_options_init: c.signature(c.i32, structs.eidos_metrics_options.output, c.size),
  eidos_metrics_compare: c.signature(
    c.i32, c.addressOut, c.addressOut, c.size, c.address, structs.eidos_metrics_options.input, c.nullable, c.addressOut, c.addressOut,
  ),
  eidos_metrics_compare_through_model: c.signature(
    c.i32, c.address, c.address, c.string, c.addressOut, c.size, c.integers, c.size, structs.eidos_logits_options.input, c.nullable, c.addressOut, c.addressOut,
  ),

  eidos_chat_options_init: c.signature(c.i32, structs.eidos_chat_options.output, c.size),
  eidos_chat_new: c.signature(c.i32, structs.eidos_chat_options.input, c.addressOut, c.addressOut),
  eidos_chat_spent: c.signature(c.i32, c.address, structs.eidos_chat_spending.output, c.size, c.addressOut),
  eidos_chat_retain: c.signature(c.i32, c.address, c.addressOut, c.addressOut),
  eidos_chat_free: c.signature(c.nothing, c.nullable),

  eidos_chat_from_callback: c.signature(
    c.i32, c.nullable, c.nullable, c.nullable, structs.eidos_chat_options.input, c.addressOut, c.addressOut,
  ),
  eidos_chat_reply_set_text: c.signature(c.i32, c.address, c.bytes, c.size, c.addressOut),
  eidos_chat_reply_set_usage: c.signature(c.nothing, c.address, c.u64, c.u64),
  eidos_chat_reply_set_error: c.signature(c.i32, c.address, c.string, c.addressOut),

  eidos_llm_labels_options_init: c.signature(c.i32, structs.eidos_llm_labels_options.output, c.size),
  eidos_llm_labels_interpret: c.signature(
    c.i32, c.address, c.address, c.address, structs.eidos_llm_labels_options.input, c.nullable, c.addressOut, c.addressOut,
  ),
  eidos_interpretation_label: c.signature(c.nullable, c.address, c.size, c.u32, c.sizeOut),
  eidos_interpretation_label_score: c.signature(c.double, c.address, c.size, c.u32),
  eidos_interpretation_label_error: c.signature(c.nullable, c.address, c.size, c.u32, c.sizeOut),
  eidos_interpretation_label_status: c.signature(c.i32, c.address, c.size, c.u32),
  eidos_interpretation_label_prompt: c.signature(c.nullable, c.address, c.size, c.u32, c.sizeOut),
  eidos_interpretation_label_usage: c.signature(
    c.i32, c.address, structs.eidos_label_usage.output, c.size, c.addressOut,
  ),

  eidos_report_options_init: c.signature(c.i32, structs.eidos_report_options.output, c.size),
  eidos_report_html: c.signature(
    c.i32, c.address, c.nullable, c.nullable, c.nullable, structs.eidos_report_options.input, c.nullable, c.addressOut, c.addressOut,
  ),
  eidos_report_save: c.signature(
    c.i32, c.address, c.nullable, c.nullable, c.nullable, c.string, structs.eidos_report_options.input, c.nullable, c.addressOut,
  ),
  eidos_report_map_svg: c.signature(c.i32, c.address, c.nullable, c.nullable, c.addressOut, c.addressOut),
  eidos_report_heat_map_svg: c.signature(
    c.i32, c.address, c.nullable, c.address, c.size, c.size, c.nullable, c.addressOut, c.addressOut,
  ),
  eidos_report_save_neuronpedia: c.signature(
    c.i32, c.address, c.nullable, c.address, c.string, structs.eidos_report_options.input, c.nullable, c.addressOut,
  ),
  eidos_report_save_codes_csv: c.signature(
    c.i32, c.address, c.nullable, c.address, c.string, c.double, c.nullable, c.addressOut,
  ),
  eidos_interpretation_save_csv: c.signature(c.i32, c.address, c.string, c.addressOut),
  eidos_interpretation_save_parquet: c.signature(c.i32, c.address, c.string, c.addressOut),

  eidos_debug_live_handles: c.signature(c.size),
};
