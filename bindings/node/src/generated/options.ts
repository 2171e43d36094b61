// Generated from src/ffi by `make header`; do not edit.

/** Options: what callers write in JavaScript, and the structs that C reads. */
import { flag, real, text, texts, whole, whole32, word } from '../arguments';
import { native } from '../native';
import { indices, lengthOf, orNone, translator } from '../translator';
import {
  textFormats,
  heads,
  devices,
  precisions,
  networks,
  icaAlgorithms,
  icaSolvers,
  contrasts,
  kmeansCodes,
  codesFormats,
  granularities,
  wordRules,
  aggregations,
  onLongTexts,
  saeKinds,
  thresholdKernels,
  samplings,
  structs,
  type TextFormat,
  type Head,
  type Device,
  type Precision,
  type Network,
  type IcaAlgorithm,
  type IcaSolver,
  type Contrast,
  type KmeansCode,
  type CodesFormat,
  type Granularity,
  type WordRule,
  type Aggregation,
  type OnLongText,
  type SaeKind,
  type ThresholdKernel,
  type Sampling,
  type TextsOptionsStruct,
  type LoadOptionsStruct,
  type InputsOptionsStruct,
  type IcaOptionsStruct,
  type PcaOptionsStruct,
  type SvdOptionsStruct,
  type KmeansOptionsStruct,
  type NeuronsOptionsStruct,
  type RandomDirectionsOptionsStruct,
  type NmfOptionsStruct,
  type SemiNmfOptionsStruct,
  type ConvexNmfOptionsStruct,
  type DictionaryLearningOptionsStruct,
  type SparsePcaOptionsStruct,
  type PublishedOptionsStruct,
  type EncodeOptionsStruct,
  type ActivationsOptionsStruct,
  type SaeOptionsStruct,
  type LogitsOptionsStruct,
  type TopInputsOptionsStruct,
  type ExplainOptionsStruct,
  type MetricsOptionsStruct,
  type ChatOptionsStruct,
  type LlmLabelsOptionsStruct,
  type ReportOptionsStruct,
} from './abi';

/** These options say how a file of texts is read. */
export interface TextsOptions {
  /**
   * The format says how the texts are written: `auto`, `lines` or `json_lines`. By default what the name of the file
   * says.
   */
  readonly format?: TextFormat | undefined;
  /** The text is the field of this name of a JSON object. `undefined` means `text`. */
  readonly field?: string | undefined;
  /** This many texts are read at most, from the beginning of the file. By default all of them. */
  readonly mostTexts?: number | undefined;
  /**
   * `true` keeps texts that are empty or nothing but white space, so that there is one text for each line or JSON
   * object. By default they are left out.
   */
  readonly keepEmpty?: boolean | undefined;
}

export const textsOptions = translator<TextsOptions, TextsOptionsStruct>(
  () => native().eidos_texts_options_init,
  structs.eidos_texts_options.size,
  {
    format: ['format', word(textFormats)],
    field: ['field', text],
    most_texts: ['mostTexts', whole],
    keep_empty: ['keepEmpty', flag],
  },
);

/** These options say how a model is loaded. */
export interface LoadOptions {
  /**
   * The model is built with this head: `auto`, `base`, `masked_lm`, `sequence_classification`, `causal_lm`,
   * `token_classification` or `seq2seq_lm`.
   */
  readonly head?: Head | undefined;
  /** The model runs on this device: `cpu`, `cuda` or `auto`. */
  readonly device?: Device | undefined;
  /** The model runs on this one of several GPUs, from 0. */
  readonly deviceIndex?: number | undefined;
  /** The network says whether files are downloaded: `auto`, `offline` or `online`. */
  readonly network?: Network | undefined;
  /**
   * `true` loads every weight up to the head, not only those up to the last split point, so that `SplitModel.logits()`
   * works.
   */
  readonly whole?: boolean | undefined;
  /** The model is loaded from this branch, tag or commit of its repository; `undefined` means `main`. */
  readonly revision?: string | undefined;
  /** Downloads are asked for with this access token; `undefined` means `HF_TOKEN` or the token file. */
  readonly token?: string | undefined;
  /**
   * Downloads are kept in this folder; `undefined` means `HF_HUB_CACHE`, `HF_HOME/hub` or `~/.cache/huggingface/hub`.
   */
  readonly cacheFolder?: string | undefined;
  /** The hub has this address; `undefined` means `HF_ENDPOINT` or the Hugging Face Hub. */
  readonly endpoint?: string | undefined;
  /**
   * `true` reads the files of weights into memory instead of mapping them: a program that cuts one of them while the
   * model loads then makes an error and does not end the process. Loading takes as much memory more as the files have
   * bytes, and tables of embeddings stay in memory.
   */
  readonly copy?: boolean | undefined;
  /**
   * The model computes in this type of number, whatever type its files have: `f32`, `tf32`, `bf16`, `f16` or `int8`.
   * Activations and logits are given as `f32` always. The CPU computes in `f32`, `bf16` or `int8`;
   * `SplitModel.products()` says how.
   */
  readonly precision?: Precision | undefined;
  /**
   * `true` cuts texts to the `max_seq_length` that sentence-transformers has for the model
   * (`sentence_bert_config.json`), special tokens included, as it does before it pools; a model without that file is an
   * error. Otherwise texts are cut to what the model and its tokenizer can read.
   */
  readonly useMaxSeqLength?: boolean | undefined;
}

export const loadOptions = translator<LoadOptions, LoadOptionsStruct>(
  () => native().eidos_load_options_init,
  structs.eidos_load_options.size,
  {
    head: ['head', word(heads)],
    device: ['device', word(devices)],
    device_index: ['deviceIndex', whole32],
    network: ['network', word(networks)],
    whole: ['whole', flag],
    revision: ['revision', text],
    token: ['token', text],
    cache_folder: ['cacheFolder', text],
    endpoint: ['endpoint', text],
    copy: ['copy', flag],
    precision: ['precision', word(precisions)],
    use_max_seq_length: ['useMaxSeqLength', flag],
  },
);

