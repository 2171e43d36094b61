/**
 * A language model that is a function of the caller's. Each such chat has a worker, on which C is called and which sends each
 * request here (see `worker-questions.ts`). Nothing here blocks on the worker, so the function may use Eidos itself.
 */
import path from 'node:path';
import { MessageChannel, Worker, type MessagePort } from 'node:worker_threads';

import { onAbort } from './abort';
import type { Control } from './call';
import { checkedAnswer, type Answer, type ChatAnswer } from './chat-answer';
import { EidosError, throwIfFailed } from './errors';
import type { ChatOptionsStruct, LlmLabelsOptionsStruct } from './generated/abi';
import { handleIn, libraryFile, out } from './native';
import type { Out, PlainRequest, Pointer } from './native';
import { answerCount, sendAnswer, type AnswerCount } from './worker-questions';

/** The data that the worker starts with. */
export interface Start {
  readonly options: ChatOptionsStruct;
  readonly port: MessagePort;
  readonly answered: AnswerCount;
}

/** The arguments of a call of C on the worker. */
export interface LabelCall {
  readonly explainer: Pointer;
  readonly activations: Pointer;
  readonly chat: Pointer;
  readonly options: LlmLabelsOptionsStruct;
  readonly control: Pointer;
}

/** A message from the worker: a request, or the end of a call. The first call makes the chat. */
export type FromWorker = { readonly request: PlainRequest } | Outcome;

/** What a call returned, and the addresses that it wrote; 0 for none. */
interface Outcome {
  readonly status: number;
  readonly result: bigint;
  readonly error: bigint;
}

/** A message to the worker: a call to make, the answer to a request of that call, or the order to end. */
export type ToWorker = LabelCall | 'end';

/** An answer, or why there is none. */
export type Reply = ChatAnswer | Failure;

interface Failure {
  readonly status: number;
  readonly message: string;
}

/** Receives the messages of the worker during one call. */
interface Listener {
  readonly request: (request: PlainRequest) => void;
  readonly outcome: (outcome: Outcome) => void;
  readonly end: (reason: Error) => void;
}

/** The worker of a chat, and the chat that it has made. It refers neither to the object that owns it nor to the function. */
export class OwnModel {
  readonly #port: MessagePort;
  readonly #worker: Worker;
  readonly #answered = answerCount();
  #listener: Listener | undefined;
  #ended: Error | undefined;
  #last: Promise<unknown> = Promise.resolve();

  private constructor(options: ChatOptionsStruct) {
    const { port1, port2 } = new MessageChannel();
    this.#port = port1;
    this.#worker = new Worker(path.join(__dirname, 'own-model-worker.js'), {
      workerData: { options, port: port2, answered: this.#answered } satisfies Start,
      transferList: [port2],
      // The worker must load the same library, whose handles it uses. Options of the program, such as loaders, do not apply to it.
      env: { EIDOS_LIBRARY: libraryFile() },
      execArgv: [],
    });
    port1.on('message', (message: FromWorker) => {
      if ('request' in message) this.#listener?.request(message.request);
      else this.#listener?.outcome(message);
    });
    this.#worker.on('error', (error: Error) => this.#end(error));
    this.#worker.on('exit', () => this.#end(new Error('the thread that requests labels was ended')));
  }

  /** Starts the worker, which makes the chat; its address is written to `chat`. */
  static async start(options: ChatOptionsStruct, chat: Out): Promise<OwnModel> {
    const model = new OwnModel(options);
    const [result, error] = [out(), out()];
    try {
      throwIfFailed(await model.#next(result, error), error);
    } catch (failure) {
      model.close();
      throw failure;
    }
    chat[0] = handleIn(result);
    return model;
  }

  /** Makes a call after those before it have ended. `onRequest` receives the requests, and sends each answer. */
  async run(
    call: LabelCall,
    onRequest: (request: PlainRequest, send: (reply: Reply) => void) => void,
    result: Out,
    error: Out,
  ): Promise<number> {
    const turn = this.#last.then(() => this.#next(result, error, onRequest, call));
    this.#last = turn.catch(() => undefined);
    return turn;
  }

  /** Ends the worker, which must not be in a call. */
  close(): void {
    this.#port.postMessage('end' satisfies ToWorker);
  }

  /** Waits for the end of one call of the worker, which keeps the process alive meanwhile. */
  async #next(
    result: Out,
    error: Out,
    onRequest?: (request: PlainRequest, send: (reply: Reply) => void) => void,
    call?: LabelCall,
  ): Promise<number> {
    if (this.#ended) throw this.#ended;
    this.#port.ref();
    this.#worker.ref();
    try {
      const outcome = await new Promise<Outcome>((resolve, reject) => {
        this.#listener = {
          request: (request) => onRequest?.(request, (reply) => this.#send(reply)),
          outcome: resolve,
          end: reject,
        };
        if (call) this.#port.postMessage(call satisfies ToWorker);
      });
      result[0] = outcome.result;
      error[0] = outcome.error;
      return outcome.status;
    } finally {
      this.#listener = undefined;
      this.#port.unref();
      this.#worker.unref();
    }
  }

  #send(reply: Reply): void {
    sendAnswer(this.#port, this.#answered, reply);
  }

  #end(reason: Error): void {
    this.#ended ??= reason;
    this.#listener?.end(reason);
    this.#port.close();
  }
}

/** A call of `eidos_llm_labels_interpret` with a function as model. */
export class OwnModelCall {
  readonly #answer: Answer;
  #requestCount = 0;
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

  run(model: OwnModel, call: Omit<LabelCall, 'control'>, control: Control, result: Out, error: Out): Promise<number> {
    const onRequest = (request: PlainRequest, send: (reply: Reply) => void) => this.#reply(request, control.cancelled, send);
    return model.run({ ...call, control: control.pointer }, onRequest, result, error);
  }

  /** Sends one answer: that of the function, or at once that the call is cancelled. */
  #reply(request: PlainRequest, signal: AbortSignal, send: (reply: Reply) => void): void {
    const isFirst = this.#requestCount++ === 0;
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
    const answer = async () => checkedAnswer(await this.#answer({ ...request, signal }));
    answer().then(sendOnce, failed);
  }
}

function failureOf(reason: unknown): Failure {
  const status = reason instanceof EidosError ? reason.status : statusOf('unusable_answer');
  const message = reason instanceof Error ? reason.message || reason.name : describe(reason);
  return { status, message: message.replaceAll('\0', ' ').toWellFormed() };
}

/** Describes a thrown value that is not an error. */
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
