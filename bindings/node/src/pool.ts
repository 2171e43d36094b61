/**
 * A limit on the threads of libuv's pool that calls use. Node needs the pool too, for files and host names, so one thread is left
 * to it; further calls wait in a queue. This also stays below koffi's limit of calls in progress (256).
 */
import { onAbort } from './abort';

/** The threads that libuv has: `UV_THREADPOOL_SIZE`, by default 4. */
const UV_DEFAULT_POOL_SIZE = 4;
const UV_LARGEST_POOL_SIZE = 1024;
const KOFFI_LARGEST_CALL_COUNT = 256;

/** How many calls may run at the same time, when libuv's pool has the size that a variable says. */
export function slotCount(variable: string | undefined = process.env['UV_THREADPOOL_SIZE']): number {
  const wanted = Number.parseInt(variable ?? '', 10);
  const threads = Number.isNaN(wanted) ? UV_DEFAULT_POOL_SIZE : Math.min(Math.max(wanted, 1), UV_LARGEST_POOL_SIZE);
  return Math.min(Math.max(threads - 1, 1), KOFFI_LARGEST_CALL_COUNT);
}

/** A semaphore with a first-in, first-out queue. */
export class Slots {
  #free: number;
  readonly #waiting = new Set<() => void>();

  constructor(count: number) {
    this.#free = count;
  }

  /** Waits for a slot and takes it. Rejects with the signal's reason when that comes first. */
  async take(signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    if (this.#free > 0) {
      this.#free--;
      return;
    }
    await new Promise<void>((resolve, reject) => {
      const start = (): void => {
        forget();
        resolve();
      };
      const forget = onAbort(signal, () => {
        forget();
        this.#waiting.delete(start);
        reject(signal?.reason);
      });
      this.#waiting.add(start);
    });
  }

  /** Frees a slot, or passes it to the next waiting call. */
  give(): void {
    const [next] = this.#waiting;
    if (next === undefined) {
      this.#free++;
      return;
    }
    this.#waiting.delete(next);
    next();
  }
}

let slots: Slots | undefined;

/** Runs a task when there is a free thread. */
export async function withSlot<T>(signal: AbortSignal | undefined, task: () => Promise<T>): Promise<T> {
  slots ??= new Slots(slotCount());
  await slots.take(signal);
  try {
    return await task();
  } finally {
    slots.give();
  }
}
