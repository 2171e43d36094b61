/**
 * Labels by a function of the caller. C calls it and waits for the answer, but a JavaScript function may be asynchronous, and
 * koffi waits for no promise. So the call runs on a worker, which sends each question here and sleeps until the answer is
 * there. Nothing here ever waits for the worker, so the function may use Eidos itself.
 */
import path from 'node:path';
import { Worker } from 'node:worker_threads';

import { onAbort } from './abort';
import type { Control } from './call';
import { checkedAnswer, type Answer, type ChatAnswer } from './chat';
import { EidosError } from './errors';
import type { ChatOptionsStruct, LlmLabelsOptionsStruct } from './generated/abi';
import { libraryFile } from './native';
import type { Out, Pointer, Question } from './native';

/** What the worker calls C with. */
export interface LabelCall {
  readonly explainer: Pointer;
  readonly activations: Pointer;
  readonly chat: ChatOptionsStruct;
  readonly options: LlmLabelsOptionsStruct;
  readonly control: Pointer;
  /** How many answers were sent so far, in memory that both threads see. */
  readonly answered: Int32Array;
}

/** What the worker says: it has a question, or the call has ended. */
export type FromWorker = { readonly question: Question } | Outcome;

/** What the call returned, and the addresses that it wrote; 0 for none. */
interface Outcome {
  readonly status: number;
  readonly result: bigint;
  readonly error: bigint;
}

/** What it hears: an answer, or why there is none. */
export type Reply = ChatAnswer | Failure;

interface Failure {
  readonly status: number;
  readonly message: string;
}

/** A call of `eidos_llm_labels_interpret` that asks a function. It writes where C would. */
export class OwnModelCall {
  readonly #answer: Answer;
  #asked = 0;
  #firstFailure: { readonly reason: unknown } | undefined;

  constructor(answer: Answer) {
    this.#answer = answer;
  }

  /** Adds what the function threw to the error of a call that failed because of it: C gives the first error. */
  explain(error: unknown): unknown {
    const cause = this.#firstFailure;
    if (cause && error instanceof EidosError && error.code !== 'cancelled') error.cause = cause.reason;
    return error;
  }

  run(call: Omit<LabelCall, 'answered' | 'control'>, control: Control, result: Out, error: Out): Promise<number> {
    const answered = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
    const worker = new Worker(path.join(__dirname, 'own-model-worker.js'), {
      workerData: { ...call, control: control.pointer, answered } satisfies LabelCall,
      // The handles are of this library. Options of the program, such as loaders, are not for this worker.
      env: { EIDOS_LIBRARY: libraryFile() },
      execArgv: [],
    });
    const send = (reply: Reply): void => {
      worker.postMessage(reply);
      Atomics.add(answered, 0, 1);
      Atomics.notify(answered, 0);
    };
    return new Promise((resolve, reject) => {
      worker.on('message', (message: FromWorker) => {
        if ('question' in message) return this.#reply(message.question, control.cancelled, send);
        result[0] = message.result;
        error[0] = message.error;
        resolve(message.status);
      });
      worker.once('error', reject);
      worker.once('exit', () => reject(new Error('the thread that asks for labels was ended')));
    });
  }

  /** Sends one answer: that of the function, or at once that the call is cancelled. */
  #reply(question: Question, signal: AbortSignal, send: (reply: Reply) => void): void {
    const isFirst = this.#asked++ === 0;
    const cancelled = { status: statusOf('cancelled'), message: 'the call was cancelled' };
    if (signal.aborted) return send(cancelled);
    let isOpen = true;
    const sendOnce = (reply: Reply): void => {
      if (isOpen) send(reply);
      isOpen = false;
      forget();
    };
    const forget = onAbort(signal, () => sendOnce(cancelled));
    const failed = (reason: unknown): void => {
      if (isFirst && isOpen) this.#firstFailure = { reason };
      sendOnce(failureOf(reason));
    };
    const ask = async () => checkedAnswer(await this.#answer({ ...question, signal }));
    ask().then(sendOnce, failed);
  }
}

function failureOf(reason: unknown): Failure {
  const status = reason instanceof EidosError ? reason.status : statusOf('unusable_answer');
  const message = reason instanceof Error ? reason.message || reason.name : describe(reason);
  return { status, message: message.replaceAll('\0', ' ').toWellFormed() };
}

/** What was thrown that is no error. */
function describe(reason: unknown): string {
  try {
    return String(reason);
  } catch {
    return 'it threw something that is no error';
  }
}

function statusOf(code: EidosError['code']): number {
  return new EidosError(code, '').status;
}
