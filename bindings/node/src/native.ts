/**
 * The adapter: the only file that knows koffi. It declares every function and struct of `eidos.h`, and turns C strings and
 * C memory into JavaScript's.
 */
import koffi, { type LibraryHandle, type TypeObject } from 'koffi';

import { findLibrary } from './library';

/** An address. JavaScript never looks behind it; `null` is C's NULL. */
export type Pointer = bigint;

/** Where a C function writes addresses or sizes: memory of ours, see `out()`. */
export type Out = BigUint64Array;

/** Texts as C sees them: an array of addresses, see `textsForC()`. */
export type Texts = BigUint64Array;

/** A function of the library, to be called on this thread, or with `async` on one of libuv's pool. */
export interface NativeFunction<A extends unknown[], R> {
  (...args: A): R;
  async(...args: [...A, (error: unknown, result: R) => void]): void;
}

/** A C type: its name for koffi, and what it is in TypeScript (which exists for the compiler only). */
interface CType<T> {
  readonly spec: string | TypeObject;
  readonly typescript?: T;
}

interface Signature<A extends unknown[], R> {
  readonly result: CType<R>;
  readonly parameters: readonly CType<unknown>[];
  readonly typescript?: A;
}

function ctype<T>(spec: string | object): CType<T> {
  return { spec: spec as TypeObject };
}

function signature<R, A extends unknown[]>(
  result: CType<R>,
  ...parameters: { [K in keyof A]: CType<A[K]> }
): Signature<A, R> {
  return { result, parameters: parameters as readonly CType<unknown>[] };
}

/** A struct, anonymous to koffi so that two copies of this file can live in one process. */
function struct<T>(members: { [K in keyof T]: string }) {
  const type = koffi.struct(members as Record<string, string>);
  return {
    type,
    size: type.size,
    /** The size and the offset of each member, as in `tests/abi/layout.json`. */
    layout: { size: type.size, ...Object.fromEntries(Object.keys(members).map((key) => [key, koffi.offsetof(type, key)])) },
    input: ctype<T | null>(koffi.pointer(type)),
    output: ctype<Partial<T>>(koffi.out(koffi.pointer(type))),
  };
}

const i32 = ctype<number>('int32_t');
const u32 = ctype<number>('uint32_t');
const size = ctype<number>('size_t');
const float = ctype<number>('float');
const nothing = ctype<void>('void');
/** A string that koffi copies, both ways; only for strings that hold no NUL. */
const string = ctype<string>('const char *');
const texts = ctype<Texts | null>('const char **');
const floats = ctype<Float32Array>('float *');
const floatsOrNull = ctype<Float32Array | null>('float *');
const integers = ctype<Uint32Array>('uint32_t *');
const sizes = ctype<BigUint64Array>('size_t *');
const double = ctype<number>('double');
const bytes = ctype<Uint8Array>('const uint8_t *');
const address = ctype<Pointer>('void *');
const nullable = ctype<Pointer | null>('void *');
const addressOut = ctype<Out>('void **');
const sizeOut = ctype<Out>('size_t *');
const status = i32;

/** The structs of `eidos.h`. 64-bit numbers are JavaScript numbers up to 2^53. */
export interface ProgressStruct {
  stage: number;
  reserved: number;
  done: number;
  total: number;
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
}
export interface LogitsOptionsStruct {
  struct_size: number;
  threads: number;
  batch_tokens: number;
  memory_limit: number;
}
export interface FitReportStruct {
  converged: number;
  iterations: number;
  last_change: number;
}
export interface PcaOptionsStruct {
  struct_size: number;
  concept_count: number;
  whiten: number;
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
  raw_signs: number;
  threads: number;
}
export interface TopInputsOptionsStruct {
  struct_size: number;
  negative_pole: number;
  k: number;
  concepts: readonly number[] | null;
  concept_count: number;
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
  callback: Pointer | null;
  user_data: Pointer | null;
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
  requests: number;
  cached: number;
  prompt_tokens: number;
  completion_tokens: number;
  unreported: number;
  dry_run: number;
}

