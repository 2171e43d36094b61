// Long calls: progress, cancelling, closing on the way, many at once.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import test, { after } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

import { Explainer, SplitModel } from '@eidos/eidos';

import {
  assertNothingLives,
  collectGarbage,
  demoTexts,
  endless,
  endlessActivations,
  loadDemo,
  ownActivations,
  rejection,
  runProgram,
  splitPoint,
} from './helpers.mjs';

const { slotCount, Slots } = createRequire(import.meta.url)('../dist/pool.js');

after(assertNothingLives);

test('progress goes forward', async () => {
  const model = await loadDemo();
  const reports = [];
  await model.activations(demoTexts, { onProgress: (progress) => reports.push(progress) });
  assert.ok(reports.length > 1);
  const last = reports.at(-1);
  assert.equal(last.stage, 'forward');
  assert.equal(last.done, last.total);
  assert.ok(last.elapsedSeconds > 0);
  const forward = reports.filter(({ stage }) => stage === 'forward').map(({ done }) => done);
  assert.deepEqual(forward, [...new Set(forward)].sort((a, b) => a - b));
});

test('messages of a level are told, before the call ends', async () => {
  const messages = [];
  const onLog = (message) => messages.push(message);
  const load = (options) => SplitModel.load('eidos:demo', { splitPoints: [splitPoint], ...options });
  (await load({ onLog })).close();
  assert.deepEqual(messages.map(({ level, target }) => [level, target]), [['info', 'model']]);
  assert.match(messages[0].text, /^loaded eidos:demo.*safetensors/);
  assert.ok(messages[0].elapsedSeconds >= 0);
  messages.length = 0;
  (await load({ onLog, logLevel: 'warning' })).close();
  (await load({ logLevel: 'debug' })).close();
  assert.equal(messages.length, 0);
});

test('an error of onLog ends the call', async () => {
  const error = new Error('no more paper');
  const onLog = () => {
    throw error;
  };
  assert.equal(await rejection(SplitModel.load('eidos:demo', { splitPoints: [splitPoint], onLog })), error);
  assert.equal((await rejection(SplitModel.load('eidos:demo', { onLog: 5 }))).constructor, TypeError);
  assert.equal((await rejection(SplitModel.load('eidos:demo', { logLevel: 'loud' }))).constructor, TypeError);
});

test('even a short call reports once', async () => {
  const reports = [];
  await SplitModel.load('eidos:demo', { splitPoints: [splitPoint], onProgress: (progress) => reports.push(progress) });
  assert.ok(reports.length > 0);
});

test('the event loop goes on during a call', async () => {
  let ticks = 0;
  const timer = setInterval(() => ticks++, 5);
  await (await loadDemo()).activations(demoTexts);
  clearInterval(timer);
  assert.ok(ticks > 5);
});

test('a signal cancels with its reason', async () => {
  const controller = new AbortController();
  const promise = Explainer.fitIca(endlessActivations(), { ...endless, signal: controller.signal });
  setTimeout(() => controller.abort(), 30);
  assert.equal((await rejection(promise)).name, 'AbortError');

  const reason = new Error('no longer wanted');
  const other = new AbortController();
  const onProgress = () => other.abort(reason);
  assert.equal(await rejection(Explainer.fitIca(endlessActivations(), { ...endless, signal: other.signal, onProgress })), reason);

  const timeout = Explainer.fitIca(endlessActivations(), { ...endless, signal: AbortSignal.timeout(30) });
  assert.equal((await rejection(timeout)).name, 'TimeoutError');
});

test('a signal that was aborted before', async () => {
  const signal = AbortSignal.abort();
  assert.equal((await rejection(SplitModel.load('eidos:demo', { signal }))).name, 'AbortError');
  assert.equal((await rejection((await loadDemo()).activations(demoTexts, { signal }))).name, 'AbortError');
});

test('a signal that is aborted right after the call', async () => {
  const controller = new AbortController();
  const promise = rejection(Explainer.fitIca(endlessActivations(), { ...endless, signal: controller.signal }));
  controller.abort();
  assert.equal((await promise).name, 'AbortError');
});

test('one signal for many calls', async () => {
  const controller = new AbortController();
  const activations = endlessActivations();
  const calls = Array.from({ length: 12 }, () => rejection(Explainer.fitIca(activations, { ...endless, signal: controller.signal })));
  setTimeout(() => controller.abort(), 50);
  assert.ok((await Promise.all(calls)).every(({ name }) => name === 'AbortError'));
});

