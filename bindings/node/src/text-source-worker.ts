/** The thread of `text-source.ts`: it calls C, which asks for texts; and while it waits for one it does nothing else. */
import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';

import { statuses } from './generated/abi';
import { native, out, withTextCallback } from './native';
import type { FromStream, StreamCall, Texts } from './text-source';

const port = parentPort!;
const { model, options, control, count, sent } = workerData as StreamCall;
const waiting: string[] = [];
let [asked, isDone] = [0, false];

function say(message: FromStream): void {
  port.postMessage(message);
}

/** Asks the thread of the caller for texts, and sleeps until they are there. */
function ask(): Texts {
  say('more');
  while (Atomics.load(sent, 0) === asked) Atomics.wait(sent, 0, asked);
  asked++;
  return receiveMessageOnPort(port)!.message as Texts;
}

/** The callback of C: no exception may leave it. */
function next(): Buffer | undefined | number {
  try {
    while (waiting.length === 0) {
      if (isDone) return undefined;
      const said = ask();
      if (said === 'thrown') return statuses.io;
      if (said === 'cancelled') return statuses.cancelled;
      waiting.push(...said.texts);
      isDone = said.done;
    }
    return Buffer.from(waiting.shift()!);
  } catch {
    return statuses.internal;
  }
}

const [results, error] = [out(count), out()];
const status = withTextCallback(next, (callback) =>
  native().eidos_split_model_stream_activations(model, callback, null, options, control, results, count, error),
);
say({ status, results, error: error[0]! });
