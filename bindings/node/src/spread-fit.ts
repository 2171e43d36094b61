/**
 * Fits on rows that are spread over several processes. C adds its sums with a function of the caller's, which may be
 * asynchronous: so the fit runs on a worker (see `worker-questions.ts`).
 */
import path from 'node:path';
import { Worker } from 'node:worker_threads';

import type { Control } from './call';
import { libraryFile } from './native';
import type { FitName, Out, Pointer } from './native';
import { answerCount, sendAnswer, unlessAborted, type AnswerCount } from './worker-questions';

/**
 * Replaces values by their sums over all processes, in place and with the same bits in each of them, as `MPI_Allreduce` does. It
 * may return a promise.
 */
export type Reduce = (values: Float64Array) => void | PromiseLike<void>;

/** @internal The arguments of the calls of C on the worker. */
export interface SpreadFitCall {
  readonly activations: Pointer;
  readonly fit: FitName;
  readonly options: object;
  readonly control: Pointer;
  readonly answered: AnswerCount;
}

/** A message from the worker: values to add across processes, or the end of the call. */
export type FromFit = Float64Array | { readonly status: number; readonly result: bigint; readonly error: bigint };

/** The answer to values: their sums, or why there are none. */
export type Sums = Float64Array | 'thrown' | 'cancelled';

/** @internal A fit with a function of the caller's. */
export class SpreadFit {
  readonly #reduce: Reduce;
  #thrown: { readonly reason: unknown } | undefined;

  constructor(reduce: Reduce) {
    this.#reduce = reduce;
  }

  /** What the function threw, where the fit failed because of it. */
  explain(error: unknown): unknown {
    return this.#thrown ? this.#thrown.reason : error;
  }

  run(call: Omit<SpreadFitCall, 'answered' | 'control'>, control: Control, result: Out, error: Out): Promise<number> {
    const answered = answerCount();
    const worker = new Worker(path.join(__dirname, 'spread-fit-worker.js'), {
      workerData: { ...call, control: control.pointer, answered } satisfies SpreadFitCall,
      // The handles are of this library. Options of the program, such as loaders, do not apply to the worker.
      env: { EIDOS_LIBRARY: libraryFile() },
      execArgv: [],
    });
    const answer = async (values: Float64Array): Promise<void> => {
      sendAnswer(worker, answered, await unlessAborted(this.#sum(values), control.cancelled));
    };
    return new Promise<number>((resolve, reject) => {
      worker.on('message', (message: FromFit) => {
        if (message instanceof Float64Array) return void answer(message);
        result[0] = message.result;
        error[0] = message.error;
        resolve(message.status);
      });
      worker.once('error', reject);
      worker.once('exit', () => reject(new Error('the thread that fits was ended')));
    });
  }

  async #sum(values: Float64Array): Promise<Float64Array | 'thrown'> {
    try {
      await this.#reduce(values);
      return values;
    } catch (reason) {
      this.#thrown = { reason };
      return 'thrown';
    }
  }
}