/** These options say how texts become inputs; results do not depend on them. */
export interface InputsOptions {
  /** This many threads tokenize; 0, the default, is one per core. */
  readonly threads?: number | undefined;
}

export const inputsOptions = translator<InputsOptions, InputsOptionsStruct>(
  () => native().eidos_inputs_options_init,
  structs.eidos_inputs_options.size,
  {
    threads: ['threads', whole32],
  },
);

/** These options say how independent components are fitted. */
export interface IcaOptions {
  /** The fit finds this many concepts. There is no default: 0 is an error. */
  readonly conceptCount: number;
  /** The algorithm says in which order components are found: `parallel` or `deflation`. By default all at once. */
  readonly algorithm?: IcaAlgorithm | undefined;
  /**
   * The contrast function tells heavy tails from a normal distribution: `logcosh`, `exp` or `cube`. By default log
   * cosh.
   */
  readonly contrast?: Contrast | undefined;
  /** This is the `alpha` of the contrast log cosh, from 1 to 2. By default 1. */
  readonly alpha?: number | undefined;
  /**
   * Iterations stop when no component turns by more than this tolerance (1 minus the cosine); those of Picard-O when no
   * entry of the gradient is larger. By default 1e-4.
   */
  readonly tolerance?: number | undefined;
  /** The fit ends after this many iterations, converged or not. By default 200. */
  readonly maxIterations?: number | undefined;
  /** The seed decides the start matrix, which is drawn as NumPy's `RandomState(seed).normal`. By default 0. */
  readonly seed?: number | undefined;
  /**
   * `true` turns each component so that its heavy tail is positive, which is the default; `false` keeps the signs that
   * the iteration ended with, which flip from one iteration to the next.
   */
  readonly canonicalSigns?: boolean | undefined;
  /** The fit uses this many threads; 0, the default, is one per core. Results do not depend on it. */
  readonly threads?: number | undefined;
  /**
   * The passes over the rows run on this device: `cpu`, `cuda` or `auto`. By default on the CPU. On a GPU the
   * components are those of the CPU up to rounding, and the same bits at each repetition. Rows that are not on that GPU
   * are copied there in tiles.
   */
  readonly device?: Device | undefined;
  /** The passes run on this one of several GPUs, from 0. */
  readonly deviceIndex?: number | undefined;
  /** The solver makes the contrast extreme: `fast_ica` or `picard_o`. By default FastICA. */
  readonly solver?: IcaSolver | undefined;
}

export const icaOptions = translator<IcaOptions, IcaOptionsStruct>(
  () => native().eidos_ica_options_init,
  structs.eidos_ica_options.size,
  {
    concept_count: ['conceptCount', whole32],
    algorithm: ['algorithm', word(icaAlgorithms)],
    contrast: ['contrast', word(contrasts)],
    alpha: ['alpha', real],
    tolerance: ['tolerance', real],
    max_iterations: ['maxIterations', whole32],
    seed: ['seed', whole32],
    canonical_signs: ['canonicalSigns', flag],
    threads: ['threads', whole32],
    device: ['device', word(devices)],
    device_index: ['deviceIndex', whole32],
    solver: ['solver', word(icaSolvers)],
  },
);

/** These options say how principal components are found. */
export interface PcaOptions {
  /** The fit finds this many concepts. There is no default: 0 is an error. */
  readonly conceptCount: number;
  /** `true` scales codes to unit variance; 0, the default, leaves them. */
  readonly whiten?: boolean | undefined;
  /** The fit uses this many threads; 0, the default, is one per core. Results do not depend on it. */
  readonly threads?: number | undefined;
  /**
   * The passes over the rows run on this device: `cpu`, `cuda` or `auto`. By default on the CPU. On a GPU the
   * components are those of the CPU up to rounding, and the same bits at each repetition. Rows that are not on that GPU
   * are copied there in tiles.
   */
  readonly device?: Device | undefined;
  /** The passes run on this one of several GPUs, from 0. */
  readonly deviceIndex?: number | undefined;
  /**
   * `true` improves directions from random ones, without the covariance of the features: less memory and work where
   * there are thousands of features and few concepts, on the CPU only. 0, the default, finds the exact ones.
   */
  readonly randomised?: boolean | undefined;
  /** Random directions are improved this many times, with a pass over the activations each. By default 5. */
  readonly powerIterations?: number | undefined;
  /** The seed decides the random directions. By default 0. */
  readonly seed?: number | undefined;
}

export const pcaOptions = translator<PcaOptions, PcaOptionsStruct>(
  () => native().eidos_pca_options_init,
  structs.eidos_pca_options.size,
  {
    concept_count: ['conceptCount', whole32],
    whiten: ['whiten', flag],
    threads: ['threads', whole32],
    device: ['device', word(devices)],
    device_index: ['deviceIndex', whole32],
    randomised: ['randomised', flag],
    power_iterations: ['powerIterations', whole32],
    seed: ['seed', whole32],
  },
);

/** These options say how singular vectors are found. */
export interface SvdOptions {
  /** The fit finds this many concepts. There is no default: 0 is an error. */
  readonly conceptCount: number;
  /** The fit uses this many threads; 0, the default, is one per core. Results do not depend on it. */
  readonly threads?: number | undefined;
  /**
   * The passes over the rows run on this device: `cpu`, `cuda` or `auto`. By default on the CPU. On a GPU the vectors
   * are those of the CPU up to rounding, and the same bits at each repetition. Rows that are not on that GPU are copied
   * there in tiles.
   */
  readonly device?: Device | undefined;
  /** The passes run on this one of several GPUs, from 0. */
  readonly deviceIndex?: number | undefined;
}

export const svdOptions = translator<SvdOptions, SvdOptionsStruct>(
  () => native().eidos_svd_options_init,
  structs.eidos_svd_options.size,
  {
    concept_count: ['conceptCount', whole32],
    threads: ['threads', whole32],
    device: ['device', word(devices)],
    device_index: ['deviceIndex', whole32],
  },
);

