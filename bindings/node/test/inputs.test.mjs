// Texts as a model reads them, and texts that come one after the other.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import path from 'node:path';
import test, { after } from 'node:test';

import { Activations, Interventions, SplitModel } from '@eidos/eidos';

import { assertNothingLives, demoTexts, rejection, temporaryFolder } from './helpers.mjs';

after(assertNothingLives);

const texts = demoTexts.slice(0, 40);
const load = (splitPoints = ['model.layers.2.mlp']) => SplitModel.load('eidos:demo', { splitPoints });
const rowsOf = async (activations) => (await activations)[0].copyRows();

test('inputs serve for several calls', async () => {
  const [model, other] = [await load(), await load([1])];
  const inputs = await model.inputs(texts, { threads: 2 });
  assert.equal(inputs.textCount, 40);
  assert.equal(inputs.text(3), texts[3]);
  assert.deepEqual([...inputs.tokenIds(3)], model.tokens(texts[3]).map(({ id }) => id));
  assert.equal(inputs.tokenCount, texts.reduce((sum, text) => sum + model.tokens(text).length, 0));
  assert.equal(inputs.truncatedCount, 0);
  assert.deepEqual(await rowsOf(model.activations(inputs)), await rowsOf(model.activations(texts)));
  assert.deepEqual(await rowsOf(other.activations(inputs)), await rowsOf(other.activations(texts)));
  assert.equal(model.inputsFromTokenIds([inputs.tokenIds(0)]).text(0), undefined);
  assert.equal(model.inputsFromVocabulary().textCount, model.vocabularySize);
  assert.throws(() => inputs.text(40), RangeError);
  await assert.rejects(model.inputs('a text'), TypeError);
  await assert.rejects(model.inputs([]), { code: 'invalid_argument' });
  inputs.close();
  await assert.rejects(model.activations(inputs), { code: 'invalid_handle' });
});

test('an estimate says the rows that come', async () => {
  const model = await load();
  const [activations] = await model.activations(texts);
  const estimate = await model.estimate(texts);
  assert.deepEqual([estimate.textCount, estimate.rowCount, estimate.onDisk], [40, activations.rowCount, false]);
  assert.equal(estimate.rowBytes, 4 * activations.rowCount * activations.columnCount);
  assert.equal(estimate.tokenCount, (await model.inputs(texts)).tokenCount);
  assert.ok(estimate.seconds > 0 && estimate.sampledTokenCount <= estimate.tokenCount);
  assert.equal((await model.estimate(texts, { memoryLimit: 0 })).onDisk, true);
  await assert.rejects(model.estimate(texts, { signal: AbortSignal.abort() }), { name: 'AbortError' });
});

test('a NUL is a character like others', async () => {
  const model = await load();
  assert.equal((await model.inputs(['fine', 'a\0b'])).text(1), 'a\0b');
  const [activations] = await model.activations(['a\0b']);
  assert.equal(activations.text(0), 'a\0b');
  const [streamed] = await model.streamActivations(['a\0b', '']);
  assert.deepEqual([streamed.textCount, streamed.text(0), streamed.text(1)], [2, 'a\0b', '']);
});

test('a stream gives what its texts at once give', async () => {
  const model = await load();
  const expected = await rowsOf(model.activations(texts));
  async function* slowly() {
    for (const text of texts) {
      await new Promise((resolve) => setImmediate(resolve));
      yield text;
    }
  }
  assert.deepEqual(await rowsOf(model.streamActivations(texts)), expected);
  assert.deepEqual(await rowsOf(model.streamActivations(new Set(texts).values())), expected);
  assert.deepEqual(await rowsOf(model.streamActivations(slowly())), expected);
  assert.equal((await (await load([1, 2])).streamActivations(texts)).length, 2);
  const [split] = model.splitPoints;
  const steer = new Interventions().addDirection(split.path, expected.slice(0, split.width), 2);
  const steered = await rowsOf(model.activations(texts, { interventions: steer }));
  assert.notDeepEqual(steered, expected);
  assert.deepEqual(await rowsOf(model.streamActivations(texts, { interventions: steer })), steered);
  await assert.rejects(model.streamActivations([]), { code: 'invalid_argument' });
  await assert.rejects(model.streamActivations('a text'), TypeError);
  await assert.rejects(model.streamActivations([1]), TypeError);
});

test('what an iterable throws is what the promise rejects with, and the same texts go on from there', async () => {
  const model = await load();
  const folder = path.join(temporaryFolder(), 'rows');
  const options = { folder, shardBytes: 8192 };
  const reason = new Error('the line is cut');
  let isEnded = false;
  async function* failing() {
    try {
      yield* texts.slice(0, 38);
      throw reason;
    } finally {
      isEnded = true;
    }
  }
  assert.equal(await rejection(model.streamActivations(failing(), options)), reason);
  assert.ok(isEnded && existsSync(path.join(folder, 'rows-00000.safetensors')));
  await assert.rejects(Activations.open(folder), { code: 'invalid_file' });
  const [resumed] = await model.streamActivations(texts, options);
  assert.deepEqual(resumed.copyRows(), await rowsOf(model.activations(texts)));
  await assert.rejects(model.streamActivations([...texts].reverse(), options), { code: 'mismatch' });
});

test('a stream can be cancelled while it waits for a text', async () => {
  const model = await load();
  const [controller, reason] = [new AbortController(), new Error('enough')];
  async function* endless() {
    yield 'a text';
    setTimeout(() => controller.abort(reason), 20);
    await new Promise(() => undefined);
  }
  assert.equal(await rejection(model.streamActivations(endless(), { signal: controller.signal })), reason);
});
