// Several workers use the library at once.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import test, { after } from 'node:test';
import { Worker } from 'node:worker_threads';

import { debugLiveHandles, Explainer } from '@eidos/eidos';

import { assertNothingLives, loadDemo, runProgram, texts } from './helpers.mjs';

after(assertNothingLives);

async function fitInWorker(conceptCount, close) {
  const worker = new Worker(new URL('worker.mjs', import.meta.url), { workerData: { conceptCount, close } });
  const exit = once(worker, 'exit');
  const [dictionary] = await once(worker, 'message');
  assert.deepEqual(await exit, [0]);
  return dictionary;
}

async function fitHere(conceptCount) {
  const [activations] = await (await loadDemo()).activations(texts);
  return (await Explainer.fitIca(activations, { conceptCount, maxIterations: 20 })).dictionary;
}

test('workers fit at the same time as the main thread', async () => {
  const counts = [2, 3, 4, 5];
  const [here, ...there] = await Promise.all([fitHere(2), ...counts.map((count) => fitInWorker(count, true))]);
  assert.deepEqual(here, there[0]);
  for (const [index, count] of counts.entries()) assert.deepEqual(there[index], await fitHere(count));
});

test('a worker that ends frees what it did not close', async () => {
  await assertNothingLives();
  await fitInWorker(2, false);
  assert.equal(debugLiveHandles(), 0);
});

/** A process that starts a worker in the middle of a call, and then runs `program`. */
function withBusyWorker(busy, program) {
  return runProgram(`
    import { once } from 'node:events';
    import { Worker } from 'node:worker_threads';
    import { version } from '@eidos/eidos';
    const file = new URL(${JSON.stringify(new URL('worker.mjs', import.meta.url).href)});
    const worker = new Worker(file, { workerData: ${JSON.stringify({ busy })}, execArgv: [] });
    ${program}
    console.log('alive', version());
  `);
}

test('a worker that is terminated during a call waits for it, and the process goes on', () => {
  const busy = { options: { maxIterations: 100 } };
  const { status, signal, stdout, stderr } = withBusyWorker(busy, `await once(worker, 'message'); await worker.terminate();`);
  assert.deepEqual({ status, signal }, { status: 0, signal: null }, stderr);
  assert.match(stdout, /^alive/);
});

test('a worker that exits during a call cancels it', () => {
  const { status, signal, stdout, stderr } = withBusyWorker({ exit: true }, `await once(worker, 'exit');`);
  assert.deepEqual({ status, signal }, { status: 0, signal: null }, stderr);
  assert.match(stdout, /^alive/);
});