/** These options say how k-means finds centres. */
export interface KmeansOptions {
  /** The fit finds this many centres. There is no default: 0 is an error. */
  readonly conceptCount: number;
  /**
   * The codes say how a row belongs to the centres: `one_hot`, `soft` or `proximity`. By default 1 for the nearest one.
   */
  readonly codes?: KmeansCode | undefined;
  /** The fit ends after this many iterations, converged or not. By default 300. */
  readonly maxIterations?: number | undefined;
  /**
   * This is how soft soft codes are: the share of a centre falls by the factor e for this part of the mean squared
   * distance between a row and its nearest centre. By default 0.1.
   */
  readonly temperature?: number | undefined;
  /**
   * Iterations stop when the sum of the squared moves of all centres is at most this part of the mean variance of a
   * feature. By default 1e-4.
   */
  readonly tolerance?: number | undefined;
  /** The seed decides the first centres. By default 0. */
  readonly seed?: number | undefined;
  /** The fit uses this many threads; 0, the default, is one per core. Results do not depend on it. */
  readonly threads?: number | undefined;
  /**
   * Centres move after this many activations each (mini-batches; Sculley, 2010), and an iteration is a pass over all of
   * them; 0, the default, moves them after all (Lloyd). Mini-batches need fewer passes and end a little higher.
   */
  readonly batchSize?: number | undefined;
}

export const kmeansOptions = translator<KmeansOptions, KmeansOptionsStruct>(
  () => native().eidos_kmeans_options_init,
  structs.eidos_kmeans_options.size,
  {
    concept_count: ['conceptCount', whole32],
    codes: ['codes', word(kmeansCodes)],
    max_iterations: ['maxIterations', whole32],
    temperature: ['temperature', real],
    tolerance: ['tolerance', real],
    seed: ['seed', whole32],
    threads: ['threads', whole32],
    batch_size: ['batchSize', whole32],
  },
);

/** These options say how neurons become concepts. */
export interface NeuronsOptions {
  /** The rows are read by this many threads; 0, the default, is one per core. Results do not depend on it. */
  readonly threads?: number | undefined;
}

export const neuronsOptions = translator<NeuronsOptions, NeuronsOptionsStruct>(
  () => native().eidos_neurons_options_init,
  structs.eidos_neurons_options.size,
  {
    threads: ['threads', whole32],
  },
);

/** These options say which random directions are drawn. */
export interface RandomDirectionsOptions {
  /** This many directions are drawn; there may be more than columns. There is no default: 0 is an error. */
  readonly conceptCount: number;
  /** The seed decides the directions, whose entries are drawn as NumPy's `RandomState(seed).normal`. By default 0. */
  readonly seed?: number | undefined;
  /** The rows are read by this many threads; 0, the default, is one per core. Results do not depend on it. */
  readonly threads?: number | undefined;
}

export const randomDirectionsOptions = translator<RandomDirectionsOptions, RandomDirectionsOptionsStruct>(
  () => native().eidos_random_directions_options_init,
  structs.eidos_random_directions_options.size,
  {
    concept_count: ['conceptCount', whole32],
    seed: ['seed', whole32],
    threads: ['threads', whole32],
  },
);

/** These options say how non-negative parts are found. */
export interface NmfOptions {
  /** The fit finds this many parts. There is no default: 0 is an error. */
  readonly conceptCount: number;
  /**
   * Iterations stop when one of them lowers the sum of the squared differences by no more than this part of it. By
   * default 1e-4.
   */
  readonly tolerance?: number | undefined;
  /** The fit ends after this many iterations, converged or not. By default 200. */
  readonly maxIterations?: number | undefined;
  /**
   * `true` takes negative values for zero, when the activations are fitted and when they are encoded; with 0, the
   * default, they are an error of the fit.
   */
  readonly rectify?: boolean | undefined;
  /** The seed decides the first parts where there are more than directions in the activations. By default 0. */
  readonly seed?: number | undefined;
  /** The fit uses this many threads; 0, the default, is one per core. Results do not depend on it. */
  readonly threads?: number | undefined;
}

export const nmfOptions = translator<NmfOptions, NmfOptionsStruct>(
  () => native().eidos_nmf_options_init,
  structs.eidos_nmf_options.size,
  {
    concept_count: ['conceptCount', whole32],
    tolerance: ['tolerance', real],
    max_iterations: ['maxIterations', whole32],
    rectify: ['rectify', flag],
    seed: ['seed', whole32],
    threads: ['threads', whole32],
  },
);

/** These options say how atoms of codes that are not negative are found. */
export interface SemiNmfOptions {
  /** The fit finds this many concepts. There is no default: 0 is an error. */
  readonly conceptCount: number;
  /**
   * Iterations stop when one of them lowers the sum of the squared differences by no more than this part of it. By
   * default 1e-4.
   */
  readonly tolerance?: number | undefined;
  /** The fit ends after this many iterations, converged or not. By default 200. */
  readonly maxIterations?: number | undefined;
  /** The seed decides the first centres. By default 0. */
  readonly seed?: number | undefined;
  /** The fit uses this many threads; 0, the default, is one per core. Results do not depend on it. */
  readonly threads?: number | undefined;
}

export const semiNmfOptions = translator<SemiNmfOptions, SemiNmfOptionsStruct>(
  () => native().eidos_semi_nmf_options_init,
  structs.eidos_semi_nmf_options.size,
  {
    concept_count: ['conceptCount', whole32],
    tolerance: ['tolerance', real],
    max_iterations: ['maxIterations', whole32],
    seed: ['seed', whole32],
    threads: ['threads', whole32],
  },
);

