/** Options: what callers write in JavaScript, and the structs that C reads. */
import { flag, real, record, text, texts, whole, whole32, word } from './arguments';
import type { CallOptions } from './call';
import { throwIfFailed } from './errors';
import { native, structs } from './native';
import type {
  ActivationsOptionsStruct,
  IcaOptionsStruct,
  PcaOptionsStruct,
  LoadOptionsStruct,
  LogitsOptionsStruct,
  NativeFunction,
  TopInputsOptionsStruct,
} from './native';

/** The words of the options, with their numbers in `eidos.h`. A test compares the two. */
export const textFormats = { auto: 0, lines: 1, json_lines: 2 } as const;
export const heads = { auto: 0, base: 1, masked_lm: 2, sequence_classification: 3, causal_lm: 4, token_classification: 5, seq2seq_lm: 6 } as const;
export const devices = { cpu: 0, cuda: 1 } as const;
export const networks = { auto: 0, offline: 1, online: 2 } as const;
export const granularities = { token: 1, word: 2, sentence: 3, sample: 4, all_tokens: 5, cls_token: 6 } as const;
export const wordRules = { auto: 1, tokenizer: 2, unicode: 3 } as const;
export const aggregations = { mean: 1, sum: 2, max: 3, min: 4, signed_max: 5, first: 6, last: 7 } as const;
export const algorithms = { parallel: 1, deflation: 2 } as const;
export const contrasts = { logcosh: 1, exp: 2, cube: 3 } as const;
export const samplings = { top: 1, random: 2, quantile: 3 } as const;

/**
 * What one row stands for: each `token` that is not a special one, each `word` as a `WordRule` cuts them, each `sentence`, each `sample` (a whole text), each position (`all_tokens`, special ones included), or the first position
 * of each text (`cls_token`).
 */
export type Granularity = keyof typeof granularities;

/**
 * Where a word ends: as the tokenizer's pre-tokenizer splits words (`tokenizer`), or at the word boundaries of Unicode (`unicode`).
 * `auto` is the tokenizer's rule unless it splits nothing, as those of Gemma, Llama 2, Mistral and Phi-3.
 */
export type WordRule = keyof typeof wordRules;

/** How the tokens of a unit become one row; `signed_max` is the value of largest magnitude, with its sign. */
export type Aggregation = keyof typeof aggregations;

/** How a model is loaded. */
export interface LoadOptions extends CallOptions {
  /**
   * Module paths as the checkpoint names them (`model.layers.10.mlp`), or numbers (10 is the eleventh block). Only the
   * weights up to the last of them are read. By default none: nothing but the tree of modules is loaded, to choose from.
   */
  readonly splitPoints?: readonly (string | number)[] | undefined;
  /** Which head to build. By default the one that the model's configuration names. */
  readonly head?: keyof typeof heads | undefined;
  /** Where to run. By default the processor. */
  readonly device?: keyof typeof devices | undefined;
  /** Which of several GPUs, from 0. */
  readonly deviceIndex?: number | undefined;
  /** Whether to download what is missing. By default what the environment says (`HF_HUB_OFFLINE`). */
  readonly network?: keyof typeof networks | undefined;
  /** Load every weight up to the head, not only those up to the last split point, so that `logits()` works. */
  readonly whole?: boolean | undefined;
  /** A branch, tag or commit of a repository. By default `main`. */
  readonly revision?: string | undefined;
  /** An access token. By default `HF_TOKEN` or the token file. */
  readonly token?: string | undefined;
  /** Where downloads are kept. By default `HF_HUB_CACHE`, `HF_HOME/hub` or `~/.cache/huggingface/hub`. */
  readonly cacheFolder?: string | undefined;
  /** The hub's address. By default `HF_ENDPOINT` or the Hugging Face Hub. */
  readonly endpoint?: string | undefined;
  /**
   * Read the files of weights into memory instead of mapping them: a program that cuts one of them while the model loads then
   * makes an error and does not end the process. Loading takes as much memory more as the files have bytes.
   */
  readonly copy?: boolean | undefined;
}

