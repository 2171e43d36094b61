/**
 * Questions of a worker to the thread of the caller. C waits for what it calls back, but a JavaScript function may be
 * asynchronous, and koffi does not wait for promises. So a call of C that calls back runs on a worker, which sends each question
 * to the thread of the caller and sleeps until the answer has arrived. Nothing there waits for the worker.
 */
import { receiveMessageOnPort, type MessagePort } from 'node:worker_threads';

import { onAbort } from './abort';

/** How many answers were sent so far, in memory that both threads see. */
export type AnswerCount = Int32Array;

/** No answer yet. */
export function answerCount(): AnswerCount {
  return new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
}

/** On the thread of the caller: sends an answer, and wakes the worker. */
export function sendAnswer(worker: { postMessage(message: unknown): void }, count: AnswerCount, answer: unknown): void {
  worker.postMessage(answer);
  Atomics.add(count, 0, 1);
  Atomics.notify(count, 0);
}

/** What a promise gives; or `cancelled` as soon as the signal aborts, since nobody waits for the promise any more. */
export function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T | 'cancelled'> {
  return new Promise((resolve, reject) => {
    const forget = onAbort(signal, () => resolve('cancelled'));
    if (signal.aborted) resolve('cancelled');
    promise.then(resolve, reject).finally(forget);
  });
}

/** On the worker: a function that sends a question and sleeps until its answer has arrived. */
export function questions<Question, Answer>(port: MessagePort, count: AnswerCount): (question: Question) => Answer {
  let received = 0;
  return (question) => {
    port.postMessage(question);
    while (Atomics.load(count, 0) === received) Atomics.wait(count, 0, received);
    received++;
    return receiveMessageOnPort(port)!.message as Answer;
  };
}