/** These options say how atoms that are sums of rows are found. */
export interface ConvexNmfOptions {
  /** The fit finds this many concepts. There is no default: 0 is an error. */
  readonly conceptCount: number;
  /**
   * Iterations stop when one of them lowers the sum of the squared differences by no more than this part of it. By
   * default 1e-4.
   */
  readonly tolerance?: number | undefined;
  /** The fit ends after this many iterations, converged or not. By default 200. */
  readonly maxIterations?: number | undefined;
  /** The atoms may be sums of this many of the rows. By default 4096. */
  readonly candidateCount?: number | undefined;
  /** The seed decides which rows these are, and the first centres. By default 0. */
  readonly seed?: number | undefined;
  /** The fit uses this many threads; 0, the default, is one per core. Results do not depend on it. */
  readonly threads?: number | undefined;
}

export const convexNmfOptions = translator<ConvexNmfOptions, ConvexNmfOptionsStruct>(
  () => native().eidos_convex_nmf_options_init,
  structs.eidos_convex_nmf_options.size,
  {
    concept_count: ['conceptCount', whole32],
    tolerance: ['tolerance', real],
    max_iterations: ['maxIterations', whole32],
    candidate_count: ['candidateCount', whole32],
    seed: ['seed', whole32],
    threads: ['threads', whole32],
  },
);

/** These options say how a dictionary is learned. */
export interface DictionaryLearningOptions {
  /** The fit finds this many atoms; there may be more than columns. There is no default: 0 is an error. */
  readonly conceptCount: number;
  /**
   * This is the weight of the sum of the magnitudes of the codes: larger ones leave fewer that are not zero. It is in
   * the units of the activations. By default 1.
   */
  readonly penalty?: number | undefined;
  /** Iterations stop when one of them lowers what is minimised by no more than this part of it. By default 1e-4. */
  readonly tolerance?: number | undefined;
  /** The fit ends after this many iterations, converged or not. By default 200. */
  readonly maxIterations?: number | undefined;
  /** 1, the default, allows no negative codes; 0 allows them. */
  readonly positiveCodes?: number | undefined;
  /** The seed decides the first atoms where there are more than directions in the activations. By default 0. */
  readonly seed?: number | undefined;
  /** The fit uses this many threads; 0, the default, is one per core. Results do not depend on it. */
  readonly threads?: number | undefined;
}

export const dictionaryLearningOptions = translator<DictionaryLearningOptions, DictionaryLearningOptionsStruct>(
  () => native().eidos_dictionary_learning_options_init,
  structs.eidos_dictionary_learning_options.size,
  {
    concept_count: ['conceptCount', whole32],
    penalty: ['penalty', real],
    tolerance: ['tolerance', real],
    max_iterations: ['maxIterations', whole32],
    positive_codes: ['positiveCodes', whole32],
    seed: ['seed', whole32],
    threads: ['threads', whole32],
  },
);

/** These options say how sparse principal components are found. */
export interface SparsePcaOptions {
  /** The fit finds this many concepts. There is no default: 0 is an error. */
  readonly conceptCount: number;
  /**
   * This is the weight of the sum of the magnitudes of the components' entries: larger ones leave fewer that are not
   * zero. It grows with the root of the number of activations. By default 1.
   */
  readonly penalty?: number | undefined;
  /** This is the ridge that codes are computed with. By default 0.01. */
  readonly ridge?: number | undefined;
  /** Iterations stop when one of them lowers what is minimised by less than this part of it. By default 1e-8. */
  readonly tolerance?: number | undefined;
  /** The fit ends after this many iterations, converged or not. By default 1000. */
  readonly maxIterations?: number | undefined;
  /** The fit uses this many threads; 0, the default, is one per core. Results do not depend on it. */
  readonly threads?: number | undefined;
  /**
   * The passes over the rows run on this device: `cpu`, `cuda` or `auto`. By default on the CPU. On a GPU the
   * components are those of the CPU up to rounding, and the same bits at each repetition. Rows that are not on that GPU
   * are copied there in tiles.
   */
  readonly device?: Device | undefined;
  /** The passes run on this one of several GPUs, from 0. */
  readonly deviceIndex?: number | undefined;
}

export const sparsePcaOptions = translator<SparsePcaOptions, SparsePcaOptionsStruct>(
  () => native().eidos_sparse_pca_options_init,
  structs.eidos_sparse_pca_options.size,
  {
    concept_count: ['conceptCount', whole32],
    penalty: ['penalty', real],
    ridge: ['ridge', real],
    tolerance: ['tolerance', real],
    max_iterations: ['maxIterations', whole32],
    threads: ['threads', whole32],
    device: ['device', word(devices)],
    device_index: ['deviceIndex', whole32],
  },
);

/** These options say what the files of a published dictionary do not, and how they are fetched. */
export interface PublishedOptions {
  /** The network says whether files are downloaded: `auto`, `offline` or `online`. */
  readonly network?: Network | undefined;
  /** The dictionary is for this model; `undefined` means what the files say. */
  readonly model?: string | undefined;
  /**
   * The dictionary reads rows of this split point, a module path or a hook of TransformerLens
   * (`blocks.5.hook_resid_post`); `undefined` means what the files say.
   */
  readonly splitPoint?: string | undefined;
  /** The files are those of this branch, tag or commit of their repository; `undefined` means `main`. */
  readonly revision?: string | undefined;
  /** Downloads are asked for with this access token; `undefined` means `HF_TOKEN` or the token file. */
  readonly token?: string | undefined;
  /**
   * Downloads are kept in this folder; `undefined` means `HF_HUB_CACHE`, `HF_HOME/hub` or `~/.cache/huggingface/hub`.
   */
  readonly cacheFolder?: string | undefined;
  /** The hub has this address; `undefined` means `HF_ENDPOINT` or the Hugging Face Hub. */
  readonly endpoint?: string | undefined;
  /**
   * Rows were multiplied by this factor in training, where the files say that there is one but not which
   * (`expected_average_only_in` of SAELens); it is folded into the weights. 0, the default, means that nobody knows it.
   */
  readonly inputFactor?: number | undefined;
  /** `true` says that the dictionary is a transcoder, for files that do not say it; `false` leaves it to them. */
  readonly transcoder?: boolean | undefined;
}

