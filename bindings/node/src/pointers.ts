/** What passes between JavaScript and C, apart from koffi, whose types need a later compiler than the declarations of this package. */
/** An address, which JavaScript never dereferences; `null` is C's NULL. */
export type Pointer = bigint;

/** Where a C function writes addresses or sizes: memory of ours, see `out()`. */
export type Out = BigUint64Array;

/** Texts for C: an array of addresses, see `textsForC()`. */
export type Texts = BigUint64Array;

/** A function of the library, to be called on this thread, or with `async` on one of libuv's pool. */
export interface NativeFunction<A extends unknown[], R> {
  (...args: A): R;
  async(...args: [...A, (error: unknown, result: R) => void]): void;
}
