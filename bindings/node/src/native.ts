/**
 * The adapter: with `ctypes.ts`, the only file that knows koffi. It loads the library, whose functions and structs
 * `generated/abi.ts` declares, and turns C strings and C memory into JavaScript's.
 */
import koffi, { type LibraryHandle } from 'koffi';

import type { Signature } from './ctypes';
import { ABI_VERSION, callbacks, signatures, structs, type ChatRequestStruct } from './generated/abi';
import { findLibrary } from './library';
import type { NativeFunction, Out, Pointer, Texts } from './pointers';

export type { NativeFunction, Out, Pointer, Texts } from './pointers';

/** @internal */
type Functions = {
  readonly [K in keyof typeof signatures]: (typeof signatures)[K] extends Signature<infer A, infer R>
    ? NativeFunction<A, R>
    : never;
};

/**
 * The bytes of stack that C code gets on a thread of the pool. koffi runs each call on a stack of its own, by default of
 * 128 KiB, which numerical code can overflow; this is what libuv's threads have. Pages are used only when touched.
 */
const STACK_BYTES = 8 << 20;
/** The smallest stack that is safe. */
const SMALLEST_STACK_BYTES = 1 << 20;

/** @internal The name of a function that fits a method. */
export type FitName = Extract<keyof Functions, `eidos_${string}_fit`>;

/** @internal A function that fits a method with its options. */
export type Fit<Struct> = NativeFunction<[Pointer, Struct, Pointer | null, Out, Out], number>;

let functions: Functions | undefined;

/**
 * @internal The functions of the library, which the first call loads.
 *
 * @throws {Error} when the library is missing, cannot be loaded, or speaks another binary interface.
 */
export function native(): Functions {
  return (functions ??= load(libraryFile()));
}

let file: string | undefined;

/** The file that `native()` loads on this thread. */
export function libraryFile(): string {
  return (file ??= findLibrary());
}

function load(file: string): Functions {
  reserveStacks();
  const library = open(file);
  const declared = Object.entries(signatures).map(([name, { result, parameters }]) => [
    name,
    library.func(
      name,
      result.spec,
      parameters.map((parameter) => parameter.spec),
    ),
  ]);
  return Object.fromEntries(declared) as Functions;
}

/** Opens the file, whose binary interface must be ours. */
function open(file: string): LibraryHandle {
  let library: LibraryHandle;
  let found: number;
  try {
    library = koffi.load(file);
    found = library.func('eidos_abi_version', 'uint32_t', [])();
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new Error(`${file} cannot be used as the Eidos library: ${reason}; see EIDOS_LIBRARY`, { cause });
  }
  if (found === ABI_VERSION) return library;
  const remedy = found > ABI_VERSION ? 'update the npm package' : 'update the library';
  throw new Error(
    `${file} speaks version ${found} of Eidos' binary interface and this package speaks version ${ABI_VERSION}; ${remedy}`,
  );
}

/** koffi accepts settings only before the program loads its first library with it. */
function reserveStacks(): void {
  try {
    koffi.config({ async_stack_size: STACK_BYTES });
  } catch {
    if ((koffi.config().async_stack_size ?? 0) >= SMALLEST_STACK_BYTES) return;
    throw new Error(
      'this program loaded another library with koffi before Eidos, whose long calls need more stack; ' +
        `call koffi.config({ async_stack_size: ${STACK_BYTES} }) before loading that library`,
    );
  }
}

/** The arguments of calls in progress: the C code works on their memory, so nothing may collect them. */
const argumentsInUse = new Set<unknown[]>();

/** Runs a function on a thread of libuv's pool. The arguments stay alive until it returns. */
export function callOnPool<A extends unknown[], R>(fn: NativeFunction<A, R>, ...args: A): Promise<R> {
  argumentsInUse.add(args);
  return new Promise<R>((resolve, reject) => {
    fn.async(...args, (error, result) => (error ? reject(error) : resolve(result)));
  }).finally(() => argumentsInUse.delete(args));
}

