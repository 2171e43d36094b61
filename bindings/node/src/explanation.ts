/** Which concepts fire on the units of texts. */
import type { UnitSpan } from './activations';
import { index, whole, word } from './arguments';
import { check } from './errors';
import { poles, structs, type FiringStruct, type Pole } from './generated/abi';
import { Handle, pointerOf, Resource } from './handle';
import { handleIn, native, out, readBytes, readText, sizeIn, type Out, type Pointer } from './native';
import { wordOf } from './words';

/** A concept that fires on a unit. */
export interface Firing {
  /** Which concept of the explainer. */
  readonly concept: number;
  /** The end of the concept's axis at which it fires. */
  readonly pole: Pole;
  /** The concept's activation. */
  readonly activation: number;
  /** How many of the concept's standard deviations that lies above its mean over the rows of the fit; negative below it. */
  readonly deviations: number;
  /** The share of the rows of the fit that have a smaller activation, in percent. */
  readonly percentile: number;
}

/** A unit of an explanation, with the concepts that fire on it. */
export interface ExplainedUnit {
  /** Its text (`' film'`); `'row 3'` for rows without texts. */
  readonly text: string;
  /** Where it stands in the texts; missing for one's own rows. */
  readonly span?: UnitSpan;
  /** The concepts that fire on it, the strongest first. */
  readonly firings: readonly Firing[];
}

/** Which concepts fire on some texts. Iterate over it for one `ExplainedUnit` after the other; `JSON.stringify` writes it whole. */
export class Explanation extends Handle {
  /** How many units there are. */
  get unitCount(): number {
    return native().eidos_explanation_unit_count(this.#pointer);
  }

  /** The units, in the order of the texts. */
  get units(): readonly ExplainedUnit[] {
    return [...this];
  }

  /** One unit after the other. */
  *[Symbol.iterator](): IterableIterator<ExplainedUnit> {
    let place: Place | undefined;
    for (let unit = 0; unit < this.unitCount; unit++) {
      place = this.#place(unit, place);
      const text = readText((length) => native().eidos_explanation_unit(this.#pointer, unit, length)) ?? '';
      yield { text, ...(place && { span: place.span }), firings: this.firings(unit) };
    }
  }

  /** The concepts that fire on a unit, the strongest first. */
  firings(unit: number): Firing[] {
    const pointer = this.#pointer;
    index('unit', unit, this.unitCount);
    return Array.from({ length: native().eidos_explanation_firing_count(pointer, unit) }, (_, rank) => {
      const struct: Partial<FiringStruct> = {};
      check((error) => native().eidos_explanation_firing(pointer, unit, rank, struct, structs.eidos_firing.size, error));
      const { concept_index, pole, activation, deviations, percentile } = struct as FiringStruct;
      return { concept: concept_index, pole: wordOf(poles, pole) ?? 'positive', activation, deviations, percentile };
    });
  }

  /**
   * What a concept is called at one of its poles: its label, or else the first of its inputs (`"' film', ' movie'"`). `undefined`
   * for a concept that fires nowhere in the explanation, and without an interpretation of it.
   */
  name(concept: number, pole: Pole = 'positive'): string | undefined {
    const pointer = this.#pointer;
    const [number, end] = [whole('concept', concept), word(poles)('pole', pole)];
    return readText((length) => native().eidos_explanation_name(pointer, number, end, length)) ?? undefined;
  }

  /** How many texts were explained; 0 for one's own rows. */
  get textCount(): number {
    return native().eidos_explanation_text_count(this.#pointer);
  }

  /** A text that was explained. */
  text(textIndex: number): string {
    const pointer = this.#pointer;
    index('textIndex', textIndex, this.textCount);
    return readText((length) => native().eidos_explanation_text(pointer, textIndex, length)) ?? '';
  }

  /** The whole explanation as the library writes it; `begin` and `end` of units are bytes in UTF-8 there. */
  get json(): string {
    return readText((length) => native().eidos_explanation_json(this.#pointer, length)) ?? '';
  }

  /** Each text, and below it a line for each unit with the concepts that fire on it. */
  override toString(): string {
    if (this.closed) return `${this.constructor.name} (closed)`;
    const lines: string[] = [];
    let text: number | undefined;
    for (const { text: unit, span, firings } of this) {
      if (span !== undefined && span.textIndex !== text) lines.push(this.text((text = span.textIndex)));
      const fires = firings.map(({ concept, pole, deviations, percentile }) => {
        const name = this.name(concept, pole);
        // Rounded down, since 100 % is all of them.
        const share = percentile >= 100 ? 'all' : `${(Math.floor(percentile * 10) / 10).toFixed(1)} %`;
        const where = `(${deviations.toFixed(1)} standard deviations, above ${share} of the rows)`;
        return ['concept', concept, ...(name === undefined ? [] : [name]), where].join(' ');
      });
      lines.push(`${span === undefined ? '' : '  '}'${unit}': ${fires.join('; ') || 'nothing'}`);
    }
    return lines.join('\n');
  }

  /** The content of `json`, for `JSON.stringify`. */
  override toJSON(): unknown {
    return JSON.parse(this.json);
  }

  /** Where a unit stands. What lies before the unit before it, in the same text, is not counted again. */
  #place(unit: number, before: Place | undefined): Place | undefined {
    const pointer = this.#pointer;
    if (this.textCount === 0) return undefined; // one's own rows
    const [whichText, first, last] = [out(), out(), out()];
    check((error) => native().eidos_explanation_unit_span(pointer, unit, whichText, first, last, error));
    const [textIndex, firstByte, endByte] = [sizeIn(whichText), sizeIn(first), sizeIn(last)];
    const start = native().eidos_explanation_text(pointer, textIndex, out());
    if (start === null) return undefined;
    const goesOn = before?.span.textIndex === textIndex && before.endByte <= firstByte;
    const [counted, countedBytes] = goesOn ? [before.span.end, before.endByte] : [0, 0];
    const begin = counted + readBytes(start, countedBytes, firstByte - countedBytes).length;
    const end = begin + readBytes(start, firstByte, endByte - firstByte).length;
    return { span: { textIndex, begin, end }, endByte };
  }

  /** @internal */
  protected override summary(): object {
    const { textCount, unitCount } = this;
    return { textCount, unitCount };
  }

  get #pointer(): Pointer {
    return pointerOf(this, Explanation);
  }
}

/** Where a unit stands, and where that ends in the UTF-8 of the text. */
interface Place {
  readonly span: UnitSpan;
  readonly endByte: number;
}

/** The explanation that a call wrote. */
export function explanationIn(result: Out): Explanation {
  return new Explanation(new Resource(handleIn(result), native().eidos_explanation_free));
}
