/** Activations: a matrix with one row per unit of text. */
import { outOfRange, wrongType } from './argument-errors';
import { flag, floats, index, knownOptions, real, text, texts, whole } from './arguments';
import { callOptionNames, runOnPool, runWithControl, type CallOptions } from './call';
import { DLPackTensor, dlpackResource } from './dlpack';
import { check } from './errors';
import { aggregations, filters, granularities, wordRules } from './generated/abi';
import type { Aggregation, Filter, Granularity, WordRule } from './generated/abi';
import { Handle, pointerOf, Resource, resourceOf, viewOf } from './handle';
import { addressIn, callOnPool, handleIn, native, out, readBytes, readText, sizeIn, textsForC } from './native';
import type { Out, Pointer, Texts } from './native';
import type { OpenOptions } from './options';
import type { ReadonlyFloat32Array } from './readonly-float32-array';
import type { Reduce } from './spread-fit';
import { wordOf } from './words';

/** Where a unit stands in the texts that the activations were collected from. */
export interface UnitSpan {
  /** Which text: its place in the array that was given to `activations()`. */
  readonly textIndex: number;
  /** Where the unit begins in that text, in JavaScript's count: `text.slice(begin, end)` is the unit. */
  readonly begin: number;
  /** Where it ends: one past its last UTF-16 code unit. */
  readonly end: number;
}

/** The filters that left units without a row; those that were not used are missing. */
export interface Filters {
  readonly stop_units?: readonly string[];
  readonly stop_contractions?: boolean;
  readonly stop_punctuation?: boolean;
  readonly skip_first_position?: boolean;
  readonly max_norm_multiple?: number;
}

/** What each row of one's own matrix stands for. */
export interface FromRowsOptions {
  /** One text per row. By default rows have no texts. */
  readonly units?: readonly string[] | undefined;
}

/**
 * A matrix of activations, one row per unit of text, with what each row stands for. It never changes: any number of calls may
 * use it at the same time.
 */
export class Activations extends Handle {
  #reduce: Reduce | undefined;

  /**
   * Activations from one's own matrix, row after row, which is copied.
   *
   * @param rows rows * columns values.
   * @param columnCount how many values one row has.
   * @throws {EidosError} `invalid_argument` for a matrix without rows or columns.
   */
  static fromRows(rows: Float32Array | ReadonlyFloat32Array, columnCount: number, options: FromRowsOptions = {}): Activations {
    const values = floats('rows', rows);
    const columns = whole('columnCount', columnCount);
    const rowCount = columns === 0 ? 0 : values.length / columns;
    if (!Number.isInteger(rowCount)) {
      throw outOfRange(`rows has ${values.length} values, which is no multiple of its ${columns} columns`);
    }
    const units = unitsOf(knownOptions(options, ['units']).units, rowCount);
    const result = out();
    check((error) => native().eidos_activations_from_rows(values, rowCount, columns, units, units.length, result, error));
    return Activations.#own(result);
  }

  /**
   * Activations from a DLPack tensor, version 1, of shape (rows, columns), 32-bit floats, contiguous. On the CPU nothing is
   * copied; on a GPU (`kDLCUDA`) the rows stay there, in a copy, and whatever writes them must have ended. The tensor belongs
   * to the activations then, and is closed; after an error it is still the caller's.
   */
  static fromDLPack(tensor: DLPackTensor, options: FromRowsOptions = {}): Activations {
    const resource = resourceOf(tensor, DLPackTensor);
    const units = unitsOf(knownOptions(options, ['units']).units, tensor.rowCount);
    const result = out();
    check((error) => native().eidos_activations_from_dlpack(tensor.address, units, units.length, result, error));
    resource.forget();
    return Activations.#own(result);
  }

  /**
   * Opens a folder that `save()` or a collection into a folder wrote. Rows are memory-mapped: a program that cuts one of the
   * files while they are in use ends the process, unless the options say `copy`.
   */
  static async open(folder: string, options: OpenOptions = {}): Promise<Activations> {
    const path = text('folder', folder);
    knownOptions(options, ['copy']);
    const copies = options.copy !== undefined && flag('copy', options.copy) === 1;
    const open = copies ? native().eidos_activations_open_copy : native().eidos_activations_open;
    const result = out();
    return runOnPool(
      [],
      (error) => callOnPool(open, path, result, error),
      () => Activations.#own(result),
    );
  }

