/** Models, split at modules. */
import { Activations } from './activations';
import { floats, index, record, text, texts, whole, whole32 } from './arguments';
import { runWithControl } from './call';
import { check } from './errors';
import { activationsOptions, loadOptions, logitsOptions } from './generated/options';
import { Handle, isView, pointerOf, Resource, resourceOf } from './handle';
import { callOnPool, handleIn, native, out, readText, sizeIn, textsForC, type Out, type Pointer } from './native';
import type { ActivationsOptions, LoadOptions, LogitsOptions } from './options';
import type { ReadonlyFloat32Array } from './readonly-float32-array';

/** A module of a model. */
export interface Module {
  /** Its path (`model.layers.10.mlp`); empty for the whole model. */
  readonly path: string;
  /** What it is, with its sizes (`Linear(768 -> 3072)`). */
  readonly kind: string;
  /** Whether it can be a split point: it has one output row per token. */
  readonly canSplit: boolean;
}

/** A module that a model was split at. */
export interface SplitPoint {
  /** The path of the module. */
  readonly path: string;
  /** How many columns its activations have. */
  readonly width: number;
}

/** A token of a text. */
export interface Token {
  /** Its number in the vocabulary. */
  readonly id: number;
  /** The vocabulary's own string (`Ġfilm`, `##ing`). */
  readonly string: string;
  /** Where the part of the text begins that it stands for, in JavaScript's count; a special token stands for none. */
  readonly begin: number;
  /** Where it ends: one past its last UTF-16 code unit. */
  readonly end: number;
}

/** Texts as token ids. */
export type TokenIds = readonly (readonly number[] | Uint32Array)[];

/**
 * A model that runs up to one or several of its modules. It never changes after loading: any number of calls may use it at
 * the same time.
 */
export class SplitModel extends Handle {
  #modules: readonly Module[] | undefined;

  /**
   * Loads a model by the path of a folder, a repository id such as `EuroBERT/EuroBERT-210m`, or `eidos:demo` for the small
   * model inside the library; or a GGUF file by its path, or by the id of its repository and its name there:
   * `owner/name:model-Q8_0.gguf`.
   *
   * @throws {EidosError} `not_found`, `unknown_module`, `invalid_file`, `unsupported`, `network`, `access_denied`, ...
   */
  static async load(idOrPath: string, options: LoadOptions = {}): Promise<SplitModel> {
    const id = text('idOrPath', idOrPath);
    const splitPoints = textsForC(splitPointsOf(record('options', options).splitPoints ?? []));
    const struct = loadOptions(options);
    const result = out();
    return runWithControl(
      options,
      [],
      (control, error) =>
        callOnPool(
          native().eidos_split_model_load, id, splitPoints, splitPoints.length, struct, control, result, error,
        ),
      () => new SplitModel(new Resource(handleIn(result), native().eidos_split_model_free)),
    );
  }

