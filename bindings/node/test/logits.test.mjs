// Logits, from the start of a model and from the rows of a module.
import assert from 'node:assert/strict';
import test, { after } from 'node:test';

import { Activations, Explainer, Interventions, SplitModel } from '@eidos/eidos';

import { assertNothingLives, demoTexts } from './helpers.mjs';

after(assertNothingLives);

const films = ['a warm and funny film', 'what a waste of two hours'];
const path = 'model.layers.1';

/** The logits when what a module gives is replaced. */
async function logitsFrom(model, module, rows, ...rest) {
  const columns = rows instanceof Activations ? [] : [rest.shift()];
  const [inputs, options] = rest;
  const interventions = new Interventions().replace(module, rows, ...columns);
  return model.logits(inputs, { ...options, interventions });
}

test('rows that were captured lead to the same logits, others to others', async () => {
  const model = await SplitModel.load('eidos:demo', { splitPoints: [1], whole: true });
  const logits = await model.logits(films);
  assert.equal(logits.columnCount, model.logitCount);
  assert.equal(logits.granularity, 'all_tokens');
  const before = logits.copyRows(0, logits.rowCount);
  const [activations] = await model.activations(films, { granularity: 'all_tokens' });
  const rows = activations.copyRows(0, activations.rowCount);
  const again = await logitsFrom(model, path, rows, activations.columnCount, films);
  assert.deepEqual(again.copyRows(0, again.rowCount), before);
  rows[0] += 10;
  const changed = await logitsFrom(model, 1, rows, activations.columnCount, films, { threads: 1 });
  assert.notDeepEqual(changed.copyRows(0, changed.rowCount), before);
  rows[0] = NaN;
  const from = (where, texts) => logitsFrom(model, where, rows, activations.columnCount, texts);
  await assert.rejects(from(path, films), { code: 'invalid_data', message: /row 0, column 0/ });
  await assert.rejects(logitsFrom(model, path, rows, 7, films), RangeError);
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
    assert.deepEqual((await logitsFrom(model, path, rows, films, { threads: 1 })).copyRows(), before);
  }
  const [words] = await model.activations(films);
  await assert.rejects(logitsFrom(model, path, words, films), { code: 'mismatch', message: /word/ });
  await assert.rejects(logitsFrom(model, 2, activations, films), { code: 'mismatch', message: /model\.layers\.1/ });
  await assert.rejects(logitsFrom(model, path, activations, films.slice(1)), { code: 'mismatch', message: /2 texts, but 1/ });
  await assert.rejects(logitsFrom(model, path, activations, 'a film'), { code: 'mismatch', message: /2 texts, but 1/ });
  await assert.rejects(logitsFrom(model, path, {}, 192, films), TypeError);

  // What is passed in may be changed or closed at once.
  const rows = activations.copyRows();
  const pending = [logitsFrom(model, path, rows, activations.columnCount, films), logitsFrom(model, path, spilled, films)];
  rows.fill(NaN);
  spilled.close();
  for (const logits of await Promise.all(pending)) assert.deepEqual(logits.copyRows(), before);
  await assert.rejects(logitsFrom(model, path, spilled, films), { code: 'invalid_handle' });
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
  assert.equal(model.tokens('a\0film').at(-2).end, 6);

  const ids = texts.map((text) => model.tokens(text).map(({ id }) => id));
  const copies = async (promise) => (await promise).copyRows();
  assert.deepEqual(await copies(model.logits(model.inputsFromTokenIds(ids))), await copies(model.logits(texts)));
  const [found] = await model.activations(model.inputsFromTokenIds([Uint32Array.from(ids[0]), ids[1]]), { threads: 1 });
  const [expected] = await model.activations(texts, { granularity: 'all_tokens' });
  assert.deepEqual(found.copyRows(), expected.copyRows());
  assert.equal(found.unit(1), 'a');
  assert.equal(found.granularity, 'all_tokens');
  const [few] = await model.activations(model.inputsFromTokenIds([[], [5, 6]]));
  assert.equal(few.rowCount, 2);
  assert.throws(() => model.inputsFromTokenIds([[6000]]), { code: 'mismatch', message: /6000/ });
  assert.throws(() => model.inputsFromTokenIds([]), { code: 'invalid_argument' });
  assert.throws(() => model.inputsFromTokenIds([[-1]]), RangeError);
  assert.throws(() => model.inputsFromTokenIds([1, 2]), TypeError);
  assert.throws(() => model.inputsFromTokenIds('a film'), TypeError);
  assert.throws(() => model.tokens(5), TypeError);
});

test('interventions follow one another, at several modules, and reach activations', async () => {
  const model = await SplitModel.load('eidos:demo', { splitPoints: [1], whole: true });
  const [words] = await model.activations(demoTexts.slice(0, 40));
  const explainer = await Explainer.fitIca(words, { conceptCount: 4 });
  const direction = explainer.dictionary.subarray(0, explainer.inputWidth);
  const first = new Interventions().addDirection('model.layers.0', direction, 3, { tokens: [1, 2] });
  const both = new Interventions()
    .addDirection(0, direction, 3, { tokens: [1, 2] })
    .clampConcept(1, explainer, 2, 1.5)
    .ablateConcept(1, explainer, 0);
  assert.equal(both.count, 3);
  assert.equal(both.ablateConcept(1, explainer, 1, { tokens: [] }).count, 3);
  const inputs = await model.inputs(films);
  const options = { granularity: 'all_tokens' };
  const [under] = await model.activations(inputs, { ...options, interventions: first });
  const [plain] = await model.activations(inputs, options);
  assert.notDeepEqual(under.copyRows(), plain.copyRows());
  first.replace(1, under).clampConcept(1, explainer, 2, 1.5).ablateConcept(1, explainer, 0);
  const [one, other, none] = await Promise.all([
    model.logits(inputs, { interventions: first }),
    model.logits(films, { interventions: both, threads: 1 }),
    model.logits(inputs),
  ]);
  assert.deepEqual(one.copyRows(), other.copyRows());
  assert.notDeepEqual(one.copyRows(), none.copyRows());
  both.addDirection('model.layers.9', direction, 1);
  await assert.rejects(model.logits(inputs, { interventions: both }), { code: 'unknown_module' });
  await assert.rejects(model.logits(inputs, { interventions: {} }), TypeError);
  assert.throws(() => both.addDirection(1, direction, NaN), { code: 'invalid_data' });
  assert.throws(() => both.addDirection(1, [1, 2], 1), TypeError);
  assert.throws(() => both.ablateConcept(1, explainer, 4), { code: 'invalid_argument' });
  assert.throws(() => both.clampConcept(1, explainer, 0, 1, { tokens: [-1] }), RangeError);
  both.close();
  await assert.rejects(model.logits(inputs, { interventions: both }), { code: 'invalid_handle' });
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