export const publishedOptions = translator<PublishedOptions, PublishedOptionsStruct>(
  () => native().eidos_published_options_init,
  structs.eidos_published_options.size,
  {
    network: ['network', word(networks)],
    model: ['model', text],
    split_point: ['splitPoint', text],
    revision: ['revision', text],
    token: ['token', text],
    cache_folder: ['cacheFolder', text],
    endpoint: ['endpoint', text],
    input_factor: ['inputFactor', real],
    transcoder: ['transcoder', flag],
  },
);

/** These options say where activations are encoded, and how codes are written. */
export interface EncodeOptions {
  /** This many threads encode; 0, the default, is one per core. Results do not depend on it. */
  readonly threads?: number | undefined;
  /** The activations are encoded on this device: `cpu`, `cuda` or `auto`. By default on the CPU. */
  readonly device?: Device | undefined;
  /** They are encoded on this one of several GPUs, from 0. */
  readonly deviceIndex?: number | undefined;
  /**
   * The format of a file: `of_path`, `npy`, `npz`, `safetensors` or `parquet`. By default what the name of the file
   * says.
   */
  readonly format?: CodesFormat | undefined;
}

export const encodeOptions = translator<EncodeOptions, EncodeOptionsStruct>(
  () => native().eidos_encode_options_init,
  structs.eidos_encode_options.size,
  {
    threads: ['threads', whole32],
    device: ['device', word(devices)],
    device_index: ['deviceIndex', whole32],
    format: ['format', word(codesFormats)],
  },
);

/** These options say how activations are collected. */
export interface ActivationsOptions {
  /**
   * The granularity says what one row stands for: `token`, `word`, `sentence`, `sample`, `all_tokens` or `cls_token`.
   * By default a word.
   */
  readonly granularity?: Granularity | undefined;
  /**
   * The aggregation says how the tokens of a unit become one row: `mean`, `sum`, `max`, `min`, `signed_max`, `first` or
   * `last`. By default the mean of the tokens.
   */
  readonly aggregation?: Aggregation | undefined;
  /**
   * This many batches run at the same time on the CPU; 0, the default, is one per core. Results do not depend on it.
   */
  readonly threads?: number | undefined;
  /** One batch holds this many tokens at most on the CPU. By default 512. Results do not depend on it. */
  readonly batchTokens?: number | undefined;
  /**
   * The rows of all split points may take this many bytes in memory; beyond that they go to shards on disk, and with 0
   * always. By default 4 GiB.
   */
  readonly memoryLimit?: number | undefined;
  /** A shard has this many bytes at most. By default 256 MiB. */
  readonly shardBytes?: number | undefined;
  /**
   * The shards go into this folder. When given, rows always go there, and an interrupted collection resumes from its
   * last complete shard; a second call that writes into the same folder meanwhile is `busy`. The rows of the result are
   * mapped as those of `Activations.open()`. `undefined` means memory, and beyond the memory limit files without a name
   * in the folder for temporary files (`TMPDIR`), of which nothing is left however the process ends.
   */
  readonly folder?: string | undefined;
  /** The word rule says where a word ends: `auto`, `tokenizer` or `unicode`. By default `auto`. */
  readonly wordRule?: WordRule | undefined;
  /**
   * `true` gives no row to the pieces of contractions: the apostrophe between letters, and `s`, `t`, `d`, `m`, `ll`,
   * `re` and `ve` behind it, in one unit with it or not. For tokens, words and sentences only.
   */
  readonly stopContractions?: boolean | undefined;
  /**
   * These units get no row, such as stop words, by their text: without white space at its ends, in whatever case. For
   * tokens, words and sentences only. `Activations.leftOutCount()` says how many units got no row.
   */
  readonly stopUnits?: readonly string[] | undefined;
  /**
   * One batch holds this many tokens at most on a device, which wants much larger batches than the CPU. By default
   * 16384. A batch for which the device has no memory is run in halves, and later batches are no larger than what did
   * fit. Results do not depend on it.
   */
  readonly deviceBatchTokens?: number | undefined;
  /**
   * `true` leaves the rows in the memory of the device where the model computes, for fits and encoding there and for
   * `Activations.toDlpack()`. Then `memoryLimit` does not count, and `folder` must be `undefined`. Who reads such rows
   * on the host copies them. On the CPU it changes nothing.
   */
  readonly keepOnDevice?: boolean | undefined;
  /**
   * `true` gives no row to units that are nothing but punctuation: characters of Unicode's categories P, and those of
   * ASCII that are neither letters, digits nor white space, as BERT's tokenizer has it. For tokens, words and sentences
   * only.
   */
  readonly stopPunctuation?: boolean | undefined;
  /**
   * `true` leaves the first position of each text out of its unit: many models give it a row of its own kind and of a
   * huge norm, whatever stands there (an attention sink). A unit that is nothing else gets no row, and the row of a
   * longer one is made of its other tokens. Rows of a huge norm elsewhere: `Activations.withoutHighNorms()`.
   */
  readonly skipFirstPosition?: boolean | undefined;
  /**
   * This says what becomes of texts that are longer than what the model reads: `truncate` or `error`. By default they
   * lose their end.
   */
  readonly onLongText?: OnLongText | undefined;
}

export const activationsOptions = translator<ActivationsOptions, ActivationsOptionsStruct>(
  () => native().eidos_activations_options_init,
  structs.eidos_activations_options.size,
  {
    granularity: ['granularity', word(granularities)],
    aggregation: ['aggregation', word(aggregations)],
    threads: ['threads', whole32],
    batch_tokens: ['batchTokens', whole],
    memory_limit: ['memoryLimit', whole],
    shard_bytes: ['shardBytes', whole],
    folder: ['folder', text],
    word_rule: ['wordRule', word(wordRules)],
    stop_contractions: ['stopContractions', flag],
    stop_units: ['stopUnits', texts],
    stop_unit_count: ['stopUnits', lengthOf],
    device_batch_tokens: ['deviceBatchTokens', whole],
    keep_on_device: ['keepOnDevice', flag],
    stop_punctuation: ['stopPunctuation', flag],
    skip_first_position: ['skipFirstPosition', flag],
    on_long_text: ['onLongText', word(onLongTexts)],
  },
);