/**
 * Room for one result of a C function or several, in memory of ours. (koffi 3.3.4 can also write results to a plain array, but
 * reads them from memory that it freed already when the call's inputs are large.)
 */
export function out(count = 1): Out {
  return new BigUint64Array(count);
}

/** An address that a function wrote; `null` for NULL. */
export function addressIn(results: Out, index = 0): Pointer | null {
  return results[index] || null;
}

/** A handle that a function wrote on success. */
export function handleIn(results: Out, index = 0): Pointer {
  return results[index]!;
}

/** A size that a function wrote. */
export function sizeIn(results: Out): number {
  return Number(results[0]);
}

/** The bytes behind the addresses, which live as long as the addresses do. */
const bytesOfTexts = new WeakMap<Texts, Buffer>();

/** How many bytes each text has in UTF-8. */
export function lengthsForC(texts: readonly string[]): BigUint64Array {
  return BigUint64Array.from(texts, (text) => BigInt(Buffer.byteLength(text)));
}

/** Copies texts to where C can read them. One that contains a NUL needs its length, too. */
export function textsForC(texts: readonly string[]): Texts {
  const lengths = texts.map((text) => Buffer.byteLength(text) + 1);
  const bytes = Buffer.alloc(lengths.reduce((sum, length) => sum + length, 1));
  const start = koffi.address(bytes);
  const addresses = new BigUint64Array(texts.length);
  let offset = 0;
  texts.forEach((text, index) => {
    addresses[index] = start + BigInt(offset);
    bytes.write(text, offset);
    offset += lengths[index]!;
  });
  bytesOfTexts.set(addresses, bytes);
  return addresses;
}

/** Copies a string that the library lends, with its length, so that a NUL inside survives. `null` for NULL. */
export function readText(borrow: (length: Out) => Pointer | null): string | null {
  const length = out();
  const text = borrow(length);
  return text === null ? null : readBytes(text, 0, sizeIn(length));
}

/** Copies doubles that the library lends. */
export function readDoubles(borrow: (length: Out) => Pointer | null): number[] {
  const length = out();
  const start = borrow(length);
  return start === null ? [] : Array.from(koffi.decode(start, 'double', sizeIn(length)) as Float64Array);
}

/** Copies `length` bytes of UTF-8, `offset` bytes behind `start`. */
export function readBytes(start: Pointer, offset: number, length: number): string {
  return koffi.decode.string(start + BigInt(offset), length);
}

/**
 * `count` floats in the library's own memory, or a copy of them where the runtime forbids views of foreign memory
 * (Electron does). `shared` says which.
 */
export function viewFloats(start: Pointer, count: number): { values: Float32Array; shared: boolean } {
  try {
    return { values: new Float32Array(koffi.view(start, count * Float32Array.BYTES_PER_ELEMENT)), shared: true };
  } catch {
    return { values: koffi.decode(start, 'float', count) as Float32Array, shared: false };
  }
}

/**
 * Offsets in `DLManagedTensorVersioned` of 64-bit machines: two 32-bit numbers, the context, the deleter, the flags, and the
 * tensor (data, device of 8 bytes, 32-bit number of dimensions, type of 4 bytes, shape, ...).
 */
const DLPACK_DELETER_OFFSET = 16;
const DLPACK_DIMENSIONS_OFFSET = 48;
const DLPACK_SHAPE_OFFSET = 56;
const dlpackDeleter = koffi.proto('void', ['void *']);

/** Ends the life of a DLPack tensor, as its consumer does. */
export function deleteDlpackTensor(tensor: Pointer): void {
  const deleter = koffi.decode(tensor, DLPACK_DELETER_OFFSET, 'void *') as Pointer | null;
  if (deleter !== null) koffi.call(deleter, dlpackDeleter, tensor);
}

