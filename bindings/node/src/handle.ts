/**
 * Lifetimes of handles. A handle of the library is freed once, when nothing uses it any more: after `close()` or garbage
 * collection, and after the last long call and the last view of its memory have ended.
 */
import { inspect, type InspectOptionsStylized } from 'node:util';
import { isMainThread } from 'node:worker_threads';

import { wrongType } from './argument-errors';
import { EidosError } from './errors';
import { atExit } from './exit';
import { viewFloats, type Pointer } from './native';

// What `using` needs, for programs whose compiler or `lib` does not have it yet.
declare global {
  interface SymbolConstructor {
    readonly dispose: unique symbol;
    readonly asyncDispose: unique symbol;
  }
  interface Disposable {
    [Symbol.dispose](): void;
  }
  interface AsyncDisposable {
    [Symbol.asyncDispose](): PromiseLike<void>;
  }
}

/** Everything that is not freed yet on this thread. */
const resources = new Set<Resource>();

/** A handle of the library with the number of its users. It does not refer to the object that owns it. */
export class Resource {
  #pointer: Pointer | null;
  #free: (pointer: Pointer) => void;
  #calls = 0;
  #views = 0;
  #closed = false;

  constructor(pointer: Pointer, free: (pointer: Pointer) => void) {
    this.#pointer = pointer;
    this.#free = free;
    resources.add(this);
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** The address, for one call on this thread. */
  pointer(name: string): Pointer {
    if (this.#closed || this.#pointer === null) {
      throw new EidosError('invalid_handle', `this ${name} is closed`, 'use it before close(), or make another one');
    }
    return this.#pointer;
  }

  /** Keeps the handle for a call on another thread, until the function that it returns is called. */
  pinForCall(): () => void {
    this.#calls++;
    return () => {
      this.#calls--;
      this.#freeIfUnused();
    };
  }

  /** Keeps the handle for a view of its memory, until the function that it returns is called. */
  pinForView(): () => void {
    this.#views++;
    return () => {
      this.#views--;
      this.#freeIfUnused();
    };
  }

  /** Ends all use, except by calls and views that have pinned the handle. */
  close(): void {
    this.#closed = true;
    this.#freeIfUnused();
  }

  /** Ends all use: no view can be read any more. */
  closeWithViews(): void {
    this.#views = 0;
    this.close();
  }

  /** Gives up the handle: another owner frees it. */
  forget(): void {
    this.#closed = true;
    this.#pointer = null;
    resources.delete(this);
  }

  #freeIfUnused(): void {
    if (!this.#closed || this.#calls + this.#views > 0 || this.#pointer === null) return;
    const pointer = this.#pointer;
    this.forget();
    this.#free(pointer);
  }
}

const net = new FinalizationRegistry<Resource>((resource) => resource.close());
const viewNet = new FinalizationRegistry<() => void>((release) => release());

// When a worker ends, the process and the library live on. When the main thread does, there is nothing to do.
if (!isMainThread) {
  atExit((isLast) => resources.forEach((resource) => (isLast ? resource.closeWithViews() : resource.close())));
}

/** The base of the classes of this package: each owns memory of the library, and frees it once. */
export abstract class Handle implements Disposable, AsyncDisposable {
  readonly #resource: Resource;

  /** Only for this package, which alone has resources. */
  constructor(resource: Resource) {
    if (!(resource instanceof Resource)) {
      throw wrongType(`a ${new.target.name} is made by the functions of this package, not with new`);
    }
    this.#resource = resource;
    net.register(this, resource, this);
  }

  /** Whether `close()` was called. */
  get closed(): boolean {
    return this.#resource.closed;
  }

  /**
   * Frees the memory; without it, the garbage collector does so later. Calls in progress and views of the memory stay valid,
   * and the last of them frees it. Every other use of a closed object throws. Closing twice does nothing.
   */
  close(): void {
    net.unregister(this);
    this.#resource.close();
  }

  /** `close()`, for `using`. */
  [Symbol.dispose](): void {
    this.close();
  }

  /** `close()`, for `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
  }

  /** What there is to know at a glance, for `JSON.stringify`. */
  toJSON(): unknown {
    return this.summary();
  }

  /** @internal What `console.log` shows. */
  [inspect.custom](_depth: number, options: InspectOptionsStylized): string {
    if (this.closed) return `${this.constructor.name} (closed)`;
    return `${this.constructor.name} ${inspect(this.summary(), options)}`;
  }

  /** @internal What there is to know at a glance. */
  protected abstract summary(): object;

  /** @internal */
  static resourceOf(handle: Handle): Resource {
    return handle.#resource;
  }

  /** @internal */
  static owns(value: unknown): value is Handle {
    return typeof value === 'object' && value !== null && #resource in value;
  }
}

type HandleClass = abstract new (...args: never[]) => Handle;

/** The resource of an object, which must be of the given class and open. */
export function resourceOf(value: unknown, type: HandleClass): Resource {
  if (!(value instanceof type) || !Handle.owns(value)) {
    throw wrongType(`expected an object of class ${type.name}, got ${describe(value)}`);
  }
  const resource = Handle.resourceOf(value);
  resource.pointer(value.constructor.name);
  return resource;
}

/** The address behind an object, which must be of the given class and open. */
export function pointerOf(value: unknown, type: HandleClass): Pointer {
  return resourceOf(value, type).pointer(type.name);
}

function describe(value: unknown): string {
  if (value === null) return 'null';
  return typeof value === 'object' ? `an object of class ${value.constructor?.name ?? 'Object'}` : `a ${typeof value}`;
}

/** Buffers that refer to memory of the library. */
const sharedBuffers = new WeakSet<ArrayBufferLike>();

/** A view of memory that belongs to a resource, which lives at least as long as the view. */
export function viewOf(resource: Resource, start: Pointer | null, count: number): Float32Array {
  if (start === null || count === 0) return new Float32Array(0);
  const { values, shared } = viewFloats(start, count);
  if (shared) {
    sharedBuffers.add(values.buffer);
    forbidTransfer(values.buffer);
    viewNet.register(values.buffer, resource.pinForView());
  }
  return values;
}

/** Whether an array refers to memory of the library, which does not change and stays valid. */
export function isView(values: Float32Array): boolean {
  return sharedBuffers.has(values.buffer);
}

/** A transferred buffer would outlive the view that keeps the memory alive. Node forbids `postMessage`; this forbids the rest. */
function forbidTransfer(buffer: ArrayBufferLike): void {
  const value = (): never => {
    throw new TypeError('a view of memory of Eidos cannot be transferred; copy it with slice()');
  };
  Object.defineProperties(buffer, { transfer: { value }, transferToFixedLength: { value } });
}