  static #own(result: Out): Activations {
    return new Activations(new Resource(handleIn(result), native().eidos_activations_free));
  }

  /** How many rows there are: one per unit. */
  get rowCount(): number {
    return native().eidos_activations_row_count(this.#pointer);
  }

  /** How many columns there are: the width of the module's output. */
  get columnCount(): number {
    return native().eidos_activations_column_count(this.#pointer);
  }

  /** How many texts were longer than the model can read and lost their end. */
  get truncatedCount(): number {
    return native().eidos_activations_truncated_count(this.#pointer);
  }

  /** How many units have no row, for whatever reason. */
  get leftOutCount(): number {
    return native().eidos_activations_left_out_count(this.#pointer);
  }

  /** How many units have no row, for each reason. */
  get leftOutBy(): Readonly<Record<Filter, number>> {
    const pointer = this.#pointer;
    const count = (filter: number): number => native().eidos_activations_left_out_by(pointer, filter);
    const counts = Object.entries(filters).map(([reason, filter]) => [reason, count(filter)]);
    return Object.fromEntries(counts) as Record<Filter, number>;
  }

  /** The filters that left units without a row. */
  get filters(): Filters {
    return JSON.parse(readText((length) => native().eidos_activations_filters(this.#pointer, length)) ?? '{}') as Filters;
  }

  /** How many texts the activations were collected from; 0 for one's own rows. */
  get textCount(): number {
    return native().eidos_activations_text_count(this.#pointer);
  }

  /** Whether the rows are memory-mapped from shards on disk. */
  get isOnDisk(): boolean {
    return native().eidos_activations_is_on_disk(this.#pointer) === 1;
  }

  /** Whether the rows are in the memory of a device (`keepOnDevice`). The first view of them copies all rows to the host. */
  get isOnDevice(): boolean {
    return native().eidos_activations_is_on_device(this.#pointer) === 1;
  }

  /** What one row stands for; `undefined` for one's own rows. */
  get granularity(): Granularity | undefined {
    return wordOf(granularities, native().eidos_activations_granularity(this.#pointer));
  }

  /** Where a word ended; `undefined` where rows do not stand for words. */
  get wordRule(): WordRule | undefined {
    return wordOf(wordRules, native().eidos_activations_word_rule(this.#pointer));
  }

  /** How the tokens of a unit became one row; `undefined` for one's own rows. */
  get aggregation(): Aggregation | undefined {
    return wordOf(aggregations, native().eidos_activations_aggregation(this.#pointer));
  }

  /** The id or folder of the model; empty for one's own rows. */
  get model(): string {
    return readText((length) => native().eidos_activations_model(this.#pointer, length)) ?? '';
  }

  /** The module path of the split point; empty for one's own rows. */
  get splitPoint(): string {
    return readText((length) => native().eidos_activations_split_point(this.#pointer, length)) ?? '';
  }

  /**
   * A view of rows, one after the other, without a copy. It stays valid as long as it is used, also after `close()`. It is
   * for reading: the memory is shared, and that of rows on disk cannot be written to (writing ends the process).
   *
   * @param first the first row; by default 0.
   * @param count how many rows; by default all from `first`.
   * @throws {EidosError} `invalid_argument` for rows that lie in two shards on disk: `run()` gives those of one shard, and
   *   `copyRows()` takes any.
   */
  rows(first = 0, count = this.rowCount - first): ReadonlyFloat32Array {
    const pointer = this.#pointer;
    const values = whole('count', count) * this.columnCount;
    const result = out();
    check((error) => native().eidos_activations_rows(pointer, whole('first', first), count, result, error));
    return viewOf(resourceOf(this, Activations), addressIn(result), values);
  }

  /**
   * A view of the rows from row `first` on that lie in one piece of memory, at least one, as `rows()` gives them. In memory these
   * are all rows from `first` on; on disk, those up to the end of a shard.
   */
  run(first: number): ReadonlyFloat32Array {
    const pointer = this.#pointer;
    const [result, count] = [out(), out()];
    check((error) => native().eidos_activations_run(pointer, whole('first', first), result, count, error));
    return viewOf(resourceOf(this, Activations), addressIn(result), sizeIn(count) * this.columnCount);
  }

  /** A copy of rows, one after the other, wherever they lie. Parameters as for `rows()`. */
  copyRows(first = 0, count = this.rowCount - first): Float32Array {
    const pointer = this.#pointer;
    const available = this.rowCount;
    if (whole('first', first) + whole('count', count) > available) {
      throw outOfRange(`${count} rows from row ${first} were asked for, but there are ${available}`);
    }
    const copy = new Float32Array(count * this.columnCount);
    check((error) => native().eidos_activations_copy_rows(pointer, first, count, copy, copy.length, error));
    return copy;
  }

  /** The text of a row's unit (`' film'`); `undefined` for rows without texts. */
  unit(row: number): string | undefined {
    const pointer = this.#pointer;
    index('row', row, this.rowCount);
    return readText((length) => native().eidos_activations_unit(pointer, row, length)) ?? undefined;
  }

  /**
   * Where a row's unit stands.
   *
   * @throws {EidosError} `invalid_argument` for one's own rows, which have no spans.
   */
  unitSpan(row: number): UnitSpan {
    const pointer = this.#pointer;
    index('row', row, this.rowCount);
    const [whichText, first, last] = [out(), out(), out()];
    check((error) => native().eidos_activations_unit_span(pointer, row, whichText, first, last, error));
    const [textIndex, begin, end] = [sizeIn(whichText), sizeIn(first), sizeIn(last)];
    const start = native().eidos_activations_text(pointer, textIndex, out());
    if (start === null) return { textIndex, begin: 0, end: 0 };
    const before = readBytes(start, 0, begin).length;
    return { textIndex, begin: before, end: before + readBytes(start, begin, end - begin).length };
  }

  /** A text that the activations were collected from. */
  text(textIndex: number): string {
    const pointer = this.#pointer;
    index('textIndex', textIndex, this.textCount);
    return readText((length) => native().eidos_activations_text(pointer, textIndex, length)) ?? '';
  }

  /**
   * The same rows, without a copy, as the share that this process has of rows that are spread over several processes. A fit on
   * them adds its sums to those of the other processes: each process makes the same fit of its own share, and all of them end
   * with the same concepts. Whatever is not a fit sees the rows of this process alone.
   *
   * When `reduce` throws or rejects, the fit rejects with the same error. A process that fails, or whose fit is cancelled, ends
   * the others too, with `cancelled`.
   *
   * @param reduce adds values across processes. It runs on the thread of the caller.
   */
  spread(reduce: Reduce): Activations {
    const pointer = this.#pointer;
    if (typeof reduce !== 'function') throw wrongType('reduce must be a function');
    const result = out();
    check((error) => native().eidos_activations_retain(pointer, result, error));
    const share = new Activations(new Resource(handleIn(result), native().eidos_activations_free));
    share.#reduce = reduce;
    return share;
  }

  /** @internal The function that adds values across processes, where rows are spread over several. */
  static reduceOf(activations: Activations): Reduce | undefined {
    return activations.#reduce;
  }

  /**
   * The same activations without the rows whose norm is more than `maxMultiple` times the median of all rows' norms, such as 10. Some
   * models give one token in hundreds a row of a thousand times the length of others, wherever it stands; a fit finds such rows instead
   * of concepts, and they lead every list of inputs. Which ones are left out does not depend on their order, on shards or on threads.
   * Rows on disk are not copied.
   *
   * @throws {EidosError} `invalid_argument` for a multiple below 1, `invalid_data` where half of the rows are zero.
   * @throws {Error} for rows that are spread over processes: filter each share before, or all rows in one process.
   */
  async withoutHighNorms(maxMultiple: number, options: CallOptions = {}): Promise<Activations> {
    const pointer = this.#pointer;
    const multiple = real('maxMultiple', maxMultiple);
    if (this.#reduce !== undefined) throw new Error('rows that are spread over processes cannot be filtered by their norm');
    const result = out();
    return runWithControl(
      knownOptions(options, callOptionNames),
      [resourceOf(this, Activations)],
      (control, error) =>
        callOnPool(native().eidos_activations_without_high_norms, pointer, multiple, control, result, error),
      () => Activations.#own(result),
    );
  }

  /** Writes the activations to a folder, which is made where missing. */
  async save(folder: string, options: CallOptions = {}): Promise<void> {
    const pointer = this.#pointer;
    const path = text('folder', folder);
    return runWithControl(
      knownOptions(options, callOptionNames),
      [resourceOf(this, Activations)],
      (control, error) => callOnPool(native().eidos_activations_save, pointer, path, control, error),
      () => undefined,
    );
  }

  /**
   * The rows as a read-only DLPack tensor, version 1, without a copy, for other native code: on the CPU, or on the GPU where
   * they stay (`kDLCUDA`; all work on them is done). It keeps the rows alive.
   *
   * @throws {EidosError} for rows in several shards on disk, which cannot be one tensor.
   */
  toDLPack(): DLPackTensor {
    const pointer = this.#pointer;
    const result = out();
    check((error) => native().eidos_activations_to_dlpack(pointer, result, error));
    return new DLPackTensor(dlpackResource(handleIn(result)));
  }

  /** @internal */
  protected override summary(): object {
    const { rowCount, columnCount, isOnDisk, isOnDevice, granularity, model, splitPoint } = this;
    return { rowCount, columnCount, isOnDisk, isOnDevice, granularity, model, splitPoint };
  }

  get #pointer(): Pointer {
    return pointerOf(this, Activations);
  }
}

function unitsOf(units: unknown, rowCount: number): Texts {
  if (units === undefined) return textsForC([]);
  const checked = texts('units', units);
  if (checked.length !== rowCount) {
    throw outOfRange(`units has ${checked.length} texts, but there are ${rowCount} rows`);
  }
  return textsForC(checked);
}
