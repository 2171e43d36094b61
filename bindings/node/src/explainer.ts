/** Explainers: fitted concepts, which encode rows and decode them back. */
import { Activations } from './activations';
import { flag, floats, record, text, whole } from './arguments';
import { runOnOwnThread, runOnPool, runWithControl, withPinned, type CallOptions } from './call';
import { Chat, type ChatOptions } from './chat';
import { check } from './errors';
import { activationsOptions, icaOptions, llmLabelsOptions, pcaOptions, topInputsOptions } from './generated/options';
import { Handle, isView, pointerOf, Resource, resourceOf, viewOf } from './handle';
import { withInputs, type InputsOrTexts } from './inputs';
import { interpretationIn, type Interpretation } from './interpretation';
import { callOnPool, handleIn, native, out, readDoubles, readText, sizeIn } from './native';
import type { Fit, FitName, Out, Pointer } from './native';
import type { IcaOptions, LlmLabelsOptions, PcaOptions, TopInputsOfOptions, TopInputsOptions } from './options';
import type { ReadonlyFloat32Array } from './readonly-float32-array';
import { SplitModel } from './split-model';
import { SpreadFit } from './spread-fit';

/** How a fit ended. */
export interface FitReport {
  /** Whether the iterations ended by convergence; true for a method that does not iterate. */
  readonly converged: boolean;
  /** How many iterations the fit took (with deflation, the most of any concept); 0 for a method that does not iterate. */
  readonly steps: number;
  /** The measures of the method, by name: one number, or one for each concept. */
  readonly measures: Readonly<Record<string, readonly number[]>>;
}

/** Concepts that were found elsewhere. Matrices have one row of `inputWidth` values per concept, one after the other. */
export interface DictionaryOptions {
  /** What one unit of each concept adds to a row. */
  readonly dictionary: Float32Array;
  /** The weights that compute the code of each concept from a row. By default the dictionary itself. */
  readonly encoder?: Float32Array | undefined;
  /** The bias of each code. By default zero. */
  readonly bias?: Float32Array | undefined;
  /** The offset that is subtracted from a row before it is encoded, and added after it is decoded. By default zero. */
  readonly offset?: Float32Array | undefined;
  /** How many columns the rows have. */
  readonly inputWidth: number;
  /** Whether negative codes become zero (ReLU). By default false. */
  readonly rectified?: boolean | undefined;
}

/** A concept model that was fitted on activations. It never changes: any number of calls may use it at the same time. */
export class Explainer extends Handle {
  #dictionary: WeakRef<Float32Array> | undefined;