test('an error of onProgress ends the call', async () => {
  const error = new Error('the bar is broken');
  const onProgress = () => {
    throw error;
  };
  assert.equal(await rejection(Explainer.fitIca(endlessActivations(), { ...endless, onProgress })), error);
  const short = SplitModel.load('eidos:demo', { splitPoints: [splitPoint], onProgress });
  assert.equal(await rejection(short), error);
});

test('closing what a call uses waits for the call', async () => {
  const model = await loadDemo();
  const collecting = model.activations(demoTexts);
  model.close();
  assert.throws(() => model.name, { code: 'invalid_handle' });
  const [activations] = await collecting;
  const fitting = Explainer.fitIca(activations, { conceptCount: 5, maxIterations: 20 });
  activations.close();
  const explainer = await fitting;
  assert.equal(explainer.conceptCount, 5);
});

test('what a call uses is not collected', async () => {
  const fitting = Explainer.fitIca(ownActivations(4000, 30), { conceptCount: 30, maxIterations: 40, tolerance: 1e-300 });
  for (let round = 0; round < 5; round++) await collectGarbage();
  assert.equal((await fitting).fitReport.steps, 40);
});

test('closing what waits for its turn', async () => {
  const controller = new AbortController();
  const busy = Array.from({ length: 4 }, () => rejection(Explainer.fitIca(endlessActivations(), { ...endless, signal: controller.signal })));
  const activations = ownActivations();
  const waiting = Explainer.fitIca(activations, { conceptCount: 2 });
  activations.close();
  await collectGarbage();
  controller.abort();
  await Promise.all(busy);
  assert.equal((await waiting).conceptCount, 2);
});

test('a thread of the pool is left to Node', async () => {
  const controller = new AbortController();
  const busy = Array.from({ length: 10 }, () => rejection(Explainer.fitIca(endlessActivations(), { ...endless, signal: controller.signal })));
  await sleep(50);
  const read = readFile(new URL(import.meta.url)).then(() => 'read');
  assert.equal(await Promise.race([read, sleep(5000, 'starved')]), 'read');
  controller.abort();
  await Promise.all(busy);
});

test('hundreds of calls wait for their turn', async () => {
  const activations = ownActivations(100, 4);
  const explainer = await Explainer.fitIca(activations, { conceptCount: 2 });
  const meanings = await Promise.all(Array.from({ length: 600 }, () => explainer.topInputs(activations, { k: 1 })));
  assert.ok(meanings.every((meaning) => meaning.conceptCount === 2));
});

test('many fits on one model at once', async () => {
  const model = await loadDemo();
  const counts = [2, 3, 4, 5];
  const fit = async (conceptCount) => {
    const [activations] = await model.activations(demoTexts.slice(0, 60), { threads: 1 });
    const explainer = await Explainer.fitIca(activations, { conceptCount, maxIterations: 20, threads: 1 });
    return explainer.dictionary.slice();
  };
  const together = await Promise.all(counts.map(fit));
  for (const [index, count] of counts.entries()) assert.deepEqual(together[index], await fit(count));
});

test('the number of slots', () => {
  assert.equal(slotCount(undefined), 3);
  assert.equal(slotCount(''), 3);
  assert.equal(slotCount('nonsense'), 3);
  assert.equal(slotCount('1'), 1);
  assert.equal(slotCount('0'), 1);
  assert.equal(slotCount('16'), 15);
  assert.equal(slotCount('100000'), 256);
});

test('slots are given in order, and not to who left', async () => {
  const slots = new Slots(1);
  await slots.take();
  assert.equal((await rejection(slots.take(AbortSignal.abort(new Error('too late'))))).message, 'too late');
  const order = [];
  const controller = new AbortController();
  const first = slots.take().then(() => order.push('first'));
  const left = rejection(slots.take(controller.signal));
  const third = slots.take().then(() => order.push('third'));
  controller.abort(new Error('left'));
  assert.equal((await left).message, 'left');
  slots.give();
  await first;
  slots.give();
  await third;
  slots.give();
  await slots.take();
  assert.deepEqual(order, ['first', 'third']);
});

test('the process can end during a call', () => {
  const { status, signal, stderr } = runProgram(`
    import { Activations, Explainer } from '@eidos/eidos';
    const rows = Float32Array.from({ length: 160000 }, (_, i) => Math.sin(i * i) ** 5);
    const activations = Activations.fromRows(rows, 40);
    Explainer.fitIca(activations, ${JSON.stringify(endless)});
    setTimeout(() => process.exit(7), 200);
  `);
  assert.deepEqual({ status, signal }, { status: 7, signal: null }, stderr);
});
