/** The worker of `spread-fit.ts`: it calls C, which fits, and its thread sleeps while values are added across processes. */
import { parentPort, workerData } from 'node:worker_threads';

import { statuses } from './generated/abi';
import { handleIn, native, out, withReduceCallback, type Fit } from './native';
import type { SpreadFitCall, Sums } from './spread-fit';
import { questions } from './worker-questions';

const { activations, fit, options, control, answered } = workerData as SpreadFitCall;
const ask = questions<Float64Array, Sums>(parentPort!, answered);

/** The callback of C, which must not throw. */
function add(values: Float64Array): Float64Array | number {
  try {
    const sums = ask(values);
    if (sums === 'thrown') return statuses.io;
    return sums === 'cancelled' ? statuses.cancelled : sums;
  } catch {
    return statuses.internal;
  }
}

const [share, result, error] = [out(), out(), out()];
const status = withReduceCallback(add, (callback) => {
  const made = native().eidos_activations_spread(activations, callback, null, null, share, error);
  if (made !== 0) return made;
  const fitted = (native()[fit] as Fit<object>)(handleIn(share), options, control, result, error);
  native().eidos_activations_free(handleIn(share));
  return fitted;
});
parentPort!.postMessage({ status, result: result[0]!, error: error[0]! });