/** These options say how a sparse autoencoder is trained. */
export interface SaeOptions {
  /** The training finds this many concepts. There is no default: 0 is an error. */
  readonly conceptCount: number;
  /**
   * The kind says how the number of codes of a row is kept small: `batch_top_k`, `top_k`, `vanilla`, `jump_relu`,
   * `gated`, `matryoshka` or `matching_pursuit`. By default batch-top-k.
   */
  readonly kind?: SaeKind | undefined;
  /**
   * A row has this many codes: exactly, at most or on average, as the kind says. 0, the default, is a twelfth of the
   * columns, at most 64.
   */
  readonly k?: number | undefined;
  /**
   * The file that the state of the training is written to, and continued from if it is there; `undefined` is none. A
   * training that is cancelled writes it.
   */
  readonly checkpoint?: string | undefined;
  /**
   * The weight of the penalty of a kind that has one. 0, the default, adapts it while it trains, so that a row has `k`
   * codes on average.
   */
  readonly penalty?: number | undefined;
  /**
   * The width of the kernel by which the thresholds of a JumpReLU learn, for rows whose columns have the variance 1 on
   * average. 0, the default, is 1.
   */
  readonly bandwidth?: number | undefined;
  /**
   * The learning rate of Adam, for rows whose columns have the variance 1 on average; the dictionary of a kind with an
   * encoder learns three times as fast. 0, the default, is `1e-3 * sqrt(16384 / concept_count)`, from 2.5e-4 to 5e-3.
   */
  readonly learningRate?: number | undefined;
  /** The share of the steps over which the learning rate rises from 0. By default 0.05. */
  readonly warmUp?: number | undefined;
  /** The share of the steps at the end over which the learning rate falls to 0. By default 0.25. */
  readonly decay?: number | undefined;
  /**
   * The weight of the loss by which concepts that no row has learn what the others leave unexplained; 0 is none. By
   * default 1.
   */
  readonly deadWeight?: number | undefined;
  /** The share of the rows that the autoencoder is measured on, and not trained. By default 0.05. */
  readonly heldOut?: number | undefined;
  /**
   * The parameters are changed this many times, each time for one batch. 0, the default, reads the rows twenty times,
   * in at least 4000 and at most 30,000 steps.
   */
  readonly steps?: number | undefined;
  /** A batch has this many rows. By default 1024. */
  readonly batchRows?: number | undefined;
  /**
   * A concept is dead when none of so many rows had it. 0, the default, is as many as have it two hundred times where
   * all concepts are as frequent, and at least twenty batches; for matching pursuit fifty times; for a Matryoshka
   * autoencoder a thousand times, but no more than a twentieth of what it is trained on.
   */
  readonly deadAfter?: number | undefined;
  /** So many rows are shuffled together. By default 65,536. */
  readonly shuffledRows?: number | undefined;
  /** After so many steps the checkpoint is written; 0, the default, is only when the training is cancelled. */
  readonly checkpointEvery?: number | undefined;
  /** The seed decides the start and the order of the rows. By default 0. */
  readonly seed?: number | undefined;
  /** The training uses this many threads; 0, the default, is one per core. Results do not depend on it. */
  readonly threads?: number | undefined;
  /**
   * 1, the default, lets dead concepts begin anew at what the worst rows lack, as long as the learning rate is not
   * falling; 0 does not.
   */
  readonly restartDead?: number | undefined;
  /**
   * The thresholds of a JumpReLU learn by this kernel: `rectangle`, `triangular`, `epanechnikov`, `quartic`, `cosine`,
   * `gaussian`, `silverman` or `cauchy`. By default a rectangle.
   */
  readonly kernel?: ThresholdKernel | undefined;
  /**
   * The steps run on this device: `cpu`, `cuda` or `auto`. By default on the CPU. On a GPU the result differs from that
   * of the CPU by rounding, and the kind cannot be matching pursuit.
   */
  readonly device?: Device | undefined;
  /** This is the number of the GPU that is used with `cuda`, from 0. */
  readonly deviceIndex?: number | undefined;
}

export const saeOptions = translator<SaeOptions, SaeOptionsStruct>(
  () => native().eidos_sae_options_init,
  structs.eidos_sae_options.size,
  {
    concept_count: ['conceptCount', whole32],
    kind: ['kind', word(saeKinds)],
    k: ['k', whole32],
    checkpoint: ['checkpoint', text],
    penalty: ['penalty', real],
    bandwidth: ['bandwidth', real],
    learning_rate: ['learningRate', real],
    warm_up: ['warmUp', real],
    decay: ['decay', real],
    dead_weight: ['deadWeight', real],
    held_out: ['heldOut', real],
    steps: ['steps', whole32],
    batch_rows: ['batchRows', whole32],
    dead_after: ['deadAfter', whole32],
    shuffled_rows: ['shuffledRows', whole32],
    checkpoint_every: ['checkpointEvery', whole32],
    seed: ['seed', whole32],
    threads: ['threads', whole32],
    restart_dead: ['restartDead', whole32],
    kernel: ['kernel', word(thresholdKernels)],
    device: ['device', word(devices)],
    device_index: ['deviceIndex', whole32],
  },
);

/** These options say how logits are computed; results do not depend on them, but for `onLongText`. */
export interface LogitsOptions {
  /** This many batches run at the same time on the CPU; 0, the default, is one per core. */
  readonly threads?: number | undefined;
  /**
   * One batch holds this many tokens at most; 0, the default, is as many as have 64 MiB of logits, and no more than
   * 512; on a device as many as have 512 MiB, and no more than 16384.
   */
  readonly batchTokens?: number | undefined;
  /**
   * The logits may take this many bytes in memory, 4 for each token and each id of the vocabulary; beyond that they go
   * to temporary files without a name, and with 0 always. By default 4 GiB.
   */
  readonly memoryLimit?: number | undefined;
  /**
   * This says what becomes of texts that are longer than what the model reads: `truncate` or `error`. By default they
   * lose their end.
   */
  readonly onLongText?: OnLongText | undefined;
}