/** The first dimension of a DLPack tensor; 0 for one without dimensions. */
export function dlpackRowCount(tensor: Pointer): number {
  const dimensions = koffi.decode(tensor, DLPACK_DIMENSIONS_OFFSET, 'int32_t') as number;
  if (dimensions < 1) return 0;
  const shape = koffi.decode(tensor, DLPACK_SHAPE_OFFSET, 'void *') as Pointer;
  return Number(koffi.decode(shape, 'int64_t'));
}

/** A request to a language model, as it is sent from thread to thread. */
export interface PlainRequest {
  readonly system: string;
  readonly user: string;
  readonly schema: string;
  readonly maxTokens: number;
}

/**
 * The address of an `eidos_chat_callback` that `answer` stands behind, until `unregisterCallback`. C must call it on this thread;
 * `answer` returns a status and must not throw.
 */
export function registerChatCallback(answer: (request: PlainRequest, reply: Pointer) => number): Pointer {
  native(); // which sets koffi up, before anything uses it
  return koffi.register((request: Pointer, reply: Pointer) => answer(readRequest(request), reply), callbacks.eidos_chat_callback);
}

/** Ends the life of a callback, which C must not call any more. */
export function unregisterCallback(callback: Pointer): void {
  koffi.unregister(callback);
}

/**
 * Runs a task with the address of an `eidos_text_callback` that `next` stands behind: it gives a text in UTF-8, nothing at the end,
 * or a status other than 0. C must call it on this thread, within the task; it must not throw.
 */
export function withTextCallback<T>(next: () => Uint8Array | undefined | number, task: (callback: Pointer) => T): T {
  native(); // which sets koffi up, before anything uses it
  let current: Buffer | undefined;
  const callback = koffi.register((text: Pointer, length: Pointer) => {
    const given = next();
    if (typeof given === 'number') return given;
    if (given === undefined) return 0;
    current = Buffer.concat([given, Buffer.alloc(1)]); // which has an address where the text is empty
    koffi.encode(text, 'uint64_t', koffi.address(current));
    koffi.encode(length, 'uint64_t', BigInt(given.length));
    return 0;
  }, callbacks.eidos_text_callback);
  try {
    return task(callback);
  } finally {
    koffi.unregister(callback);
    current = undefined;
  }
}

/**
 * Runs a task with the address of an `eidos_reduce_callback` that `add` stands behind: it returns the sums of the values, or a
 * status other than 0. C must call it on this thread, within the task; it must not throw.
 */
export function withReduceCallback<T>(add: (values: Float64Array) => Float64Array | number, task: (callback: Pointer) => T): T {
  native(); // which sets koffi up, before anything uses it
  const callback = koffi.register((values: Pointer, count: number) => {
    const sums = add(Float64Array.from(koffi.decode(values, 'double', count) as ArrayLike<number>));
    if (typeof sums === 'number') return sums;
    koffi.encode(values, koffi.array('double', count, 'Typed'), sums);
    return 0;
  }, callbacks.eidos_reduce_callback);
  try {
    return task(callback);
  } finally {
    koffi.unregister(callback);
  }
}

/** Copies `count` 32-bit numbers. */
export function readIntegers(start: Pointer | null, count: number): Uint32Array {
  return start === null || count === 0 ? new Uint32Array(0) : Uint32Array.from(koffi.decode(start, 'uint32_t', count) as ArrayLike<number>);
}

function readRequest(request: Pointer): PlainRequest {
  const struct = koffi.decode(request, structs.eidos_chat_request.type) as ChatRequestStruct;
  return {
    system: readBytes(struct.system_prompt, 0, struct.system_prompt_len),
    user: readBytes(struct.user_prompt, 0, struct.user_prompt_len),
    schema: readBytes(struct.json_schema, 0, struct.json_schema_len),
    maxTokens: struct.max_tokens,
  };
}
