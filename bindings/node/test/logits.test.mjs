// Logits, from the start of a model and from the rows of a module.
import assert from 'node:assert/strict';
import test, { after } from 'node:test';

import { Activations, SplitModel } from '@eidos/eidos';

import { assertNothingLives } from './helpers.mjs';

after(assertNothingLives);

const films = ['a warm and funny film', 'what a waste of two hours'];
const path = 'model.layers.1';

test('rows that were captured lead to the same logits, others to others', async () => {
  const model = await SplitModel.load('eidos:demo', { splitPoints: [1], whole: true });
  const logits = await model.logits(films);
  assert.equal(logits.columnCount, model.logitCount);
  assert.equal(logits.granularity, 'all_tokens');
  const before = logits.copyRows(0, logits.rowCount);
  const [activations] = await model.activations(films, { granularity: 'all_tokens' });
  const rows = activations.copyRows(0, activations.rowCount);
  const again = await model.logitsFrom(path, rows, activations.columnCount, films);
  assert.deepEqual(again.copyRows(0, again.rowCount), before);
  rows[0] += 10;
  const changed = await model.logitsFrom(1, rows, activations.columnCount, films, { threads: 1 });
  assert.notDeepEqual(changed.copyRows(0, changed.rowCount), before);
  rows[0] = NaN;
  const from = (where, texts) => model.logitsFrom(where, rows, activations.columnCount, texts);
  await assert.rejects(from(path, films), { code: 'invalid_data', message: /row 0, column 0/ });
  await assert.rejects(model.logitsFrom(path, rows, 7, films), RangeError);
  rows[0] = 0;
  await assert.rejects(from('model.layers.9', films), { code: 'unknown_module' });
  await assert.rejects(from(path, films.slice(1)), { code: 'invalid_argument', message: /tokens/ });
});

test('activations lead to the same logits, in memory and on disk, and nothing else is taken for them', async () => {
  const model = await SplitModel.load('eidos:demo', { splitPoints: [1], whole: true });
  const before = (await model.logits(films)).copyRows();
  const [activations] = await model.activations(films, { granularity: 'all_tokens' });
  const [spilled] = await model.activations(films, { granularity: 'all_tokens', memoryLimit: 1, shardBytes: 4096 });
  assert.ok(spilled.isOnDisk);
  assert.throws(() => spilled.rows(), { code: 'invalid_argument', message: /shard/ });
  const own = Activations.fromRows(activations.copyRows(), activations.columnCount);
  for (const rows of [activations, spilled, own]) {
    assert.deepEqual((await model.logitsFrom(path, rows, films, { threads: 1 })).copyRows(), before);
  }
  const [words] = await model.activations(films);
  await assert.rejects(model.logitsFrom(path, words, films), { code: 'mismatch', message: /word/ });
  await assert.rejects(model.logitsFrom(2, activations, films), { code: 'mismatch', message: /model\.layers\.1/ });
  await assert.rejects(model.logitsFrom(path, activations, films.slice(1)), { code: 'mismatch', message: /2 texts, but 1/ });
  await assert.rejects(model.logitsFrom(path, activations, 'a film'), TypeError);
  await assert.rejects(model.logitsFrom(path, {}, 192, films), TypeError);

  // What is passed in may be changed or closed at once.
  const rows = activations.copyRows();
  const pending = [model.logitsFrom(path, rows, activations.columnCount, films), model.logitsFrom(path, spilled, films)];
  rows.fill(NaN);
  spilled.close();
  for (const logits of await Promise.all(pending)) assert.deepEqual(logits.copyRows(), before);
  await assert.rejects(model.logitsFrom(path, spilled, films), { code: 'invalid_handle' });
});

test('token ids lead to what their text leads to', async () => {
  const model = await SplitModel.load('eidos:demo', { splitPoints: [1], whole: true });
  const texts = ['a café 😀 film', 'what a waste of two hours'];
  const tokens = model.tokens(texts[0]);
  assert.deepEqual(tokens[0], { id: 5996, string: '<|begin_of_text|>', begin: 0, end: 0 });
  assert.equal(tokens.at(-2).string, 'Ġfilm');
  assert.equal(texts[0].slice(tokens.at(-2).begin, tokens.at(-2).end), ' film');
  assert.equal(model.logitName(tokens.at(-2).id), 'Ġfilm');
  assert.equal(model.tokens('').length, 2);

  const ids = texts.map((text) => model.tokens(text).map(({ id }) => id));
  const copies = async (promise) => (await promise).copyRows();
  assert.deepEqual(await copies(model.logitsOfTokenIds(ids)), await copies(model.logits(texts)));
  const [found] = await model.activationsOfTokenIds([Uint32Array.from(ids[0]), ids[1]], { threads: 1 });
  const [expected] = await model.activations(texts, { granularity: 'all_tokens' });
  assert.deepEqual(found.copyRows(), expected.copyRows());
  assert.equal(found.unit(1), 'a');
  assert.equal(found.granularity, 'all_tokens');
  const [few] = await model.activationsOfTokenIds([[], [5, 6]]);
  assert.equal(few.rowCount, 2);
  await assert.rejects(model.logitsOfTokenIds([[6000]]), { code: 'mismatch', message: /6000/ });
  await assert.rejects(model.logitsOfTokenIds([]), { code: 'invalid_argument' });
  await assert.rejects(model.logitsOfTokenIds([[-1]]), RangeError);
  await assert.rejects(model.logitsOfTokenIds([1, 2]), TypeError);
  await assert.rejects(model.activationsOfTokenIds('a film'), TypeError);
  assert.throws(() => model.tokens(5), TypeError);
});

test('columns have names', async () => {
  const model = await SplitModel.load('eidos:demo', { splitPoints: [1], whole: true });
  const names = Array.from({ length: model.logitCount }, (_, column) => model.logitName(column));
  assert.ok(names.some((name) => name.includes('film')));
  assert.throws(() => model.logitName(names.length), RangeError);
});

test('a model that is not whole has no logits', async () => {
  const model = await SplitModel.load('eidos:demo', { splitPoints: [1] });
  await assert.rejects(model.logits(films), { code: 'invalid_argument', hint: /whole/ });
  await assert.rejects(SplitModel.load('eidos:demo', { whole: 1 }), TypeError);
});
