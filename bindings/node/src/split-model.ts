/** Models, split at modules. */
import { Activations } from './activations';
import { wrongType } from './argument-errors';
import { anyText, index, iterable, knownOptions, text, whole } from './arguments';
import { callOptionNames, runOnOwnThread, runWithControl } from './call';
import { check } from './errors';
import { structs, type EstimateStruct } from './generated/abi';
import { activationsOptions, inputsOptions, loadOptions, logitsOptions } from './generated/options';
import { Handle, pointerOf, Resource, resourceOf } from './handle';
import {
  inputsFromTexts, inputsFromTokenIds, inputsFromVocabulary, withInputs, type Inputs, type InputsOrTexts, type TokenIds,
} from './inputs';
import { Interventions } from './interventions';
import { callOnPool, handleIn, native, out, readText, sizeIn, textsForC, type Out, type Pointer } from './native';
import type { InputsOptions, LoadOptions } from './options';
import { runOptionNames, type ActivationsOptions, type LogitsOptions, type StreamOptions } from './run-options';
import { TextSourceCall } from './text-source';

/** A module of a model. */
export interface Module {
  /** Its path (`model.layers.10.mlp`); empty for the whole model. */
  readonly path: string;
  /** What it is, with its sizes (`Linear(768 -> 3072)`). */
  readonly kind: string;
  /** Whether it can be a split point: it has one output row per token. */
  readonly canSplit: boolean;
  /** How many columns its activations have; 0 where it cannot be a split point. */
  readonly width: number;
  /** The part of the model's blocks that a run up to it takes, from 0 to 1; a block counts from its beginning. */
  readonly cost: number;
  /** Whether it is a place to start: a block, which gives all that the model knows of each token up to there. */
  readonly isRecommended: boolean;
}

/** A module that a model was split at. */
export interface SplitPoint {
  /** The path of the module. */
  readonly path: string;
  /** How many columns its activations have. */
  readonly width: number;
}

/** What a collection of activations will take. */
export interface Estimate {
  readonly textCount: number;
  /** How many tokens the model reads, special ones included. */
  readonly tokenCount: number;
  /** How many rows each split point will have. */
  readonly rowCount: number;
  /** How many bytes the rows of all split points will have. */
  readonly rowBytes: number;
  /** Whether the rows will go to disk. */
  readonly onDisk: boolean;
  /** How many seconds the call will take on this machine, as busy as it is now. */
  readonly seconds: number;
  /** How many tokens were run to know the seconds. */
  readonly sampledTokenCount: number;
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
    const splitPoints = textsForC(splitPointsOf(knownOptions(options, loadOptions.names, callOptionNames, ['splitPoints']).splitPoints ?? []));
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