export const logitsOptions = translator<LogitsOptions, LogitsOptionsStruct>(
  () => native().eidos_logits_options_init,
  structs.eidos_logits_options.size,
  {
    threads: ['threads', whole32],
    batch_tokens: ['batchTokens', whole],
    memory_limit: ['memoryLimit', whole],
    on_long_text: ['onLongText', word(onLongTexts)],
  },
);

/** These options say which inputs an interpretation lists. */
export interface TopInputsOptions {
  /** `true` also lists the inputs with the most negative activations. */
  readonly negativePole?: boolean | undefined;
  /** This many inputs are listed for each concept; fewer where there are fewer. By default 5; 0 is an error. */
  readonly k?: number | undefined;
  /** These concepts are interpreted, in the order wanted; `undefined` means all. */
  readonly concepts?: readonly number[] | undefined;
  /**
   * The activations are encoded into concepts on this device: `cpu`, `cuda` or `auto`. By default on the CPU.
   * Activations that are not on that GPU are copied there in tiles.
   */
  readonly device?: Device | undefined;
  /** They are encoded on this one of several GPUs, from 0. */
  readonly deviceIndex?: number | undefined;
  /**
   * Units with these texts are not listed, in any case and with any white space around them; `undefined` means none.
   */
  readonly stopUnits?: readonly string[] | undefined;
  /** `true` leaves out units that are nothing but punctuation. */
  readonly stopPunctuation?: boolean | undefined;
  /**
   * `true` takes texts that differ in their case, or in the white space around them, for the same input; the strongest
   * one is listed.
   */
  readonly foldCase?: boolean | undefined;
  /** Inputs that occur less often than this are not listed. By default 1. */
  readonly leastOccurrences?: number | undefined;
  /**
   * The passage of an input has up to this many units on each side, within its text; with 0, the default, inputs are
   * listed without one. It is in the JSON: `"passage": {"text", "begin", "end"}`, the last two in bytes.
   */
  readonly context?: number | undefined;
}

export const topInputsOptions = translator<TopInputsOptions, TopInputsOptionsStruct>(
  () => native().eidos_top_inputs_options_init,
  structs.eidos_top_inputs_options.size,
  {
    negative_pole: ['negativePole', flag],
    k: ['k', whole],
    concepts: ['concepts', indices],
    concept_count: ['concepts', lengthOf],
    device: ['device', word(devices)],
    device_index: ['deviceIndex', whole32],
    stop_units: ['stopUnits', texts],
    stop_unit_count: ['stopUnits', lengthOf],
    stop_punctuation: ['stopPunctuation', flag],
    fold_case: ['foldCase', flag],
    least_occurrences: ['leastOccurrences', whole],
    context: ['context', whole],
  },
);

/** These options say which concepts fire. */
export interface ExplainOptions {
  /** `true` lets concepts fire at their negative pole, too: with activations that far below the mean. */
  readonly negativePole?: boolean | undefined;
  /** This many concepts are listed for each unit; fewer where fewer fire. By default 5; 0 is an error. */
  readonly k?: number | undefined;
  /**
   * An activation fires from this many of the concept's standard deviations on, counted from its mean over the rows of
   * the fit. By default 2.
   */
  readonly leastDeviations?: number | undefined;
  /** This many threads run the model and encode; 0, the default, is one per core. Results do not depend on it. */
  readonly threads?: number | undefined;
}

export const explainOptions = translator<ExplainOptions, ExplainOptionsStruct>(
  () => native().eidos_explain_options_init,
  structs.eidos_explain_options.size,
  {
    negative_pole: ['negativePole', flag],
    k: ['k', whole],
    least_deviations: ['leastDeviations', real],
    threads: ['threads', whole32],
  },
);

/** These options say how concepts are measured. */
export interface MetricsOptions {
  /** The measuring uses this many threads; 0, the default, is one per core. Results do not depend on it. */
  readonly threads?: number | undefined;
  /** A concept that is active on more than this share of the rows counts as dense. By default 0.1. */
  readonly denseShare?: number | undefined;
  /** Two concepts of a dictionary whose cosine is at least this count as the same. By default 0.9. */
  readonly redundantCosine?: number | undefined;
  /**
   * `true` also gives what there is for each column and concept: the explained variance of each column, the density of
   * each concept and their histogram, the coherence of each.
   */
  readonly details?: boolean | undefined;
}

export const metricsOptions = translator<MetricsOptions, MetricsOptionsStruct>(
  () => native().eidos_metrics_options_init,
  structs.eidos_metrics_options.size,
  {
    threads: ['threads', whole32],
    dense_share: ['denseShare', real],
    redundant_cosine: ['redundantCosine', real],
    details: ['details', flag],
  },
);

/** These options say which language model is asked, and how. */
export interface ChatOptions {
  /** One answer may have this many tokens. By default 1024; models that think first need some thousands. */
  readonly maxTokens?: number | undefined;
  /** The server knows the model by this name. A caller's own model needs it for the cache only. */
  readonly model?: string | undefined;
  /**
   * Requests go to this address with `/chat/completions` appended. `undefined`: `OPENAI_BASE_URL`, else
   * `https://api.openai.com/v1`.
   */
  readonly baseUrl?: string | undefined;
  /**
   * Requests are sent with this key of the account. `undefined`: `OPENAI_API_KEY`, which is sent over https and to this
   * very machine only; an empty string sends none. It appears in no error and in no cache.
   */
  readonly apiKey?: string | undefined;
  /**
   * This folder keeps every answer, so that the same question is paid for once and an interrupted run goes on where it
   * stopped. It is made if it is not there. `undefined`: no cache.
   */
  readonly cacheFolder?: string | undefined;
  /** One request may take this many seconds, with its answer. By default 120. */
  readonly timeoutSeconds?: number | undefined;
  /**
   * A request that failed for a reason that may pass (no connection, 408, 409, 429, 5xx) is repeated this many times.
   * By default 4.
   */
  readonly retries?: number | undefined;
  /**
   * This many requests of one call may be on their way at the same time. By default 4; a call asks the caller's own
   * model one question at a time.
   */
  readonly parallelRequests?: number | undefined;
  /** The temperature says how much chance there is in the answers; `null` leaves it to the server. By default 0. */
  readonly temperature?: number | null | undefined;
  /** At most this many requests may be sent with the handle, repetitions counted. By default there is no limit. */
  readonly requestBudget?: number | undefined;
  /**
   * At most this many tokens may be spent with the handle, of questions and answers together. A request that could
   * exceed the budget is not sent. By default there is no limit.
   */
  readonly tokenBudget?: number | undefined;
}

