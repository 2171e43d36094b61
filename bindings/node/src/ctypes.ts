/** The types of C, for koffi and for TypeScript. `generated/abi.ts` uses them. */
import koffi, { type TypeObject } from 'koffi';

import type { Out, Pointer, Texts } from './pointers';

/** A C type: its name for koffi, and what it is in TypeScript (which exists for the compiler only). */
export interface CType<T> {
  readonly spec: string | TypeObject;
  readonly typescript?: T;
}

export interface Signature<A extends unknown[], R> {
  readonly result: CType<R>;
  readonly parameters: readonly CType<unknown>[];
  readonly typescript?: A;
}

function ctype<T>(spec: string | object): CType<T> {
  return { spec: spec as TypeObject };
}

export function signature<R, A extends unknown[]>(
  result: CType<R>,
  ...parameters: { [K in keyof A]: CType<A[K]> }
): Signature<A, R> {
  return { result, parameters: parameters as readonly CType<unknown>[] };
}

/** A struct, anonymous to koffi so that two copies of this file can live in one process. */
export function struct<T>(members: { [K in keyof T]: string }) {
  const type = koffi.struct(members as Record<string, string>);
  return {
    type,
    size: type.size,
    /** The offset of each member. */
    offsets: Object.fromEntries(Object.keys(members).map((key) => [key, koffi.offsetof(type, key)])),
    input: ctype<T | null>(koffi.pointer(type)),
    output: ctype<Partial<T>>(koffi.out(koffi.pointer(type))),
  };
}

export const i32 = ctype<number>('int32_t');
export const u32 = ctype<number>('uint32_t');
export const i64 = ctype<number>('int64_t');
export const u64 = ctype<number>('uint64_t');
export const size = ctype<number>('size_t');
export const float = ctype<number>('float');
export const nothing = ctype<void>('void');
/** A string that koffi copies, both ways; only for strings that hold no NUL. */
export const string = ctype<string>('const char *');
export const nullableString = ctype<string | null>('const char *');
export const texts = ctype<Texts | null>('const char **');
export const floats = ctype<Float32Array>('float *');
export const nullableFloats = ctype<Float32Array | null>('float *');
export const doubles = ctype<Float64Array>('double *');
export const integers = ctype<Uint32Array>('uint32_t *');
export const sizes = ctype<BigUint64Array>('size_t *');
export const double = ctype<number>('double');
export const bytes = ctype<Uint8Array>('const uint8_t *');
export const address = ctype<Pointer>('void *');
export const nullable = ctype<Pointer | null>('void *');
export const addressOut = ctype<Out>('void **');
export const sizeOut = ctype<Out>('size_t *');

/** The prototype of a function that C calls, anonymous as structs are. */
export function callback(result: string, parameters: string[]): TypeObject {
  return koffi.pointer(koffi.proto(result, parameters));
}