/** How a folder of activations is opened. */
export interface OpenOptions {
  /** Read the rows into memory (4 bytes a value) instead of mapping them, so that what happens to the files does not matter. */
  readonly copy?: boolean | undefined;
}

/** How activations are collected. Results do not depend on `threads` and `batchTokens`. */
export interface UnitOptions {
  /** What one row stands for. By default a word. */
  readonly granularity?: Granularity | undefined;
  /** How the tokens of a unit become one row. By default their mean. */
  readonly aggregation?: Aggregation | undefined;
  /** How many batches run at the same time on the CPU. By default one per core. */
  readonly threads?: number | undefined;
  /** How many tokens one batch holds at most. By default 512. */
  readonly batchTokens?: number | undefined;
  /** The most bytes that the rows may take in memory; beyond it they go to shards on disk. By default 4 GiB. */
  readonly memoryLimit?: number | undefined;
  /** How many bytes a shard has at most. By default 256 MiB. */
  readonly shardBytes?: number | undefined;
  /**
   * Where the shards go. When given, rows always go there, and an interrupted collection resumes from its last complete
   * shard; a second call that writes into the same folder meanwhile is `busy`. By default memory, and temporary files beyond
   * the memory limit.
   */
  readonly folder?: string | undefined;
  /** Where a word ends. By default `auto`. */
  readonly wordRule?: WordRule | undefined;
  /**
   * Give no row to the pieces of contractions: the apostrophe between letters, and `s`, `t`, `d`, `m`, `ll`, `re` and `ve` behind
   * it, in one unit with it or not. For tokens, words and sentences only.
   */
  readonly stopContractions?: boolean | undefined;
  /**
   * Units that get no row, such as stop words, by their text: without white space at its ends, in whatever case. For tokens,
   * words and sentences only.
   */
  readonly stopUnits?: readonly string[] | undefined;
}

/** How activations are collected, as a long call. */
export interface ActivationsOptions extends UnitOptions, CallOptions {}

/** How logits are computed. Results do not depend on it. */
export interface LogitsOptions extends CallOptions {
  /** How many batches run at the same time on the CPU. By default one per core. */
  readonly threads?: number | undefined;
  /** How many tokens one batch holds at most. By default as many as have 64 MiB of logits, and no more than 512. */
  readonly batchTokens?: number | undefined;
  /** The most bytes that the logits may take in memory; beyond it they go to temporary files. By default 4 GiB. */
  readonly memoryLimit?: number | undefined;
}

/** How principal components are found. */
export interface PcaOptions extends CallOptions {
  /** How many concepts to find. */
  readonly conceptCount: number;
  /** Scale codes to unit variance. */
  readonly whiten?: boolean | undefined;
  /** How many threads work. By default one per core. Results do not depend on it. */
  readonly threads?: number | undefined;
}

/** How independent components are fitted. */
export interface IcaOptions extends CallOptions {
  /** How many concepts to find. */
  readonly conceptCount: number;
  /** All components at once (`parallel`, the default) or one after the other (`deflation`). */
  readonly algorithm?: keyof typeof algorithms | undefined;
  /**
   * `logcosh` is a good general choice and the default; `exp` is robust, for very heavy tails; `cube` is kurtosis, and
   * sensitive to outliers.
   */
  readonly contrast?: keyof typeof contrasts | undefined;
  /** The alpha of `logcosh`, from 1 to 2. By default 1. */
  readonly alpha?: number | undefined;
  /** Iterations stop when no component turns by more than this (1 minus the cosine). By default 1e-4. */
  readonly tolerance?: number | undefined;
  /** The most iterations. By default 200. */
  readonly maxIterations?: number | undefined;
  /** The seed of the start matrix, drawn as NumPy's `RandomState(seed).normal`. By default 0. */
  readonly seed?: number | undefined;
  /** Keep the signs that the iteration ended with, instead of turning each heavy tail to the positive side. */
  readonly rawSigns?: boolean | undefined;
  /** How many threads work. By default one per core. Results do not depend on it. */
  readonly threads?: number | undefined;
}

