type Mutating = 'buffer' | 'copyWithin' | 'fill' | 'reverse' | 'set' | 'sort' | 'subarray';

/**
 * A `Float32Array` that the compiler does not let you write to. It shows memory that others read; `slice()` makes a
 * `Float32Array` of your own.
 */
export interface ReadonlyFloat32Array extends Omit<Float32Array, Mutating | number> {
  readonly [index: number]: number;
  /** A view of a part, of the same memory. */
  subarray(begin?: number, end?: number): ReadonlyFloat32Array;
}
