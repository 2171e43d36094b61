/**
 * Texts that come one after the other. C asks for the next one, and the iterable may be asynchronous: so the call runs on a worker
 * (see `worker-questions.ts`).
 */
import path from 'node:path';
import { Worker } from 'node:worker_threads';

import { anyText } from './arguments';
import type { Control } from './call';
import type { ActivationsOptionsStruct } from './generated/abi';
import { libraryFile } from './native';
import type { Out, Pointer } from './native';
import { answerCount, sendAnswer, unlessAborted, type AnswerCount } from './worker-questions';

/** @internal What the worker calls C with. */
export interface StreamCall {
  readonly model: Pointer;
  readonly interventions: Pointer | null;
  readonly options: ActivationsOptionsStruct;
  readonly control: Pointer;
  /** How many results there are. */
  readonly count: number;
  readonly sent: AnswerCount;
}

/** What the worker says: it wants the next texts, or the call has ended. */
export type FromStream = 'more' | { readonly status: number; readonly results: BigUint64Array; readonly error: bigint };

/** What it hears: texts, of which the last ones are there when `done`, or why there are no more. */
export type Texts = { readonly texts: readonly string[]; readonly done: boolean } | 'thrown' | 'cancelled';

/** How many texts of an iterable that gives them at once travel together. */
const TEXTS_AT_A_TIME = 64;

/** A call of `eidos_split_model_stream_activations` that reads an iterable. It writes where C would. */
export class TextSourceCall {
  readonly #next: () => Promise<Texts>;
  #close: () => void;
  #thrown: { readonly reason: unknown } | undefined;

  constructor(texts: Iterable<string> | AsyncIterable<string>) {
    const [next, close] = reader(texts);
    this.#next = next;
    this.#close = close;
  }

  /** What the iterable threw, where the call failed because of it. */
  explain(error: unknown): unknown {
    return this.#thrown ? this.#thrown.reason : error;
  }

  run(call: Omit<StreamCall, 'sent' | 'control' | 'count'>, control: Control, results: Out, error: Out): Promise<number> {
    const sent = answerCount();
    const worker = new Worker(path.join(__dirname, 'text-source-worker.js'), {
      workerData: { ...call, control: control.pointer, count: results.length, sent } satisfies StreamCall,
      // The handles are of this library. Options of the program, such as loaders, are not for this worker.
      env: { EIDOS_LIBRARY: libraryFile() },
      execArgv: [],
    });
    const reply = async (): Promise<void> => {
      sendAnswer(worker, sent, await unlessAborted(this.#read(), control.cancelled));
    };
    return new Promise<number>((resolve, reject) => {
      worker.on('message', (message: FromStream) => {
        if (message === 'more') return void reply();
        results.set(message.results);
        error[0] = message.error;
        resolve(message.status);
      });
      worker.once('error', reject);
      worker.once('exit', () => reject(new Error('the thread that reads texts was ended')));
    }).finally(() => this.#close());
  }

  async #read(): Promise<Texts> {
    try {
      return await this.#next();
    } catch (reason) {
      this.#thrown = { reason };
      return 'thrown';
    }
  }
}

/** A function that gives the next texts of an iterable, and one that ends it early. */
function reader(texts: Iterable<string> | AsyncIterable<string>): [() => Promise<Texts>, () => void] {
  let count = 0;
  const checked = (value: unknown): string => anyText(`text ${count++}`, value);
  let isDone = false;
  if (Symbol.asyncIterator in texts) {
    const iterator = texts[Symbol.asyncIterator]();
    const next = async (): Promise<Texts> => {
      const { value, done } = await iterator.next();
      isDone = done === true;
      return isDone ? { texts: [], done: true } : { texts: [checked(value)], done: false };
    };
    return [next, () => void (isDone || iterator.return?.()?.catch(() => undefined))];
  }
  const iterator = texts[Symbol.iterator]();
  const next = async (): Promise<Texts> => {
    const found: string[] = [];
    while (!isDone && found.length < TEXTS_AT_A_TIME) {
      const { value, done } = iterator.next();
      isDone = done === true;
      if (!isDone) found.push(checked(value));
    }
    return { texts: found, done: isDone };
  };
  return [next, () => void (isDone || iterator.return?.())];
}
