// Inputs that are larger than the blocks that koffi copies small ones to.
import assert from 'node:assert/strict';
import test, { after } from 'node:test';

import { Activations, Explainer, SplitModel } from '@eidos/eidos';

import { assertNothingLives, heavyRows, loadDemo, rejection } from './helpers.mjs';

after(assertNothingLives);

test('hundreds of thousands of units', async () => {
  const count = 300_000;
  const units = Array.from({ length: count }, (_, row) => `row ${row} é😀`);
  const activations = Activations.fromRows(heavyRows(count, 2), 2, { units });
  assert.equal(activations.rowCount, count);
  for (let row = 0; row < count; row += 997) assert.equal(activations.unit(row), units[row]);
  const explainer = await Explainer.fitIca(activations, { conceptCount: 2 });
  const meaning = await explainer.topInputs(activations, { k: 2 });
  for (const { positive } of meaning) for (const { row, text } of positive) assert.equal(text, units[row]);
});

test('tens of thousands of texts', async () => {
  const inputs = Array.from({ length: 30_000 }, (_, index) => (index % 1000 === 0 ? `text ${index}` : ''));
  const [activations] = await (await loadDemo()).activations(inputs);
  assert.equal(activations.textCount, inputs.length);
  assert.equal(activations.text(29_000), 'text 29000');
});

test('long strings', async () => {
  const long = 'x'.repeat(300_000);
  assert.equal((await rejection(SplitModel.load('eidos:demo', { splitPoints: [long] }))).code, 'unknown_module');
  for (const call of [SplitModel.load(`/${long}`), SplitModel.load('eidos:demo', { head: 'base', cacheFolder: long, splitPoints: [0] })]) {
    const result = await call.catch((error) => error);
    assert.ok(result instanceof SplitModel || result.code, String(result));
  }
  const text = 'a word '.repeat(20_000).trim();
  const [activations] = await (await loadDemo()).activations([text], { granularity: 'sample' });
  assert.equal(activations.truncatedCount, 1);
  assert.equal(activations.text(0), text);
});

test('many concepts by number', async () => {
  const activations = Activations.fromRows(heavyRows(100, 3), 3);
  const explainer = await Explainer.fitIca(activations, { conceptCount: 3 });
  const concepts = Array.from({ length: 100_000 }, (_, index) => index % 3);
  const meaning = await explainer.topInputs(activations, { k: 1, concepts }).catch((error) => error);
  assert.ok(meaning.conceptCount === 100_000 || meaning.code === 'invalid_argument', String(meaning));
});
