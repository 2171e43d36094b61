/** Explainers: fitted concepts, which encode rows and decode them back. */
import { Activations } from './activations';
import { floats, text, texts } from './arguments';
import { runOnPool, runWithControl, withPinned } from './call';
import { Chat, type ChatOptions } from './chat';
import { check } from './errors';
import type { FitReportStruct } from './generated/abi';
import { activationsOptions, icaOptions, llmLabelsOptions, topInputsOptions } from './generated/options';
import { Handle, isView, pointerOf, Resource, resourceOf, viewOf } from './handle';
import { interpretationIn, type Interpretation } from './interpretation';
import { callOnPool, handleIn, native, out, readText, sizeIn, textsForC } from './native';
import type { Out, Pointer } from './native';
import type { IcaOptions, LlmLabelsOptions, TopInputsOfTextsOptions, TopInputsOptions } from './options';
import type { ReadonlyFloat32Array } from './readonly-float32-array';
import { SplitModel } from './split-model';

/** How a fit ended. */
export interface FitReport {
  /** Whether the iterations ended because nothing changed any more; they ran out otherwise. */
  readonly converged: boolean;
  /** How many iterations it took; the most that any component took when they were found one after the other. */
  readonly iterations: number;
  /** The change of the last iteration, in the unit of the tolerance. */
  readonly lastChange: number;
}

/** Concepts that were fitted on activations. It never changes: any number of calls may use it at the same time. */
export class Explainer extends Handle {
  #dictionary: WeakRef<Float32Array> | undefined;

  /**
   * Finds the independent components of activations with FastICA (Hyvarinen, 1999): directions along which the activations
   * have heavy tails. Not converging is a result, see `fitReport`.
   *
   * @throws {EidosError} `invalid_argument` for more concepts than columns or rows, `invalid_data` for unusable numbers.
   */
  static async fitIca(activations: Activations, options: IcaOptions): Promise<Explainer> {
    const rows = resourceOf(activations, Activations);
    const pointer = rows.pointer('Activations');
    const struct = icaOptions(options);
    const result = out();
    return runWithControl(
      options,
      [rows],
      (control, error) => callOnPool(native().eidos_ica_fit, pointer, struct, control, result, error),
      () => Explainer.#own(result),
    );
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

  /** How many columns the rows have that it encodes. */
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
    const struct: Partial<FitReportStruct> = {};
    check((error) => native().eidos_explainer_fit_report(pointer, struct, error));
    const { converged, iterations, last_change } = struct as FitReportStruct;
    return { converged: converged === 1, iterations, lastChange: last_change };
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
    return this.#interpret(options, rows, (control, result, error) =>
      callOnPool(native().eidos_top_inputs_interpret, explainer, pointer, top, control, result, error),
    );
  }

  /** The inputs that excite each concept most, among the units of new texts. The model must have the split point. */
  async topInputsOfTexts(
    model: SplitModel,
    inputs: readonly string[],
    options: TopInputsOfTextsOptions = {},
  ): Promise<Interpretation> {
    const explainer = this.#pointer;
    const resource = resourceOf(model, SplitModel);
    const pointer = resource.pointer('SplitModel');
    const checked = textsForC(texts('inputs', inputs));
    const [top, collect] = [topInputsOptions(options), activationsOptions(options)];
    return this.#interpret(options, resource, (control, result, error) =>
      callOnPool(
        native().eidos_top_inputs_interpret_texts,
        explainer, pointer, checked, checked.length, top, collect, control, result, error,
      ),
    );
  }

  /**
   * The entries of the tokenizer's vocabulary that excite each concept most, each run as a sequence of one token. The model
   * must have the split point.
   */
  async topInputsOfVocabulary(model: SplitModel, options: TopInputsOfTextsOptions = {}): Promise<Interpretation> {
    const explainer = this.#pointer;
    const resource = resourceOf(model, SplitModel);
    const pointer = resource.pointer('SplitModel');
    const [top, collect] = [topInputsOptions(options), activationsOptions(options)];
    return this.#interpret(options, resource, (control, result, error) =>
      callOnPool(
        native().eidos_top_inputs_interpret_vocabulary,
        explainer, pointer, top, collect, control, result, error,
      ),
    );
  }

  #interpret(
    options: TopInputsOptions,
    other: Resource,
    start: (control: Pointer, result: Out, error: Out) => Promise<number>,
  ): Promise<Interpretation> {
    const result = out();
    return runWithControl(
      options,
      [resourceOf(this, Explainer), other],
      (control, error) => start(control, result, error),
      () => interpretationIn(result),
    );
  }

  /**
   * Asks a language model for a label of each concept, from the units that excite it and the text around them. The inputs of
   * the interpretation are the examples that the model saw.
   *
   * A concept that cannot be labelled does not lose the others: its label has an `error` instead of a text. That holds for
   * the concepts, too, that were not asked for because the call was cancelled while it labelled, the budget was spent or the
   * key refused; with a `cacheFolder`, a later call goes on there. The promise rejects only when not one concept could be
   * labelled; when a function of yours threw first, that is the `cause`.
   *
   * @param chat the language model that is asked; or options for one that is made for this call alone, with its budget.
   * @throws {EidosError} `mismatch` for activations of another width, `invalid_argument` for options that cannot be right,
   *   `network`, `access_denied`, `not_found`, `unusable_answer` or `budget_exhausted` when there is no label at all.
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

  /** Writes the explainer to a file, whole or not at all. */
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
