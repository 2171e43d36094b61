/** What concepts mean: for each, the inputs that excite it. */
import { text } from './arguments';
import { runOnPool } from './call';
import { check, codeOf } from './errors';
import { poles, structs, type LabelUsageStruct } from './generated/abi';
import { Handle, pointerOf, Resource, resourceOf } from './handle';
import type { ConceptLabel, LabelUsage } from './llm-labels';
import { callOnPool, handleIn, native, out, readText, type Out, type Pointer } from './native';

/** An input that excites a concept. */
export interface TopInput {
  /** Its text. */
  readonly text: string;
  /** How strongly it excites the concept. */
  readonly activation: number;
  /** The row of the activations where it does. */
  readonly row: number;
}

/** The inputs that excite one concept, the strongest first. */
export interface ConceptInputs {
  /** Which concept of the explainer. */
  readonly concept: number;
  /** The inputs with the largest activations; none for a dead concept. */
  readonly positive: readonly TopInput[];
  /** The inputs with the most negative activations, if `negativePole` requested them. */
  readonly negative: readonly TopInput[];
  /** The label of the positive pole, if `llmLabels` was called. */
  readonly positiveLabel?: ConceptLabel;
  /** The label of the negative pole, if `negativePole` requested it. */
  readonly negativeLabel?: ConceptLabel;
}

/** What concepts mean. Iterate over it for one `ConceptInputs` after the other; `JSON.stringify` writes it whole. */
export class Interpretation extends Handle {
  /** Opens a file that `save()` wrote, or the interpretation in the file of an explainer that `saveInterpreted()` wrote. */
  static async open(file: string): Promise<Interpretation> {
    const path = text('file', file);
    const result = out();
    return runOnPool(
      [],
      (error) => callOnPool(native().eidos_interpretation_open, path, result, error),
      () => new Interpretation(new Resource(handleIn(result), native().eidos_interpretation_free)),
    );
  }

  /** How many concepts were interpreted. */
  get conceptCount(): number {
    return native().eidos_interpretation_concept_count(this.#pointer);
  }

  /** The concepts that were interpreted, in their order. */
  get concepts(): readonly ConceptInputs[] {
    return [...this];
  }

  /** One concept after the other. */
  *[Symbol.iterator](): IterableIterator<ConceptInputs> {
    for (let index = 0; index < this.conceptCount; index++) {
      yield {
        concept: native().eidos_interpretation_concept(this.#pointer, index),
        positive: this.#inputs(index, poles.positive),
        negative: this.#inputs(index, poles.negative),
        ...given('positiveLabel', this.#label(index, poles.positive)),
        ...given('negativeLabel', this.#label(index, poles.negative)),
      };
    }
  }

  #inputs(index: number, pole: number): TopInput[] {
    const pointer = this.#pointer;
    return Array.from({ length: native().eidos_interpretation_size(pointer, index, pole) }, (_, rank) => ({
      text: readText((length) => native().eidos_interpretation_input(pointer, index, pole, rank, length)) ?? '',
      activation: native().eidos_interpretation_activation(pointer, index, pole, rank),
      row: native().eidos_interpretation_row(pointer, index, pole, rank),
    }));
  }

  #label(index: number, pole: number): ConceptLabel | undefined {
    const pointer = this.#pointer;
    const read = (get: (pointer: Pointer, index: number, pole: number, length: Out) => Pointer | null) =>
      readText((length) => get(pointer, index, pole, length)) ?? undefined;
    const score = native().eidos_interpretation_label_score(pointer, index, pole);
    const message = read(native().eidos_interpretation_label_error);
    const code = codeOf(native().eidos_interpretation_label_status(pointer, index, pole));
    const label = {
      ...given('text', read(native().eidos_interpretation_label)),
      ...given('score', Number.isNaN(score) ? undefined : score),
      ...given('error', message === undefined ? undefined : { code, message }),
      ...given('prompt', read(native().eidos_interpretation_label_prompt)),
    };
    return Object.keys(label).length > 0 ? label : undefined;
  }

  /** What the labels of this interpretation cost; all zero without labels. */
  get labelUsage(): LabelUsage {
    const pointer = this.#pointer;
    const struct: Partial<LabelUsageStruct> = {};
    check((error) => native().eidos_interpretation_label_usage(pointer, struct, structs.eidos_label_usage.size, error));
    const { requests, cached, prompt_tokens, completion_tokens, unreported, dry_run } = struct as LabelUsageStruct;
    return {
      requests,
      cached,
      promptTokens: prompt_tokens,
      completionTokens: completion_tokens,
      unreported,
      dryRun: dry_run === 1,
    };
  }

  /** The whole interpretation as the library writes it to a file. */
  get json(): string {
    return readText((length) => native().eidos_interpretation_json(this.#pointer, length)) ?? '';
  }

  /** The content of `json`, for `JSON.stringify`. */
  override toJSON(): unknown {
    return JSON.parse(this.json);
  }

  /** Writes the interpretation to a JSON file, completely or not at all. */
  async save(file: string): Promise<void> {
    const pointer = this.#pointer;
    const path = text('file', file);
    return runOnPool(
      [resourceOf(this, Interpretation)],
      (error) => callOnPool(native().eidos_interpretation_save, pointer, path, error),
      () => undefined,
    );
  }

  /**
   * Writes the interpretation to a CSV file, completely or not at all: a line for each input of each pole, with the columns `concept`,
   * `pole`, `label`, `score`, `rank`, `input`, `activation` and `row`.
   */
  async saveCsv(file: string): Promise<void> {
    const pointer = this.#pointer;
    const path = text('file', file);
    return runOnPool(
      [resourceOf(this, Interpretation)],
      (error) => callOnPool(native().eidos_interpretation_save_csv, pointer, path, error),
      () => undefined,
    );
  }

  /** Writes the lines and columns of `saveCsv()` to a Parquet file, completely or not at all. */
  async saveParquet(file: string): Promise<void> {
    const pointer = this.#pointer;
    const path = text('file', file);
    return runOnPool(
      [resourceOf(this, Interpretation)],
      (error) => callOnPool(native().eidos_interpretation_save_parquet, pointer, path, error),
      () => undefined,
    );
  }

  /** A line for each concept: its labels, and its inputs. */
  override toString(): string {
    if (this.closed) return `${this.constructor.name} (closed)`;
    const quoted = (inputs: readonly TopInput[]): string => inputs.map((input) => `'${input.text}'`).join(', ');
    const lines = this.concepts.map(({ concept, positive, negative, positiveLabel, negativeLabel }) => {
      const label = (given: ConceptLabel | undefined): string => (given?.text === undefined ? '' : `, ${given.text}`);
      const below = negative.length > 0 ? `; negative${label(negativeLabel)}: ${quoted(negative)}` : '';
      return `Concept ${concept}${label(positiveLabel)}: ${quoted(positive) || 'dead'}${below}`;
    });
    return lines.join('\n');
  }

  /** @internal */
  protected override summary(): object {
    return { conceptCount: this.conceptCount };
  }

  get #pointer(): Pointer {
    return pointerOf(this, Interpretation);
  }
}

/** The interpretation that a call wrote. */
export function interpretationIn(result: Out): Interpretation {
  return new Interpretation(new Resource(handleIn(result), native().eidos_interpretation_free));
}

/** A member with its value, or no member for `undefined`. */
function given<K extends string, T>(name: K, value: T | undefined): { [name in K]?: T } {
  return value === undefined ? {} : ({ [name]: value } as { [name in K]: T });
}
