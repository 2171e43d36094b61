/** The thread of `text-source.ts`: it calls C, which asks for texts; and while it waits for one it does nothing else. */
import { parentPort, workerData } from 'node:worker_threads';

import { statuses } from './generated/abi';
import { native, out, withTextCallback } from './native';
import type { FromStream, StreamCall, Texts } from './text-source';
import { questions } from './worker-questions';

const port = parentPort!;
const { model, interventions, options, control, count, sent } = workerData as StreamCall;
const waiting: string[] = [];
const ask = questions<FromStream, Texts>(port, sent);
let isDone = false;

function say(message: FromStream): void {
  port.postMessage(message);
}

/** The callback of C: no exception may leave it. */
function next(): Buffer | undefined | number {
  try {
    while (waiting.length === 0) {
      if (isDone) return undefined;
      const said = ask('more');
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
  native().eidos_split_model_stream_activations(
    model, callback, null, interventions, options, control, results, count, error,
  ),
);
say({ status, results, error: error[0]! });