/** Which inputs to list. */
export interface TopInputsOptions extends CallOptions {
  /** How many inputs to list for each concept; fewer are listed where there are fewer. By default 5. */
  readonly k?: number | undefined;
  /** Which concepts, in the order wanted. By default all. */
  readonly concepts?: readonly number[] | undefined;
  /** Also list the inputs with the most negative activations. */
  readonly negativePole?: boolean | undefined;
}

/** Which inputs to list, and how the activations of new texts are collected. */
export interface TopInputsOfTextsOptions extends TopInputsOptions, UnitOptions {}

/** For each field of a struct: which option it comes from, and how that is checked and translated. */
type Fields<O, S> = { [F in keyof S]?: readonly [keyof O & string, (name: string, value: unknown) => S[F]] };

/** A function that fills a struct with its defaults and then with the options that are given. */
export function translator<O extends object, S extends { struct_size: number }>(
  init: () => NativeFunction<[Partial<S>, number], number>,
  size: number,
  fields: Fields<O, S>,
) {
  return (options: O): S => {
    record('options', options);
    const struct: Partial<S> = {};
    throwIfFailed(init()(struct, size));
    for (const field of Object.keys(fields) as (keyof S)[]) {
      const [name, translate] = fields[field]!;
      if (options[name] !== undefined) struct[field] = translate(name, options[name]);
    }
    return struct as S;
  };
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
  },
);

const activationsFields = translator<UnitOptions, ActivationsOptionsStruct>(
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
  },
);

/** As the others; an array brings its own length. */
export function activationsOptions(options: UnitOptions): ActivationsOptionsStruct {
  const struct = activationsFields(options);
  return { ...struct, stop_unit_count: struct.stop_units?.length ?? 0 };
}

export const logitsOptions = translator<LogitsOptions, LogitsOptionsStruct>(
  () => native().eidos_logits_options_init,
  structs.eidos_logits_options.size,
  {
    threads: ['threads', whole32],
    batch_tokens: ['batchTokens', whole],
    memory_limit: ['memoryLimit', whole],
  },
);

export const icaOptions = translator<IcaOptions, IcaOptionsStruct>(
  () => native().eidos_ica_options_init,
  structs.eidos_ica_options.size,
  {
    concept_count: ['conceptCount', whole32],
    algorithm: ['algorithm', word(algorithms)],
    contrast: ['contrast', word(contrasts)],
    alpha: ['alpha', real],
    tolerance: ['tolerance', real],
    max_iterations: ['maxIterations', whole32],
    seed: ['seed', whole32],
    raw_signs: ['rawSigns', flag],
    threads: ['threads', whole32],
  },
);

export const pcaOptions = translator<PcaOptions, PcaOptionsStruct>(
  () => native().eidos_pca_options_init,
  structs.eidos_pca_options.size,
  {
    concept_count: ['conceptCount', whole32],
    whiten: ['whiten', flag],
    threads: ['threads', whole32],
  },
);

const topInputsFields = translator<TopInputsOptions, TopInputsOptionsStruct>(
  () => native().eidos_top_inputs_options_init,
  structs.eidos_top_inputs_options.size,
  {
    k: ['k', whole],
    concepts: ['concepts', indices],
    negative_pole: ['negativePole', flag],
  },
);

/** As the others; an array brings its own length. */
export function topInputsOptions(options: TopInputsOptions): TopInputsOptionsStruct {
  const struct = topInputsFields(options);
  return { ...struct, concept_count: struct.concepts?.length ?? 0 };
}

/** Numbers of things, of which there is at least one. */
export function indices(name: string, value: unknown): number[] {
  if (!Array.isArray(value)) throw new TypeError(`${name} must be an array of numbers`);
  if (value.length === 0) throw new RangeError(`${name} must not be empty; leave it out for all of them`);
  return Array.from(value, (item, position) => whole(`${name}[${position}]`, item));
}

/** The word for a number of C, or `undefined` for 0. */
export function wordOf<T extends string>(table: Readonly<Record<T, number>>, number: number): T | undefined {
  return (Object.keys(table) as T[]).find((word) => table[word] === number);
}