  /**
   * How the model multiplies rows with its weights, for people: `f32 (AVX-512)`, `bf16 x 3 (AMX)`; behind a semicolon, why not
   * faster. Empty without split points.
   */
  get products(): string {
    return readText((length) => native().eidos_split_model_products(this.#pointer, length)) ?? '';
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
      width: native().eidos_split_model_module_width(pointer, index),
      cost: native().eidos_split_model_module_cost(pointer, index),
      isRecommended: native().eidos_split_model_module_is_recommended(pointer, index) === 1,
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

  /** Texts as this model reads them, for several calls: tokenized once. Calls take texts as well, of which they make inputs. */
  async inputs(texts: readonly string[], options: InputsOptions = {}): Promise<Inputs> {
    const model = resourceOf(this, SplitModel);
    return inputsFromTexts(model, texts, knownOptions(options, inputsOptions.names, callOptionNames));
  }

  /**
   * Texts that are token ids already. The model reads these ids and no others: no special token is added. Each token is a unit,
   * whatever granularity the options of a call name; its string is the vocabulary's own.
   *
   * @throws {EidosError} `mismatch` for an id that is not in the vocabulary, ...
   */
  inputsFromTokenIds(sequences: TokenIds): Inputs {
    return inputsFromTokenIds(resourceOf(this, SplitModel), sequences);
  }

  /** Each entry of the tokenizer's vocabulary, as a sequence of one token. The units are the vocabulary's own strings. */
  inputsFromVocabulary(): Inputs {
    return inputsFromVocabulary(resourceOf(this, SplitModel));
  }

  /**
   * The activations of inputs or texts at each split point, in the order of the split points. A text without tokens gives no rows.
   *
   * @throws {EidosError} `invalid_argument` for a model that was loaded without split points, `io`, `out_of_memory`, ...
   */
  async activations(inputs: InputsOrTexts, options: ActivationsOptions = {}): Promise<Activations[]> {
    const model = resourceOf(this, SplitModel);
    const pointer = model.pointer('SplitModel');
    const struct = activationsOptions(knownOptions(options, activationsOptions.names, runOptionNames));
    const [changes, uses] = interventionsOf(options);
    const result = out(native().eidos_split_model_split_point_count(pointer));
    return withInputs(model, inputs, options, (made, read) =>
      runWithControl(
        options,
        [model, made, ...uses],
        (control, error) =>
          callOnPool(
            native().eidos_split_model_activations,
            pointer, read, changes, struct, control, result, result.length, error,
          ),
        () => activationsIn(result),
      ),
    );
  }

  /**
   * What `activations()` will take with the same inputs and options, before it is run: rows and bytes exactly, and the seconds from
   * a sample of the texts that is run for about a second.
   *
   * @throws {EidosError} as `activations()`.
   */
  async estimate(inputs: InputsOrTexts, options: ActivationsOptions = {}): Promise<Estimate> {
    const model = resourceOf(this, SplitModel);
    const pointer = model.pointer('SplitModel');
    const struct = activationsOptions(knownOptions(options, activationsOptions.names, runOptionNames));
    const found: Partial<EstimateStruct> = {};
    return withInputs(model, inputs, options, (made, read) =>
      runWithControl(
        options,
        [model, made],
        (control, error) =>
          callOnPool(
            native().eidos_split_model_estimate, pointer, read, struct, control, found, structs.eidos_estimate.size, error,
          ),
        () => {
          const { text_count, token_count, row_count, row_bytes, on_disk, seconds, sampled_token_count } =
            found as EstimateStruct;
          return {
            textCount: text_count, tokenCount: token_count, rowCount: row_count, rowBytes: row_bytes, onDisk: on_disk !== 0,
            seconds, sampledTokenCount: sampled_token_count,
          };
        },
      ),
    );
  }

  /**
   * The activations of texts that an iterable gives one after the other, which may be asynchronous: the same as those of the texts
   * at once. The rows of the first texts lie in shards on disk before the last texts are asked for, and memory is bounded by one
   * shard, so that a corpus need not be in memory.
   *
   * What the iterable throws is what the promise rejects with. What is complete in a `folder` is kept, and the same texts into the
   * same folder go on from there; they are read again from the first one on.
   *
   * @throws {EidosError} `mismatch` for a folder of other texts, ...
   */
  async streamActivations(
    texts: Iterable<string> | AsyncIterable<string>,
    options: StreamOptions = {},
  ): Promise<Activations[]> {
    const model = resourceOf(this, SplitModel);
    const pointer = model.pointer('SplitModel');
    const struct = activationsOptions(knownOptions(options, activationsOptions.names, runOptionNames));
    const [interventions, uses] = interventionsOf(options);
    const source = new TextSourceCall(iterable('texts', texts));
    const result = out(native().eidos_split_model_split_point_count(pointer));
    return runOnOwnThread(
      options,
      [model, ...uses],
      (control, error) => source.run({ model: pointer, interventions, options: struct }, control, result, error),
      () => activationsIn(result),
    ).catch((error: unknown) => {
      throw source.explain(error);
    });
  }

  /**
   * The logits of inputs or texts: what the head gives for each token, special ones included, or for each text where the model
   * classifies texts. The model must have been loaded with `whole`. Column `j` is what `logitName(j)` says.
   *
   * @throws {EidosError} `invalid_argument` for a model without a head or that was not loaded as a whole, `unknown_module`,
   * `mismatch` or `invalid_data` for interventions that do not fit, ...
   */
  async logits(inputs: InputsOrTexts, options: LogitsOptions = {}): Promise<Activations> {
    const model = resourceOf(this, SplitModel);
    const pointer = model.pointer('SplitModel');
    const struct = logitsOptions(knownOptions(options, logitsOptions.names, runOptionNames));
    const [changes, uses] = interventionsOf(options);
    const result = out();
    return withInputs(model, inputs, options, (made, read) =>
      runWithControl(
        options,
        [model, made, ...uses],
        (control, error) =>
          callOnPool(native().eidos_split_model_logits, pointer, read, changes, struct, control, result, error),
        () => new Activations(new Resource(handleIn(result), native().eidos_activations_free)),
      ),
    );
  }

  /** The tokens of a text as the model reads them: special ones included, cut to what the model can read. */
  tokens(input: string): Token[] {
    const pointer = this.#pointer;
    const checked = anyText('input', input);
    const [bytes, length] = [Buffer.from(checked), Buffer.byteLength(checked)];
    const count = out();
    const read = (room: number): [Uint32Array, Uint32Array, Uint32Array] => {
      const [ids, begins, ends] = [new Uint32Array(room), new Uint32Array(room), new Uint32Array(room)];
      check((error) => native().eidos_split_model_tokens(pointer, bytes, length, ids, begins, ends, room, count, error));
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

  /** How many columns the logits have: ids of the vocabulary, or labels of a classifier. 0 without a head. */
  get logitCount(): number {
    return native().eidos_split_model_logit_count(this.#pointer);
  }

  /** What a column of the logits stands for: the vocabulary's own string, or the label of a classifier. */
  logitName(column: number): string {
    const number = index('column', column, this.logitCount);
    return readText((length) => native().eidos_split_model_logit_name(this.#pointer, number, length)) ?? '';
  }

  /** @internal */
  protected override summary(): object {
    const { name, family, splitPoints, products, weightBytes } = this;
    return { name, family, splitPoints, products, weightBytes };
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

function activationsIn(results: Out): Activations[] {
  return Array.from(results, (pointer) => new Activations(new Resource(pointer, native().eidos_activations_free)));
}

/** The interventions of a call, `null` for none, and what has to live meanwhile. */
function interventionsOf({ interventions }: { readonly interventions?: Interventions | undefined }): [Pointer | null, Resource[]] {
  if (interventions === undefined) return [null, []];
  const resource = resourceOf(interventions, Interventions);
  return [resource.pointer('Interventions'), [resource]];
}

function splitPointsOf(value: unknown): string[] {
  if (!Array.isArray(value)) throw wrongType('splitPoints must be an array of module paths or numbers of blocks');
  return Array.from(value, (item, position) => {
    const name = `splitPoints[${position}]`;
    return typeof item === 'number' ? String(whole(name, item)) : text(name, item);
  });
}