  /** The id or folder that the model was loaded by. */
  get name(): string {
    return readText((length) => native().eidos_split_model_name(this.#pointer, length)) ?? '';
  }

  /** The family of the model, as `model_type` of its configuration names it (`eurobert`). */
  get family(): string {
    return readText((length) => native().eidos_split_model_family(this.#pointer, length)) ?? '';
  }

  /** How many token ids the model knows. */
  get vocabularySize(): number {
    return native().eidos_split_model_vocabulary_size(this.#pointer);
  }

  /** How many tokens of a text the model was made for, special ones included. Texts are read as far as that. */
  get maxPositions(): number {
    return native().eidos_split_model_max_positions(this.#pointer);
  }

  /** How many bytes of memory the weights take that were loaded. */
  get weightBytes(): number {
    return native().eidos_split_model_weight_bytes(this.#pointer);
  }

  /** The modules of the model, in the order in which PyTorch's `named_modules()` lists them. */
  get modules(): readonly Module[] {
    const pointer = this.#pointer;
    return (this.#modules ??= Array.from({ length: native().eidos_split_model_module_count(pointer) }, (_, index) => ({
      path: readText((length) => native().eidos_split_model_module_path(pointer, index, length)) ?? '',
      kind: readText((length) => native().eidos_split_model_module_kind(pointer, index, length)) ?? '',
      canSplit: native().eidos_split_model_module_can_split(pointer, index) === 1,
    })));
  }

  /** The split points that the model was loaded with, in the order in which they were given. */
  get splitPoints(): readonly SplitPoint[] {
    const pointer = this.#pointer;
    return Array.from({ length: native().eidos_split_model_split_point_count(pointer) }, (_, index) => ({
      path: readText((length) => native().eidos_split_model_split_point(pointer, index, length)) ?? '',
      width: native().eidos_split_model_width(pointer, index),
    }));
  }

  /**
   * The activations of texts at each split point, in the order of the split points. A text without tokens gives no rows.
   *
   * @throws {EidosError} `invalid_argument` for a model that was loaded without split points, `io`, `out_of_memory`, ...
   */
  async activations(inputs: readonly string[], options: ActivationsOptions = {}): Promise<Activations[]> {
    const model = this.#pointer;
    const checked = textsForC(texts('inputs', inputs));
    const struct = activationsOptions(options);
    return this.#collect(options, (control, result, error) =>
      callOnPool(
        native().eidos_split_model_activations, model, checked, checked.length, struct, control, result, result.length, error,
      ),
    );
  }

  /**
   * The activations of each entry of the tokenizer's vocabulary, run as a sequence of one token, at each split point. The
   * units are the vocabulary's own strings.
   */
  async vocabularyActivations(options: ActivationsOptions = {}): Promise<Activations[]> {
    const model = this.#pointer;
    const struct = activationsOptions(options);
    return this.#collect(options, (control, result, error) =>
      callOnPool(native().eidos_split_model_vocabulary_activations, model, struct, control, result, result.length, error),
    );
  }

  /**
   * The logits of texts: what the head gives for each token, special ones included, or for each text where the model
   * classifies texts. The model must have been loaded with `whole`. Column `j` is what `logitName(j)` says.
   *
   * @throws {EidosError} `invalid_argument` for a model without a head or that was not loaded as a whole, ...
   */
  async logits(inputs: readonly string[], options: LogitsOptions = {}): Promise<Activations> {
    const model = this.#pointer;
    const checked = textsForC(texts('inputs', inputs));
    const struct = logitsOptions(options);
    return this.#toHead(options, (control, result, error) =>
      callOnPool(native().eidos_split_model_logits, model, checked, checked.length, struct, control, result, error),
    );
  }

  /**
   * The logits of texts when the output of a module is `rows`: one row for each token of each text, as `activations()` gives
   * them with the granularity `all_tokens`. With those very rows, they are the same bits as those of `logits()`.
   *
   * Activations that know where they come from must be those of that module for these texts; of rows of one's own only the
   * shape is known. Rows on disk are read batch by batch.
   *
   * @param modulePath the path of the module, or the number of a block.
   * @throws {EidosError} `mismatch` for activations of something else, `invalid_argument` for too few or many rows,
   * `unknown_module`, `invalid_data` for a row with a number that is not finite, ...
   */
  async logitsFrom(
    modulePath: string | number,
    rows: Activations,
    inputs: readonly string[],
    options?: LogitsOptions,
  ): Promise<Activations>;
  /**
   * @param rows tokens * columns values, copied at once, unless they are a view of this package.
   * @param columnCount how many values one row has.
   */
  async logitsFrom(
    modulePath: string | number,
    rows: Float32Array | ReadonlyFloat32Array,
    columnCount: number,
    inputs: readonly string[],
    options?: LogitsOptions,
  ): Promise<Activations>;
  async logitsFrom(
    modulePath: string | number,
    rows: Activations | Float32Array | ReadonlyFloat32Array,
    ...rest: readonly unknown[]
  ): Promise<Activations> {
    const path = typeof modulePath === 'number' ? String(whole('modulePath', modulePath)) : text('modulePath', modulePath);
    if (rows instanceof Activations) return this.#logitsFromActivations(path, rows, ...(rest as [string[], LogitsOptions?]));
    return this.#logitsFromRows(path, rows, ...(rest as [number, string[], LogitsOptions?]));
  }

  async #logitsFromActivations(
    path: string,
    activations: Activations,
    inputs: readonly string[],
    options: LogitsOptions = {},
  ): Promise<Activations> {
    const model = this.#pointer;
    const rows = resourceOf(activations, Activations);
    const pointer = rows.pointer('Activations');
    const checked = textsForC(texts('inputs', inputs));
    const struct = logitsOptions(options);
    return this.#toHead(
      options,
      (control, result, error) =>
        callOnPool(
          native().eidos_split_model_logits_from_activations,
          model, path, pointer, checked, checked.length, struct, control, result, error,
        ),
      [rows],
    );
  }

  async #logitsFromRows(
    path: string,
    rows: Float32Array | ReadonlyFloat32Array,
    columnCount: number,
    inputs: readonly string[],
    options: LogitsOptions = {},
  ): Promise<Activations> {
    const model = this.#pointer;
    const given = floats('rows', rows);
    const columns = whole('columnCount', columnCount);
    const rowCount = columns === 0 ? 0 : given.length / columns;
    if (!Number.isInteger(rowCount)) {
      throw new RangeError(`rows has ${given.length} values, which is no multiple of its ${columns} columns`);
    }
    const values = isView(given) ? given : given.slice();
    const checked = textsForC(texts('inputs', inputs));
    const struct = logitsOptions(options);
    return this.#toHead(options, (control, result, error) =>
      callOnPool(
        native().eidos_split_model_logits_from,
        model, path, values, rowCount, columns, checked, checked.length, struct, control, result, error,
      ),
    );
  }

  /** The tokens of a text as the model reads them: special ones included, cut to what the model can read. */
  tokens(input: string): Token[] {
    const pointer = this.#pointer;
    const checked = text('input', input);
    const count = out();
    const read = (room: number): [Uint32Array, Uint32Array, Uint32Array] => {
      const [ids, begins, ends] = [new Uint32Array(room), new Uint32Array(room), new Uint32Array(room)];
      check((error) => native().eidos_split_model_tokens(pointer, checked, ids, begins, ends, room, count, error));
      return [ids, begins, ends];
    };
    read(0); // how many there are
    const [ids, begins, ends] = read(sizeIn(count));
    const places = utf16Places(checked);
    return Array.from(ids, (id, token) => ({
      id,
      string: readText((length) => native().eidos_split_model_token_string(pointer, id, length)) ?? '',
      begin: places[begins[token]!]!,
      end: places[ends[token]!]!,
    }));
  }

  /**
   * The activations of texts that are token ids already, at each split point: a row for each token. The model reads these ids
   * and no others: no special token is added. The units are the vocabulary's own strings.
   *
   * @throws {EidosError} `mismatch` for an id that is not in the vocabulary, ...
   */
  async activationsOfTokenIds(sequences: TokenIds, options: ActivationsOptions = {}): Promise<Activations[]> {
    const model = this.#pointer;
    const { ids, lengths } = tokenIdsForC(sequences);
    const struct = activationsOptions(options);
    return this.#collect(options, (control, result, error) =>
      callOnPool(
        native().eidos_split_model_activations_of_token_ids,
        model, ids, ids.length, lengths, lengths.length, struct, control, result, result.length, error,
      ),
    );
  }

  /** The logits of texts that are token ids already, as `logits()` gives them. */
  async logitsOfTokenIds(sequences: TokenIds, options: LogitsOptions = {}): Promise<Activations> {
    const model = this.#pointer;
    const { ids, lengths } = tokenIdsForC(sequences);
    const struct = logitsOptions(options);
    return this.#toHead(options, (control, result, error) =>
      callOnPool(
        native().eidos_split_model_logits_of_token_ids, model, ids, ids.length, lengths, lengths.length, struct, control, result, error,
      ),
    );
  }

  /** How many columns the logits have: ids of the vocabulary, or labels of a classifier. 0 without a head. */
  get logitCount(): number {
    return native().eidos_split_model_logit_count(this.#pointer);
  }

  /** What a column of the logits stands for: the vocabulary's own string, or the label of a classifier. */
  logitName(column: number): string {
    const number = index('column', column, this.logitCount);
    return readText((length) => native().eidos_split_model_logit_name(this.#pointer, number, length)) ?? '';
  }

  #collect(
    options: ActivationsOptions,
    start: (control: Pointer, result: Out, error: Out) => Promise<number>,
  ): Promise<Activations[]> {
    const result = out(native().eidos_split_model_split_point_count(this.#pointer));
    return runWithControl(
      options,
      [resourceOf(this, SplitModel)],
      (control, error) => start(control, result, error),
      () => Array.from(result, (pointer) => new Activations(new Resource(pointer, native().eidos_activations_free))),
    );
  }

  #toHead(
    options: LogitsOptions,
    start: (control: Pointer, result: Out, error: Out) => Promise<number>,
    uses: readonly Resource[] = [],
  ): Promise<Activations> {
    const result = out();
    return runWithControl(
      options,
      [resourceOf(this, SplitModel), ...uses],
      (control, error) => start(control, result, error),
      () => new Activations(new Resource(handleIn(result), native().eidos_activations_free)),
    );
  }

  get #pointer(): Pointer {
    return pointerOf(this, SplitModel);
  }
}

/** Where each byte of a text's UTF-8 stands in JavaScript's count, and its end. */
function utf16Places(value: string): Uint32Array {
  const places = new Uint32Array(Buffer.byteLength(value) + 1);
  let [byte, unit] = [0, 0];
  for (const character of value) {
    const bytes = Buffer.byteLength(character);
    places.fill(unit, byte, byte + bytes);
    byte += bytes;
    unit += character.length;
  }
  places[byte] = unit;
  return places;
}

/** Token ids as C takes them: all of them, and how many each sequence has. */
function tokenIdsForC(sequences: unknown): { ids: Uint32Array; lengths: BigUint64Array } {
  if (!Array.isArray(sequences)) throw new TypeError('sequences must be an array of arrays of token ids');
  const checked = Array.from(sequences, (sequence, position) => {
    const name = `sequences[${position}]`;
    if (sequence instanceof Uint32Array) return sequence;
    if (!Array.isArray(sequence)) throw new TypeError(`${name} must be an array of token ids`);
    return Uint32Array.from(sequence, (id, token) => whole32(`${name}[${token}]`, id));
  });
  const ids = new Uint32Array(checked.reduce((sum, sequence) => sum + sequence.length, 0));
  let first = 0;
  for (const sequence of checked) {
    ids.set(sequence, first);
    first += sequence.length;
  }
  return { ids, lengths: BigUint64Array.from(checked, (sequence) => BigInt(sequence.length)) };
}

function splitPointsOf(value: unknown): string[] {
  if (!Array.isArray(value)) throw new TypeError('splitPoints must be an array of module paths or numbers of blocks');
  return Array.from(value, (item, position) => {
    const name = `splitPoints[${position}]`;
    return typeof item === 'number' ? String(whole(name, item)) : text(name, item);
  });
}
