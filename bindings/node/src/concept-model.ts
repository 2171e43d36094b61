/** Concept models, which encode rows and decode them back. */
import { outOfRange } from './argument-errors';
import { floats, index, text } from './arguments';
import { runOnPool } from './call';
import { check } from './errors';
import { Handle, isView, pointerOf, resourceOf, viewOf } from './handle';
import { callOnPool, native, out, readDoubles, readText, sizeIn, type Pointer } from './native';
import type { ReadonlyFloat32Array } from './readonly-float32-array';

/** How a fit ended. */
export interface FitReport {
  /** Whether the iterations ended by convergence; true for a method that does not iterate. */
  readonly converged: boolean;
  /** How many iterations the fit took (with deflation, the most of any concept); 0 for a method that does not iterate. */
  readonly steps: number;
  /** The measures of the method, by name: one number, or one for each concept. */
  readonly measures: Readonly<Record<string, readonly number[]>>;
  /** What may be wrong with the result, in sentences: that rows were few for the concepts that were asked for, for one. */
  readonly warnings: readonly string[];
}

/** How the activations of a concept are distributed. */
export interface Moments {
  readonly mean: number;
  /** The standard deviation. */
  readonly deviation: number;
}

/** A concept model encodes rows into concepts and decodes them back: what an explainer does without texts. */
export abstract class ConceptModel extends Handle {
  #dictionary: WeakRef<Float32Array> | undefined;

  /** How many concepts there are. */
  get conceptCount(): number {
    return native().eidos_explainer_concept_count(this.#pointer);
  }

  /** How many columns the rows have that the explainer encodes. */
  get inputWidth(): number {
    return native().eidos_explainer_input_width(this.#pointer);
  }

  /** How many columns the rows have that are decoded: `inputWidth`, but for a transcoder; 0 where nothing can be decoded. */
  get outputWidth(): number {
    return native().eidos_explainer_output_width(this.#pointer);
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
    const warning = (index: number): string =>
      readText((length) => native().eidos_explainer_warning(pointer, index, length)) ?? '';
    return {
      converged: native().eidos_explainer_converged(pointer) === 1,
      steps: native().eidos_explainer_step_count(pointer),
      measures,
      warnings: Array.from({ length: native().eidos_explainer_warning_count(pointer) }, (_, index) => warning(index)),
    };
  }

  /**
   * The mean and the standard deviation of a concept's activations over the rows of the fit, or of `Explainer.calibrate()`.
   *
   * @throws {EidosError} `invalid_argument` for an explainer that does not know them.
   */
  moments(concept: number): Moments {
    const pointer = this.#pointer;
    index('concept', concept, this.conceptCount);
    const [mean, deviation] = [new Float64Array(1), new Float64Array(1)];
    check((error) => native().eidos_explainer_moments(pointer, concept, mean, deviation, error));
    return { mean: mean[0]!, deviation: deviation[0]! };
  }

  /**
   * The dictionary: one row of `outputWidth` values per concept, one after the other. A view without a copy, for reading,
   * which stays valid as long as it is used.
   */
  get dictionary(): ReadonlyFloat32Array {
    const resource = resourceOf(this, ConceptModel);
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
   * @returns `outputWidth` values per row, one row after the other.
   */
  async decode(codes: Float32Array | ReadonlyFloat32Array): Promise<Float32Array> {
    return this.#transform(native().eidos_explainer_decode, 'codes', codes, this.conceptCount, this.#decodedWidth);
  }

  /**
   * Encodes rows and decodes their codes. An explainer that normalises each row reconstructs only so.
   *
   * @param rows rows of `inputWidth` values, one after the other, copied at once.
   * @returns `outputWidth` values per row, one row after the other.
   */
  async reconstruct(rows: Float32Array | ReadonlyFloat32Array): Promise<Float32Array> {
    return this.#transform(native().eidos_explainer_reconstruct, 'rows', rows, this.inputWidth, this.#decodedWidth);
  }

  /** Where nothing can be decoded, the call says so. */
  get #decodedWidth(): number {
    return this.outputWidth || this.inputWidth;
  }

  async #transform(
    transform: ReturnType<typeof native>['eidos_explainer_encode'],
    name: string,
    values: unknown,
    from: number,
    to: number,
  ): Promise<Float32Array> {
    const resource = resourceOf(this, ConceptModel);
    const pointer = resource.pointer('Explainer');
    const given = floats(name, values);
    const count = given.length / from;
    if (!Number.isInteger(count)) {
      throw outOfRange(`${name} has ${given.length} values, which is no multiple of ${from}`);
    }
    const input = isView(given) ? given : given.slice();
    const output = new Float32Array(count * to);
    return runOnPool(
      [resource],
      (error) => callOnPool(transform, pointer, input, count, from, output, output.length, error),
      () => output,
    );
  }

  /** Writes the explainer to a file, completely or not at all. */
  async save(file: string): Promise<void> {
    const pointer = this.#pointer;
    const path = text('file', file);
    return runOnPool(
      [resourceOf(this, ConceptModel)],
      (error) => callOnPool(native().eidos_explainer_save, pointer, path, error),
      () => undefined,
    );
  }

  /** @internal */
  protected override summary(): object {
    const { method, conceptCount, inputWidth, model, splitPoint } = this;
    return { method, conceptCount, inputWidth, model, splitPoint };
  }

  get #pointer(): Pointer {
    return pointerOf(this, ConceptModel);
  }
}