export const chatOptions = translator<ChatOptions, ChatOptionsStruct>(
  () => native().eidos_chat_options_init,
  structs.eidos_chat_options.size,
  {
    max_tokens: ['maxTokens', whole32],
    model: ['model', text],
    base_url: ['baseUrl', text],
    api_key: ['apiKey', text],
    cache_folder: ['cacheFolder', text],
    timeout_seconds: ['timeoutSeconds', whole32],
    retries: ['retries', whole32],
    parallel_requests: ['parallelRequests', whole32],
    temperature: ['temperature', orNone(real, -1)],
    request_budget: ['requestBudget', whole],
    token_budget: ['tokenBudget', whole],
  },
);

/** These options say how concepts are labelled. */
export interface LlmLabelsOptions {
  /** `true` also labels what the most negative activations mean. */
  readonly negativePole?: boolean | undefined;
  /** These concepts are labelled, in the order wanted; `undefined` means all. */
  readonly concepts?: readonly number[] | undefined;
  /** The sampling says how the examples are chosen: `top`, `random` or `quantile`. By default the strongest. */
  readonly sampling?: Sampling | undefined;
  /**
   * The model sees this many examples of each concept; fewer where there are fewer. By default 30. A piece of a text is
   * shown once, around its strongest unit, and so are units that stand alone and look the same.
   */
  readonly exampleCount?: number | undefined;
  /**
   * An example has this many units of context on each side, as far as its text goes. By default 10; 0 shows the units
   * alone. Whole texts, vocabularies and rows that a caller brought have no context.
   */
  readonly context?: number | undefined;
  /** `quantile` cuts the activations into this many quantiles. By default 5. */
  readonly quantileCount?: number | undefined;
  /** The seed decides everything that is drawn at random. By default 0. */
  readonly seed?: number | undefined;
  /**
   * A label is scored on this many unseen passages that excite the concept, and on as many that do not. 0, the default,
   * leaves the score out; 20 is a good number.
   */
  readonly scorePassages?: number | undefined;
  /** One request that scores a label holds this many passages. By default 10: more are cheaper and judged worse. */
  readonly scorePassagesPerRequest?: number | undefined;
  /** `true` asks nothing: the interpretation has the prompts instead of labels, and its usage is an estimate. */
  readonly dryRun?: boolean | undefined;
  /**
   * When labels are scored, a passage counts as exciting from this part of the concept's strongest activation on, up to
   * 1; below half of that it is quiet. By default 0.5.
   */
  readonly scoreThreshold?: number | undefined;
  /**
   * These instructions take the place of those of Eidos. They should ask for `{"label": "..."}`. `undefined`: those of
   * Eidos.
   */
  readonly systemPrompt?: string | undefined;
}

export const llmLabelsOptions = translator<LlmLabelsOptions, LlmLabelsOptionsStruct>(
  () => native().eidos_llm_labels_options_init,
  structs.eidos_llm_labels_options.size,
  {
    negative_pole: ['negativePole', flag],
    concepts: ['concepts', indices],
    concept_count: ['concepts', lengthOf],
    sampling: ['sampling', word(samplings)],
    example_count: ['exampleCount', whole32],
    context: ['context', whole32],
    quantile_count: ['quantileCount', whole32],
    seed: ['seed', whole32],
    score_passages: ['scorePassages', whole32],
    score_passages_per_request: ['scorePassagesPerRequest', whole32],
    dry_run: ['dryRun', flag],
    score_threshold: ['scoreThreshold', real],
    system_prompt: ['systemPrompt', text],
  },
);

/** These options say how much a report says. */
export interface ReportOptions {
  /** This many threads work; 0, the default, is one per core. Results do not depend on it. */
  readonly threads?: number | undefined;
  /** This is the title. `undefined` names the model and the module. */
  readonly title?: string | undefined;
  /** This many inputs are listed for each pole of a concept. By default 6. */
  readonly inputs?: number | undefined;
  /** This many passages are shown for each pole of a concept, each from another text. By default 3. */
  readonly passages?: number | undefined;
  /**
   * A passage has this many units on each side of its strongest one, and about 220 bytes of text at most. By default 6.
   */
  readonly context?: number | undefined;
  /** This many of the nearest concepts are listed for a concept. By default 5. */
  readonly neighbours?: number | undefined;
  /** This many texts are shown with what fires on their units, the first ones. By default 20. */
  readonly texts?: number | undefined;
  /** This many concepts are shown where scripts do not run, and on paper: the strongest ones. By default 20. */
  readonly conceptsWithoutScripts?: number | undefined;
}

export const reportOptions = translator<ReportOptions, ReportOptionsStruct>(
  () => native().eidos_report_options_init,
  structs.eidos_report_options.size,
  {
    threads: ['threads', whole32],
    title: ['title', text],
    inputs: ['inputs', whole],
    passages: ['passages', whole],
    context: ['context', whole],
    neighbours: ['neighbours', whole],
    texts: ['texts', whole],
    concepts_without_scripts: ['conceptsWithoutScripts', whole],
  },
);
