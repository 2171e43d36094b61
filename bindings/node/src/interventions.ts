/** Changes to what the modules of a model give, while it runs. */
import { Activations } from './activations';
import { outOfRange, wrongType } from './argument-errors';
import { floats, knownOptions, real, text, whole } from './arguments';
import { ConceptModel } from './concept-model';
import { check } from './errors';
import { Handle, pointerOf, Resource } from './handle';
import { handleIn, native, out, type Pointer } from './native';
import type { ReadonlyFloat32Array } from './readonly-float32-array';

/** Which tokens are changed. */
export interface TokenChoice {
  /**
   * The tokens, counted over all texts of the inputs, special ones included, as the rows of the granularity `all_tokens` are. By
   * default all of them; an empty array is none.
   */
  readonly tokens?: readonly number[] | undefined;
}

/**
 * Changes to what modules of a model give while it runs: rows are replaced, a direction is added, a concept is ablated or clamped.
 * There may be any number of them, at any modules that a model can be split at; those at one module follow one another in the order
 * in which they were added. They belong to no model: a run looks first whether they fit. A module is named by its path or by the
 * number of a block. Each method gives the interventions back.
 */
export class Interventions extends Handle {
  constructor() {
    const result = out();
    check((error) => native().eidos_interventions_new(result, error));
    super(new Resource(handleIn(result), native().eidos_interventions_free));
  }

  /** How many there are. */
  get count(): number {
    return native().eidos_interventions_count(this.#pointer);
  }

  /**
   * Puts `rows` in the place of what a module gives: one row for each token of the inputs, as `activations()` gives them with the
   * granularity `all_tokens`. With those very rows, nothing changes.
   *
   * Activations are not copied, and read batch by batch where they lie on disk; they must be those of that module for these texts.
   * Of rows of one's own only the shape is known.
   */
  replace(module: string | number, rows: Activations): this;
  /** @param columnCount how many values one row has. */
  replace(module: string | number, rows: Float32Array | ReadonlyFloat32Array, columnCount: number): this;
  replace(module: string | number, rows: Activations | Float32Array | ReadonlyFloat32Array, columnCount?: number): this {
    const [pointer, path] = [this.#pointer, pathOf(module)];
    if (rows instanceof Activations) {
      const activations = pointerOf(rows, Activations);
      check((error) => native().eidos_interventions_replace_activations(pointer, path, activations, error));
      return this;
    }
    const values = floats('rows', rows);
    const columns = whole('columnCount', columnCount);
    const count = columns === 0 ? 0 : values.length / columns;
    if (!Number.isInteger(count)) {
      throw outOfRange(`rows has ${values.length} values, which is no multiple of its ${columns} columns`);
    }
    check((error) => native().eidos_interventions_replace_rows(pointer, path, values, count, columns, error));
    return this;
  }

  /** Adds `scale` times a direction to the rows of a module. */
  addDirection(
    module: string | number,
    direction: Float32Array | ReadonlyFloat32Array,
    scale: number,
    choice: TokenChoice = {},
  ): this {
    const [pointer, path, values, factor] = [this.#pointer, pathOf(module), floats('direction', direction), real('scale', scale)];
    const chosen = tokensForC(choice);
    if (chosen === undefined) return this;
    check((error) =>
      native().eidos_interventions_add_direction(
        pointer, path, values, values.length, factor, chosen, chosen.length, error,
      ),
    );
    return this;
  }

  /** Takes a concept out of the rows of a module: subtracts its activation times its row of the dictionary. */
  ablateConcept(module: string | number, explainer: ConceptModel, concept: number, choice: TokenChoice = {}): this {
    const [pointer, path, other] = [this.#pointer, pathOf(module), pointerOf(explainer, ConceptModel)];
    const [number, chosen] = [whole('concept', concept), tokensForC(choice)];
    if (chosen === undefined) return this;
    check((error) =>
      native().eidos_interventions_ablate_concept(pointer, path, other, number, chosen, chosen.length, error),
    );
    return this;
  }

  /** Lets a concept have the activation `value` in the rows of a module. */
  clampConcept(
    module: string | number,
    explainer: ConceptModel,
    concept: number,
    value: number,
    choice: TokenChoice = {},
  ): this {
    const [pointer, path, other] = [this.#pointer, pathOf(module), pointerOf(explainer, ConceptModel)];
    const [number, wanted, chosen] = [whole('concept', concept), real('value', value), tokensForC(choice)];
    if (chosen === undefined) return this;
    check((error) =>
      native().eidos_interventions_clamp_concept(pointer, path, other, number, wanted, chosen, chosen.length, error),
    );
    return this;
  }

  /**
   * Puts what an explainer reconstructs of the rows of a module in their place: how much worse the model becomes says what the
   * concepts miss.
   */
  reconstruct(module: string | number, explainer: ConceptModel, choice: TokenChoice = {}): this {
    const [pointer, path, other] = [this.#pointer, pathOf(module), pointerOf(explainer, ConceptModel)];
    const chosen = tokensForC(choice);
    if (chosen === undefined) return this;
    check((error) => native().eidos_interventions_reconstruct(pointer, path, other, chosen, chosen.length, error));
    return this;
  }

  /** @internal */
  protected override summary(): object {
    return { count: this.count };
  }

  get #pointer(): Pointer {
    return pointerOf(this, Interventions);
  }
}

/** The path of a module as C takes it: a number is a block's. */
export function pathOf(module: unknown): string {
  return typeof module === 'number' ? String(whole('module', module)) : text('module', module);
}

/** Tokens as C takes them: no places for all of them, and `undefined` where none are named, which changes nothing. */
function tokensForC(choice: TokenChoice): BigUint64Array | undefined {
  const { tokens } = knownOptions(choice, ['tokens']);
  if (tokens === undefined) return new BigUint64Array(0);
  if (!Array.isArray(tokens)) throw wrongType('tokens must be an array of numbers');
  if (tokens.length === 0) return undefined;
  return BigUint64Array.from(tokens, (token, index) => BigInt(whole(`tokens[${index}]`, token)));
}