export const structs = {
  eidos_progress: struct<ProgressStruct>({
    stage: 'uint32_t',
    reserved: 'uint32_t',
    done: 'uint64_t',
    total: 'uint64_t',
    elapsed_seconds: 'double',
  }),
  eidos_texts_options: struct<TextsOptionsStruct>({
    struct_size: 'uint32_t',
    format: 'uint32_t',
    field: 'const char *',
    most_texts: 'uint64_t',
    keep_empty: 'uint32_t',
    reserved: 'uint32_t',
  }),
  eidos_load_options: struct<LoadOptionsStruct>({
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
    reserved: 'uint32_t',
  }),
  eidos_activations_options: struct<ActivationsOptionsStruct>({
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
  }),
  eidos_logits_options: struct<LogitsOptionsStruct>({
    struct_size: 'uint32_t',
    threads: 'uint32_t',
    batch_tokens: 'uint64_t',
    memory_limit: 'uint64_t',
  }),
  eidos_fit_report: struct<FitReportStruct>({ converged: 'uint32_t', iterations: 'uint32_t', last_change: 'double' }),
  eidos_ica_options: struct<IcaOptionsStruct>({
    struct_size: 'uint32_t',
    concept_count: 'uint32_t',
    algorithm: 'uint32_t',
    contrast: 'uint32_t',
    alpha: 'double',
    tolerance: 'double',
    max_iterations: 'uint32_t',
    seed: 'uint32_t',
    raw_signs: 'uint32_t',
    threads: 'uint32_t',
  }),
  eidos_pca_options: struct<PcaOptionsStruct>({
    struct_size: 'uint32_t',
    concept_count: 'uint32_t',
    whiten: 'uint32_t',
    threads: 'uint32_t',
  }),
  eidos_top_inputs_options: struct<TopInputsOptionsStruct>({
    struct_size: 'uint32_t',
    negative_pole: 'uint32_t',
    k: 'uint64_t',
    concepts: 'const size_t *',
    concept_count: 'uint64_t',
  }),
  eidos_chat_request: struct<ChatRequestStruct>({
    struct_size: 'uint32_t',
    max_tokens: 'uint32_t',
    system_prompt: 'void *',
    system_prompt_len: 'size_t',
    user_prompt: 'void *',
    user_prompt_len: 'size_t',
    json_schema: 'void *',
    json_schema_len: 'size_t',
  }),
  eidos_chat_options: struct<ChatOptionsStruct>({
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
    callback: 'void *',
    user_data: 'void *',
  }),
  eidos_llm_labels_options: struct<LlmLabelsOptionsStruct>({
    struct_size: 'uint32_t',
    negative_pole: 'uint32_t',
    concepts: 'const size_t *',
    concept_count: 'uint64_t',
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
  eidos_label_usage: struct<LabelUsageStruct>({
    requests: 'uint64_t',
    cached: 'uint64_t',
    prompt_tokens: 'uint64_t',
    completion_tokens: 'uint64_t',
    unreported: 'uint64_t',
    dry_run: 'uint64_t',
  }),
};

const textsOptions = structs.eidos_texts_options;
const loadOptions = structs.eidos_load_options;
const activationsOptions = structs.eidos_activations_options;
const logitsOptions = structs.eidos_logits_options;
const icaOptions = structs.eidos_ica_options;
const pcaOptions = structs.eidos_pca_options;
const topInputsOptions = structs.eidos_top_inputs_options;
const chatOptions = structs.eidos_chat_options;
const llmLabelsOptions = structs.eidos_llm_labels_options;

/** The functions of `eidos.h`, in its order. A test compares the two. */
export const signatures = {
  eidos_abi_version: signature(u32),
  eidos_version: signature(string),
  eidos_status_name: signature(string, i32),

  eidos_error_status: signature(status, address),
  eidos_error_message: signature(nullable, address, sizeOut),
  eidos_error_hint: signature(nullable, address, sizeOut),
  eidos_error_detail_count: signature(size, address),
  eidos_error_detail_key: signature(nullable, address, size, sizeOut),
  eidos_error_detail_value: signature(nullable, address, size, sizeOut),
  eidos_error_free: signature(nothing, nullable),

  eidos_stage_name: signature(string, u32),
  eidos_control_new: signature(status, addressOut, addressOut),
  eidos_control_cancel: signature(nothing, address),
  eidos_control_is_cancelled: signature(i32, address),
  eidos_control_progress: signature(status, address, structs.eidos_progress.output, addressOut),
  eidos_control_set_callback: signature(status, address, nullable, nullable, addressOut),
  eidos_control_free: signature(nothing, nullable),

  eidos_texts_options_init: signature(status, textsOptions.output, size),
  eidos_texts_read: signature(status, string, textsOptions.input, nullable, addressOut, addressOut),
  eidos_texts_count: signature(size, address),
  eidos_texts_get: signature(nullable, address, size, sizeOut),
  eidos_texts_array: signature(status, address, addressOut, addressOut),
  eidos_texts_free: signature(nothing, nullable),

  eidos_load_options_init: signature(status, loadOptions.output, size),
  eidos_split_model_load: signature(status, string, texts, size, loadOptions.input, nullable, addressOut, addressOut),
  eidos_split_model_name: signature(nullable, address, sizeOut),
  eidos_split_model_module_count: signature(size, address),
  eidos_split_model_module_path: signature(nullable, address, size, sizeOut),
  eidos_split_model_module_kind: signature(nullable, address, size, sizeOut),
  eidos_split_model_module_can_split: signature(i32, address, size),
  eidos_split_model_split_point_count: signature(size, address),
  eidos_split_model_split_point: signature(nullable, address, size, sizeOut),
  eidos_split_model_width: signature(size, address, size),
  eidos_split_model_free: signature(nothing, nullable),

  eidos_activations_options_init: signature(status, activationsOptions.output, size),
  eidos_split_model_activations: signature(
    status, address, texts, size, activationsOptions.input, nullable, addressOut, size, addressOut,
  ),
  eidos_split_model_vocabulary_activations: signature(
    status, address, activationsOptions.input, nullable, addressOut, size, addressOut,
  ),
  eidos_activations_from_rows: signature(status, floats, size, size, texts, addressOut, addressOut),
  eidos_activations_from_dlpack: signature(status, address, texts, addressOut, addressOut),
  eidos_activations_to_dlpack: signature(status, address, addressOut, addressOut),
  eidos_activations_row_count: signature(size, address),
  eidos_activations_column_count: signature(size, address),
  eidos_activations_truncated_count: signature(size, address),
  eidos_activations_left_out_count: signature(size, address),
  eidos_activations_text_count: signature(size, address),
  eidos_activations_is_on_disk: signature(i32, address),
  eidos_activations_granularity: signature(u32, address),
  eidos_activations_word_rule: signature(u32, address),
  eidos_activations_aggregation: signature(u32, address),
  eidos_activations_model: signature(nullable, address, sizeOut),
  eidos_activations_split_point: signature(nullable, address, sizeOut),
  eidos_activations_rows: signature(status, address, size, size, addressOut, addressOut),
  eidos_activations_copy_rows: signature(status, address, size, size, floats, size, addressOut),
  eidos_activations_unit: signature(nullable, address, size, sizeOut),
  eidos_activations_unit_span: signature(status, address, size, sizeOut, sizeOut, sizeOut, addressOut),
  eidos_activations_text: signature(nullable, address, size, sizeOut),
  eidos_activations_save: signature(status, address, string, nullable, addressOut),
  eidos_activations_open: signature(status, string, addressOut, addressOut),
  eidos_activations_open_copy: signature(status, string, addressOut, addressOut),
  eidos_activations_free: signature(nothing, nullable),

  eidos_logits_options_init: signature(status, logitsOptions.output, size),
  eidos_split_model_logits: signature(
    status, address, texts, size, logitsOptions.input, nullable, addressOut, addressOut,
  ),
  eidos_split_model_logits_from: signature(
    status, address, string, floats, size, size, texts, size, logitsOptions.input, nullable, addressOut, addressOut,
  ),
  eidos_split_model_logits_from_activations: signature(
    status, address, string, address, texts, size, logitsOptions.input, nullable, addressOut, addressOut,
  ),
  eidos_split_model_logit_count: signature(size, address),
  eidos_split_model_logit_name: signature(nullable, address, size, sizeOut),

  eidos_split_model_tokens: signature(status, address, string, integers, integers, integers, size, sizeOut, addressOut),
  eidos_split_model_token_string: signature(nullable, address, u32, sizeOut),
  eidos_split_model_activations_of_token_ids: signature(
    status, address, integers, sizes, size, activationsOptions.input, nullable, addressOut, size, addressOut,
  ),
  eidos_split_model_logits_of_token_ids: signature(
    status, address, integers, sizes, size, logitsOptions.input, nullable, addressOut, addressOut,
  ),

  eidos_explainer_concept_count: signature(size, address),
  eidos_explainer_input_width: signature(size, address),
  eidos_explainer_method: signature(nullable, address, sizeOut),
  eidos_explainer_model: signature(nullable, address, sizeOut),
  eidos_explainer_split_point: signature(nullable, address, sizeOut),
  eidos_explainer_fit_report: signature(status, address, structs.eidos_fit_report.output, addressOut),
  eidos_explainer_measure_count: signature(size, address),
  eidos_explainer_measure_name: signature(nullable, address, size, sizeOut),
  eidos_explainer_measure_values: signature(nullable, address, size, sizeOut),
  eidos_explainer_encode: signature(status, address, floats, size, size, floats, size, addressOut),
  eidos_explainer_decode: signature(status, address, floats, size, size, floats, size, addressOut),
  eidos_explainer_dictionary: signature(nullable, address, sizeOut),
  eidos_explainer_from_dictionary: signature(status, floats, floatsOrNull, floatsOrNull, floatsOrNull, size, size, u32, addressOut, addressOut),
  eidos_explainer_save: signature(status, address, string, addressOut),
  eidos_explainer_open: signature(status, string, addressOut, addressOut),
  eidos_explainer_free: signature(nothing, nullable),

  eidos_ica_options_init: signature(status, icaOptions.output, size),
  eidos_ica_fit: signature(status, address, icaOptions.input, nullable, addressOut, addressOut),
  eidos_pca_options_init: signature(status, pcaOptions.output, size),
  eidos_pca_fit: signature(status, address, pcaOptions.input, nullable, addressOut, addressOut),
  eidos_activations_spread: signature(status, address, nullable, nullable, addressOut, addressOut),

  eidos_top_inputs_options_init: signature(status, topInputsOptions.output, size),
  eidos_interpret_top_inputs: signature(
    status, address, address, topInputsOptions.input, nullable, addressOut, addressOut,
  ),
  eidos_interpret_top_inputs_of_texts: signature(
    status, address, address, texts, size, topInputsOptions.input, activationsOptions.input, nullable, addressOut, addressOut,
  ),
  eidos_interpret_top_inputs_of_vocabulary: signature(
    status, address, address, topInputsOptions.input, activationsOptions.input, nullable, addressOut, addressOut,
  ),
  eidos_interpretation_concept_count: signature(size, address),
  eidos_interpretation_concept: signature(size, address, size),
  eidos_interpretation_size: signature(size, address, size, u32),
  eidos_interpretation_input: signature(nullable, address, size, u32, size, sizeOut),
  eidos_interpretation_activation: signature(float, address, size, u32, size),
  eidos_interpretation_row: signature(size, address, size, u32, size),
  eidos_interpretation_json: signature(nullable, address, sizeOut),
  eidos_interpretation_save: signature(status, address, string, addressOut),
  eidos_interpretation_open: signature(status, string, addressOut, addressOut),
  eidos_interpretation_free: signature(nothing, nullable),

  eidos_chat_options_init: signature(status, chatOptions.output, size),
  eidos_chat_reply_set_text: signature(status, address, bytes, size, addressOut),
  eidos_chat_reply_set_usage: signature(nothing, address, size, size),
  eidos_chat_reply_set_error: signature(status, address, string, addressOut),

  eidos_llm_labels_options_init: signature(status, llmLabelsOptions.output, size),
  eidos_interpret_llm_labels: signature(
    status, address, address, chatOptions.input, llmLabelsOptions.input, nullable, addressOut, addressOut,
  ),
  eidos_interpretation_label: signature(nullable, address, size, u32, sizeOut),
  eidos_interpretation_label_score: signature(double, address, size, u32),
  eidos_interpretation_label_error: signature(nullable, address, size, u32, sizeOut),
  eidos_interpretation_label_status: signature(status, address, size, u32),
  eidos_interpretation_label_prompt: signature(nullable, address, size, u32, sizeOut),
  eidos_interpretation_label_usage: signature(status, address, structs.eidos_label_usage.output, addressOut),

  eidos_debug_live_handles: signature(size),
};

type Functions = {
  readonly [K in keyof typeof signatures]: (typeof signatures)[K] extends Signature<infer A, infer R>
    ? NativeFunction<A, R>
    : never;
};

/** The binary interface that this package speaks: `EIDOS_ABI_VERSION` of `eidos.h`. */
export const ABI_VERSION = 1;

/**
 * The bytes of stack that C code gets on a thread of the pool. koffi runs each call on a stack of its own, by default of
 * 128 KiB, which numerical code can overflow; this is what libuv's threads have. Pages are used only when touched.
 */
const STACK_BYTES = 8 << 20;
/** Less than this would not be safe. */
const SMALLEST_STACK_BYTES = 1 << 20;

let functions: Functions | undefined;

/**
 * The functions of the library, which the first call loads.
 *
 * @throws {Error} when the library is missing, cannot be loaded, or speaks another binary interface.
 */
export function native(): Functions {
  return (functions ??= load(libraryFile()));
}

let file: string | undefined;

/** The file that `native()` loads on this thread. */
export function libraryFile(): string {
  return (file ??= findLibrary());
}

function load(file: string): Functions {
  reserveStacks();
  const library = open(file);
  const declared = Object.entries(signatures).map(([name, { result, parameters }]) => [
    name,
    library.func(
      name,
      result.spec,
      parameters.map((parameter) => parameter.spec),
    ),
  ]);
  return Object.fromEntries(declared) as Functions;
}

/** Opens the file, whose binary interface must be ours. */
function open(file: string): LibraryHandle {
  let library: LibraryHandle;
  let found: number;
  try {
    library = koffi.load(file);
    found = library.func('eidos_abi_version', 'uint32_t', [])();
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new Error(`${file} cannot be used as the Eidos library: ${reason}; see EIDOS_LIBRARY`, { cause });
  }
  if (found === ABI_VERSION) return library;
  const remedy = found > ABI_VERSION ? 'update the npm package' : 'update the library';
  throw new Error(
    `${file} speaks version ${found} of Eidos' binary interface and this package speaks version ${ABI_VERSION}; ${remedy}`,
  );
}

/** koffi accepts settings only before the program loads its first library with it. */
function reserveStacks(): void {
  try {
    koffi.config({ async_stack_size: STACK_BYTES });
  } catch {
    if ((koffi.config().async_stack_size ?? 0) >= SMALLEST_STACK_BYTES) return;
    throw new Error(
      'this program loaded another library with koffi before Eidos, whose long calls need more stack; ' +
        `call koffi.config({ async_stack_size: ${STACK_BYTES} }) before loading that library`,
    );
  }
}

/** The arguments of calls in progress: the C code works on their memory, so nothing may collect them. */
const argumentsInUse = new Set<unknown[]>();

/** Runs a function on a thread of libuv's pool. The arguments stay alive until it returns. */
export function callOnPool<A extends unknown[], R>(fn: NativeFunction<A, R>, ...args: A): Promise<R> {
  argumentsInUse.add(args);
  return new Promise<R>((resolve, reject) => {
    fn.async(...args, (error, result) => (error ? reject(error) : resolve(result)));
  }).finally(() => argumentsInUse.delete(args));
}

/**
 * Room for one result of a C function or several, in memory of ours. (koffi 3.3.4 can also write results to a plain array, but
 * reads them from memory that it freed already when the call's inputs are large.)
 */
export function out(count = 1): Out {
  return new BigUint64Array(count);
}

/** An address that a function wrote; `null` for NULL. */
export function addressIn(results: Out, index = 0): Pointer | null {
  return results[index] || null;
}

/** A handle that a function wrote on success. */
export function handleIn(results: Out, index = 0): Pointer {
  return results[index]!;
}

/** A size that a function wrote. */
export function sizeIn(results: Out): number {
  return Number(results[0]);
}

/** The bytes behind the addresses, which live as long as the addresses do. */
const bytesOfTexts = new WeakMap<Texts, Buffer>();

/** Copies texts to where C can read them. They must not contain a NUL. */
export function textsForC(texts: readonly string[]): Texts {
  const lengths = texts.map((text) => Buffer.byteLength(text) + 1);
  const bytes = Buffer.alloc(lengths.reduce((sum, length) => sum + length, 1));
  const start = koffi.address(bytes);
  const addresses = new BigUint64Array(texts.length);
  let offset = 0;
  texts.forEach((text, index) => {
    addresses[index] = start + BigInt(offset);
    bytes.write(text, offset);
    offset += lengths[index]!;
  });
  bytesOfTexts.set(addresses, bytes);
  return addresses;
}

/** Copies a string that the library lends, with its length, so that a NUL inside survives. `null` for NULL. */
export function readText(borrow: (length: Out) => Pointer | null): string | null {
  const length = out();
  const text = borrow(length);
  return text === null ? null : readBytes(text, 0, sizeIn(length));
}

/** Copies doubles that the library lends. */
export function readDoubles(borrow: (length: Out) => Pointer | null): number[] {
  const length = out();
  const start = borrow(length);
  return start === null ? [] : Array.from(koffi.decode(start, 'double', sizeIn(length)) as Float64Array);
}

/** Copies `length` bytes of UTF-8, `offset` bytes behind `start`. */
export function readBytes(start: Pointer, offset: number, length: number): string {
  return koffi.decode.string(start + BigInt(offset), length);
}

/**
 * `count` floats in the library's own memory, or a copy of them where the runtime forbids views of foreign memory
 * (Electron does). `shared` says which.
 */
export function viewFloats(start: Pointer, count: number): { values: Float32Array; shared: boolean } {
  try {
    return { values: new Float32Array(koffi.view(start, count * Float32Array.BYTES_PER_ELEMENT)), shared: true };
  } catch {
    return { values: koffi.decode(start, 'float', count) as Float32Array, shared: false };
  }
}

/**
 * Offsets in `DLManagedTensorVersioned` of 64-bit machines: two 32-bit numbers, the context, the deleter, the flags, and the
 * tensor (data, device of 8 bytes, 32-bit number of dimensions, type of 4 bytes, shape, ...).
 */
const DLPACK_DELETER_OFFSET = 16;
const DLPACK_DIMENSIONS_OFFSET = 48;
const DLPACK_SHAPE_OFFSET = 56;
const dlpackDeleter = koffi.proto('void', ['void *']);

/** Ends the life of a DLPack tensor, as its consumer does. */
export function deleteDlpackTensor(tensor: Pointer): void {
  const deleter = koffi.decode(tensor, DLPACK_DELETER_OFFSET, 'void *') as Pointer | null;
  if (deleter !== null) koffi.call(deleter, dlpackDeleter, tensor);
}

/** The first dimension of a DLPack tensor; 0 for one without dimensions. */
export function dlpackRowCount(tensor: Pointer): number {
  const dimensions = koffi.decode(tensor, DLPACK_DIMENSIONS_OFFSET, 'int32_t') as number;
  if (dimensions < 1) return 0;
  const shape = koffi.decode(tensor, DLPACK_SHAPE_OFFSET, 'void *') as Pointer;
  return Number(koffi.decode(shape, 'int64_t'));
}

/** What a language model is asked, as it travels from thread to thread. */
export interface Question {
  readonly system: string;
  readonly user: string;
  readonly schema: string;
  readonly maxTokens: number;
}

const chatCallback = koffi.pointer(koffi.proto('int32_t', ['void *', 'void *', 'void *']));
const chatRequest = structs.eidos_chat_request.type;

/**
 * Runs a task with the address of an `eidos_chat_callback` that `answer` stands behind. C must call it on this thread, within
 * the task; `answer` returns a status and must not throw.
 */
export function withChatCallback<T>(answer: (question: Question, reply: Pointer) => number, task: (callback: Pointer) => T): T {
  native(); // which sets koffi up, before anything uses it
  const callback = koffi.register((request: Pointer, reply: Pointer) => answer(readQuestion(request), reply), chatCallback);
  try {
    return task(callback);
  } finally {
    koffi.unregister(callback);
  }
}

function readQuestion(request: Pointer): Question {
  const struct = koffi.decode(request, chatRequest) as ChatRequestStruct;
  return {
    system: readBytes(struct.system_prompt, 0, struct.system_prompt_len),
    user: readBytes(struct.user_prompt, 0, struct.user_prompt_len),
    schema: readBytes(struct.json_schema, 0, struct.json_schema_len),
    maxTokens: struct.max_tokens,
  };
}