  static async #fit<Struct extends object>(
    name: FitName,
    activations: Activations,
    struct: Struct,
    options: CallOptions,
  ): Promise<Explainer> {
    const rows = resourceOf(activations, Activations);
    const pointer = rows.pointer('Activations');
    const result = out();
    const finish = (): Explainer => Explainer.#own(result);
    const reduce = Activations.reduceOf(activations);
    if (reduce === undefined) {
      const fit = native()[name] as Fit<Struct>;
      return runWithControl(options, [rows], (control, error) => callOnPool(fit, pointer, struct, control, result, error), finish);
    }
    const spread = new SpreadFit(reduce);
    const call = { activations: pointer, fit: name, options: struct };
    try {
      return await runOnOwnThread(options, [rows], (control, error) => spread.run(call, control, result, error), finish);
    } catch (error) {
      throw spread.explain(error);
    }
  }

  /**
   * Finds the independent components of activations with FastICA (Hyvarinen, 1999): directions along which the activations
   * have heavy tails. A fit that does not converge is not an error, see `fitReport`.
   *
   * @throws {EidosError} `invalid_argument` for more concepts than columns or rows, `invalid_data` for unusable numbers.
   */
  static async fitIca(activations: Activations, options: IcaOptions): Promise<Explainer> {
    return Explainer.#fit('eidos_ica_fit', activations, icaOptions(options), options);
  }

  /**
   * Finds the principal components of activations: the orthogonal directions along which they vary most, each with its entry
   * of largest magnitude positive. `fitReport.measures` has the variance that each explains.
   *
   * @throws {EidosError} `invalid_argument` for more concepts than columns or rows, `invalid_data` for unusable numbers.
   */
  static async fitPca(activations: Activations, options: PcaOptions): Promise<Explainer> {
    return Explainer.#fit('eidos_pca_fit', activations, pcaOptions(options), options);
  }

  /**
   * Makes an explainer from concepts that were found elsewhere, such as those of a sparse autoencoder or a probe:
   * `codes = (row - offset) encoder^T + bias`, and `row = codes dictionary + offset`. The arrays are copied.
   */
  static fromDictionary(options: DictionaryOptions): Explainer {
    const { dictionary, encoder, bias, offset, rectified = false } = record('options', options);
    const width = whole('inputWidth', options.inputWidth);
    const concepts = width === 0 ? 0 : floats('dictionary', dictionary).length / width;
    const part = (name: string, values: Float32Array | undefined, length: number) => {
      if (values === undefined) return null;
      if (floats(name, values).length === length) return values;
      throw new RangeError(`${name} must have ${length} values, not ${values.length}`);
    };
    const count = whole('dictionary.length / inputWidth', concepts);
    const encoderOrNull = part('encoder', encoder, dictionary.length);
    const [biasOrNull, offsetOrNull] = [part('bias', bias, count), part('offset', offset, width)];
    const relu = flag('rectified', rectified);
    const result = out();
    check((error) =>
      native().eidos_explainer_from_dictionary(
        dictionary, encoderOrNull, biasOrNull, offsetOrNull, count, width, relu, result, error,
      ),
    );
    return Explainer.#own(result);
  }

  /** Opens a file that `save()` wrote. */
  static async open(file: string): Promise<Explainer> {
    const path = text('file', file);
    const result = out();
    return runOnPool(
      [],
      (error) => callOnPool(native().eidos_explainer_open, path, result, error),
      () => Explainer.#own(result),
    );
  }

  static #own(result: Out): Explainer {
    return new Explainer(new Resource(handleIn(result), native().eidos_explainer_free));
  }

  /** How many concepts there are. */
  get conceptCount(): number {
    return native().eidos_explainer_concept_count(this.#pointer);
  }

  /** How many columns the rows have that the explainer encodes. */
  get inputWidth(): number {
    return native().eidos_explainer_input_width(this.#pointer);
  }

  /** The method that found the concepts (`ica`). */
  get method(): string {
    return readText((length) => native().eidos_explainer_method(this.#pointer, length)) ?? '';
  }

  /** The options of the fit, with the names that they have in Rust: `{ concept_count: 20, ... }`. */
  get options(): Record<string, unknown> {
    return JSON.parse(readText((length) => native().eidos_explainer_options(this.#pointer, length)) ?? '{}');
  }

  /** The id or folder of the model that the activations came from; empty for one's own rows. */
  get model(): string {
    return readText((length) => native().eidos_explainer_model(this.#pointer, length)) ?? '';
  }

  /** The module path of the split point that the activations came from; empty for one's own rows. */
  get splitPoint(): string {
    return readText((length) => native().eidos_explainer_split_point(this.#pointer, length)) ?? '';
  }

  /** How the fit ended. */
  get fitReport(): FitReport {
    const pointer = this.#pointer;
    const measures: Record<string, number[]> = {};
    for (let index = 0; index < native().eidos_explainer_measure_count(pointer); index++) {
      const name = readText((length) => native().eidos_explainer_measure_name(pointer, index, length)) ?? '';
      measures[name] = readDoubles((length) => native().eidos_explainer_measure_values(pointer, index, length));
    }
    return { converged: native().eidos_explainer_converged(pointer) === 1, steps: native().eidos_explainer_step_count(pointer), measures };
  }

  /**
   * The dictionary: one row of `inputWidth` values per concept, one after the other. A view without a copy, for reading,
   * which stays valid as long as it is used.
   */
  get dictionary(): ReadonlyFloat32Array {
    const resource = resourceOf(this, Explainer);
    const known = this.#dictionary?.deref();
    if (known) return known;
    const length = out();
    const start = native().eidos_explainer_dictionary(resource.pointer('Explainer'), length);
    const view = viewOf(resource, start, sizeIn(length));
    this.#dictionary = new WeakRef(view);
    return view;
  }

  /**
   * Encodes rows into concepts.
   *
   * @param rows rows of `inputWidth` values, one after the other. They are copied at once, unless they are a view of this
   *   package.
   * @returns `conceptCount` values per row, one row after the other.
   */
  async encode(rows: Float32Array | ReadonlyFloat32Array): Promise<Float32Array> {
    return this.#transform(native().eidos_explainer_encode, 'rows', rows, this.inputWidth, this.conceptCount);
  }

  /**
   * Decodes concepts back into rows.
   *
   * @param codes `conceptCount` values per row, one row after the other, copied at once.
   * @returns `inputWidth` values per row, one row after the other.
   */
  async decode(codes: Float32Array | ReadonlyFloat32Array): Promise<Float32Array> {
    return this.#transform(native().eidos_explainer_decode, 'codes', codes, this.conceptCount, this.inputWidth);
  }

  async #transform(
    transform: ReturnType<typeof native>['eidos_explainer_encode'],
    name: string,
    values: unknown,
    from: number,
    to: number,
  ): Promise<Float32Array> {
    const resource = resourceOf(this, Explainer);
    const pointer = resource.pointer('Explainer');
    const given = floats(name, values);
    const count = given.length / from;
    if (!Number.isInteger(count)) {
      throw new RangeError(`${name} has ${given.length} values, which is no multiple of ${from}`);
    }
    const input = isView(given) ? given : given.slice();
    const output = new Float32Array(count * to);
    return runOnPool(
      [resource],
      (error) => callOnPool(transform, pointer, input, count, from, output, output.length, error),
      () => output,
    );
  }

  /**
   * The inputs that excite each concept most, among activations that are there already. Occurrences of the same text count
   * once, with their strongest activation; a list ends before the first activation that is exactly zero.
   *
   * @throws {EidosError} `mismatch` for activations of another width, `invalid_argument` for k = 0 or an unknown concept.
   */
  async topInputs(activations: Activations, options: TopInputsOptions = {}): Promise<Interpretation> {
    const explainer = this.#pointer;
    const rows = resourceOf(activations, Activations);
    const pointer = rows.pointer('Activations');
    const top = topInputsOptions(options);
    return this.#interpret(options, [rows], (control, result, error) =>
      callOnPool(native().eidos_top_inputs_interpret, explainer, pointer, top, control, result, error),
    );
  }

  /**
   * The inputs that excite each concept most, among the units of new inputs or texts, or among the entries of the vocabulary:
   * `model.inputsFromVocabulary()`. The model must have the split point.
   */
  async topInputsOf(model: SplitModel, inputs: InputsOrTexts, options: TopInputsOfOptions = {}): Promise<Interpretation> {
    const explainer = this.#pointer;
    const resource = resourceOf(model, SplitModel);
    const pointer = resource.pointer('SplitModel');
    const [top, collect] = [topInputsOptions(options), activationsOptions(options)];
    return withInputs(resource, inputs, options, (made, read) =>
      this.#interpret(options, [resource, made], (control, result, error) =>
        callOnPool(
          native().eidos_top_inputs_interpret_inputs,
          explainer, pointer, read, top, collect, control, result, error,
        ),
      ),
    );
  }

  #interpret(
    options: TopInputsOptions,
    others: readonly Resource[],
    start: (control: Pointer, result: Out, error: Out) => Promise<number>,
  ): Promise<Interpretation> {
    const result = out();
    return runWithControl(
      options,
      [resourceOf(this, Explainer), ...others],
      (control, error) => start(control, result, error),
      () => interpretationIn(result),
    );
  }

  /**
   * Requests a label of each concept from a language model, which sees the units that excite the concept and the text around
   * them. The inputs of the interpretation are the examples that the model saw.
   *
   * A concept that cannot be labelled does not affect the others: its label has an `error` instead of a text. So have concepts
   * for which no request was sent, because the call was cancelled, the budget was exhausted or the key was refused; with a
   * `cacheFolder`, a later call continues from there. The promise rejects only when no concept could be labelled; when a
   * function of yours threw first, that error is the `cause`.
   *
   * @param chat the language model; or options for one that is made for this call alone, with a budget of its own.
   * @throws {EidosError} `mismatch` for activations of another width, `invalid_argument` for invalid options, `network`,
   *   `access_denied`, `not_found`, `unusable_answer` or `budget_exhausted` when there is no label at all.
   */
  async llmLabels(activations: Activations, chat: Chat | ChatOptions, options: LlmLabelsOptions = {}): Promise<Interpretation> {
    const explainer = this.#pointer;
    const rows = resourceOf(activations, Activations);
    const call = { explainer, activations: rows.pointer('Activations'), options: llmLabelsOptions(options) };
    const uses = [resourceOf(this, Explainer), rows];
    const label = (chat: Chat) => Chat.label(chat, call, options, uses, interpretationIn);
    if (chat instanceof Chat) return label(chat);
    return withPinned(uses, async () => {
      const own = await Chat.open(chat);
      try {
        return await label(own);
      } finally {
        own.close();
      }
    });
  }

  /** Writes the explainer to a file, completely or not at all. */
  async save(file: string): Promise<void> {
    const pointer = this.#pointer;
    const path = text('file', file);
    return runOnPool(
      [resourceOf(this, Explainer)],
      (error) => callOnPool(native().eidos_explainer_save, pointer, path, error),
      () => undefined,
    );
  }

  get #pointer(): Pointer {
    return pointerOf(this, Explainer);
  }
}
