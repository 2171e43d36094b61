/** Texts as a model reads them. */
import { wrongType } from './argument-errors';
import { anyTexts, index, whole32 } from './arguments';
import { runWithControl } from './call';
import { check } from './errors';
import { inputsOptions } from './generated/options';
import { Handle, pointerOf, Resource, resourceOf } from './handle';
import {
  addressIn, callOnPool, handleIn, lengthsForC, native, out, readIntegers, readText, sizeIn, textsForC, type Pointer,
} from './native';
import type { InputsOptions } from './options';

/** Texts as token ids. */
export type TokenIds = readonly (readonly number[] | Uint32Array)[];

/** What a model reads: inputs, or texts or a single one, of which inputs are made for one call. */
export type InputsOrTexts = Inputs | readonly string[] | string;

/**
 * Texts as a model reads them: the texts and their tokens, made once by `SplitModel.inputs()`. They serve for models with that
 * tokenizer, whatever their split points; others reject them with `mismatch`. They never change.
 */
export class Inputs extends Handle {
  /** How many texts there are: sequences where they are token ids, entries where they are a vocabulary. */
  get textCount(): number {
    return native().eidos_inputs_text_count(this.#pointer);
  }

  /** A text, or the string of an entry of the vocabulary; `undefined` where there are only token ids. */
  text(text: number): string | undefined {
    const number = index('text', text, this.textCount);
    return readText((length) => native().eidos_inputs_text(this.#pointer, number, length)) ?? undefined;
  }

  /** How many tokens all texts have, special ones included. */
  get tokenCount(): number {
    return native().eidos_inputs_token_count(this.#pointer);
  }

  /** A copy of the token ids of a text, special ones included, cut to what the model can read. */
  tokenIds(text: number): Uint32Array {
    const number = index('text', text, this.textCount);
    const [ids, count] = [out(), out()];
    check((error) => native().eidos_inputs_token_ids(this.#pointer, number, ids, count, error));
    return readIntegers(addressIn(ids), sizeIn(count));
  }

  /** How many texts were longer than the model can read and lost their end. */
  get truncatedCount(): number {
    return native().eidos_inputs_truncated_count(this.#pointer);
  }

  /** @internal */
  protected override summary(): object {
    const { textCount, tokenCount, truncatedCount } = this;
    return { textCount, tokenCount, truncatedCount };
  }

  get #pointer(): Pointer {
    return pointerOf(this, Inputs);
  }
}

/** Inputs of texts, for a model. */
export async function inputsFromTexts(model: Resource, texts: unknown, options: InputsOptions): Promise<Inputs> {
  const pointer = model.pointer('SplitModel');
  const checked = anyTexts('inputs', texts);
  const [bytes, lengths, struct] = [textsForC(checked), lengthsForC(checked), inputsOptions(options)];
  const result = out();
  return runWithControl(
    options,
    [model],
    (control, error) =>
      callOnPool(native().eidos_inputs_from_texts, pointer, bytes, lengths, checked.length, struct, control, result, error),
    () => inputsIn(handleIn(result)),
  );
}

/** Inputs of token ids, for a model. */
export function inputsFromTokenIds(model: Resource, sequences: unknown): Inputs {
  const { ids, lengths } = tokenIdsForC(sequences);
  const result = out();
  const pointer = model.pointer('SplitModel');
  check((error) =>
    native().eidos_inputs_from_token_ids(pointer, ids, ids.length, lengths, lengths.length, result, error),
  );
  return inputsIn(handleIn(result));
}

/** Inputs of a model's vocabulary. */
export function inputsFromVocabulary(model: Resource): Inputs {
  const result = out();
  const pointer = model.pointer('SplitModel');
  check((error) => native().eidos_inputs_from_vocabulary(pointer, result, error));
  return inputsIn(handleIn(result));
}

/** Runs a call with inputs: those that are there, or those that are made of texts for this call and closed after it. */
export async function withInputs<T>(
  model: Resource,
  given: InputsOrTexts,
  options: InputsOptions,
  call: (inputs: Resource, pointer: Pointer) => Promise<T>,
): Promise<T> {
  const using = (inputs: Inputs): Promise<T> => call(resourceOf(inputs, Inputs), pointerOf(inputs, Inputs));
  if (given instanceof Inputs) return using(given);
  const unpin = model.pinForCall(); // the model may be closed while inputs are made
  try {
    const { threads, signal, onProgress } = options;
    const texts = typeof given === 'string' ? [given] : given;
    const made = await inputsFromTexts(model, texts, { threads, signal, onProgress });
    try {
      return await using(made);
    } finally {
      made.close();
    }
  } finally {
    unpin();
  }
}

function inputsIn(pointer: Pointer): Inputs {
  return new Inputs(new Resource(pointer, native().eidos_inputs_free));
}

/** Token ids as C takes them: all of them, and how many each sequence has. */
function tokenIdsForC(sequences: unknown): { ids: Uint32Array; lengths: BigUint64Array } {
  if (!Array.isArray(sequences)) throw wrongType('sequences must be an array of arrays of token ids');
  const checked = Array.from(sequences, (sequence, position) => {
    const name = `sequences[${position}]`;
    if (sequence instanceof Uint32Array) return sequence;
    if (!Array.isArray(sequence)) throw wrongType(`${name} must be an array of token ids`);
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
