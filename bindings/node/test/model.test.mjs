// Models, and the activations of texts.
import assert from 'node:assert/strict';
import path from 'node:path';
import test, { after } from 'node:test';

import { Activations, SplitModel, version } from '@eidos/eidos';

import { assertNothingLives, demoTexts, loadDemo, repository, splitPoint, temporaryFolder, texts } from './helpers.mjs';

after(assertNothingLives);

test('the library says its version', () => {
  assert.match(version(), /^\d+\.\d+\.\d+$/);
});

test('a model without split points shows its modules', async () => {
  const model = await SplitModel.load('eidos:demo');
  assert.equal(model.name, 'eidos:demo');
  assert.deepEqual(model.modules[0].path, '');
  const module = model.modules.find(({ path }) => path === splitPoint);
  assert.ok(module?.canSplit);
  assert.deepEqual([module.width, module.cost, module.isRecommended], [192, 0.75, false]);
  const places = model.modules.filter(({ isRecommended }) => isRecommended).map((place) => place.path);
  assert.deepEqual(places, [0, 1, 2, 3].map((block) => `model.layers.${block}`));
  assert.ok(model.modules.some(({ canSplit }) => !canSplit));
  assert.ok(model.modules.every(({ kind }) => kind.length > 0));
  assert.equal(model.modules, model.modules);
  assert.deepEqual(model.splitPoints, []);
});

test('split points are paths or numbers of blocks', async () => {
  const model = await SplitModel.load('eidos:demo', { splitPoints: [splitPoint, 1] });
  assert.deepEqual(model.splitPoints, [
    { path: splitPoint, width: 192 },
    { path: 'model.layers.1', width: 192 },
  ]);
  const both = await model.activations(texts);
  assert.deepEqual(both.map((one) => one.splitPoint), [splitPoint, 'model.layers.1']);
  assert.equal(both[0].rowCount, both[1].rowCount);
});

test('a model from a folder', async () => {
  const model = await SplitModel.load(path.join(repository, 'assets/demo-model'), {
    splitPoints: [splitPoint],
    head: 'masked_lm',
    device: 'cpu',
    deviceIndex: 0,
    network: 'offline',
    copy: true,
  });
  assert.equal(model.family, 'eurobert');
  assert.equal(model.vocabularySize, 6000);
  assert.equal(model.maxPositions, 512);
  assert.ok(model.weightBytes > 1_000_000);
  assert.match(model.products, / \(/);
  const [[fromFolder], [embedded]] = await Promise.all([model.activations(texts), (await loadDemo()).activations(texts)]);
  assert.deepEqual(fromFolder.rows(), embedded.rows());
});

test('activations say what they are', async () => {
  const model = await loadDemo();
  const [activations] = await model.activations(texts);
  assert.equal(activations.columnCount, 192);
  assert.equal(activations.textCount, texts.length);
  assert.equal(activations.truncatedCount, 0);
  assert.equal(activations.isOnDisk, false);
  assert.equal(activations.granularity, 'word');
  assert.equal(activations.aggregation, 'mean');
  assert.equal(activations.model, 'eidos:demo');
  assert.equal(activations.splitPoint, splitPoint);
  assert.equal(activations.text(3), texts[3]);
});

test('words are cut by a rule, and some get no row', async () => {
  const model = await loadDemo();
  const text = "The film isn't the best.";
  const units = (activations) => Array.from({ length: activations.rowCount }, (_, row) => activations.unit(row));
  const [words] = await model.activations([text]);
  assert.equal(words.wordRule, 'tokenizer');
  assert.deepEqual(units(words), ['The', ' film', ' isn', "'t", ' the', ' best', '.']);
  const [others] = await model.activations([text], { wordRule: 'unicode' });
  assert.equal(others.wordRule, 'unicode');
  assert.deepEqual(units(others), ['The', ' film', " isn't", ' the', ' best', '.']);
  const [fewer] = await model.activations([text], { stopUnits: ['the', '.'], stopContractions: true });
  assert.deepEqual(units(fewer), [' film', ' isn', ' best']);
  assert.equal(fewer.leftOutCount, 4);
  assert.deepEqual([fewer.leftOutBy.stop_units, fewer.leftOutBy.stop_contractions], [3, 1]);
  assert.deepEqual(fewer.filters, { stop_units: ['the', '.'], stop_contractions: true });
  const [letters] = await model.activations([text], { stopPunctuation: true });
  assert.deepEqual(units(letters), ['The', ' film', ' isn', "'t", ' the', ' best']);
  const [later] = await model.activations([text], { granularity: 'all_tokens', skipFirstPosition: true });
  assert.deepEqual([later.rowCount + 1, later.leftOutBy.first_position], [model.tokens(text).length, 1]);
  const [samples] = await model.activations([text], { granularity: 'sample' });
  assert.equal(samples.wordRule, undefined);
  await assert.rejects(model.activations([text], { stopUnits: [' '] }), { code: 'invalid_argument' });
  await assert.rejects(model.activations([text], { stopUnits: 'the' }), TypeError);
});

test('rows that are far longer than others can be left out', async () => {
  const rows = Activations.fromRows(Float32Array.of(1, 0, 0, 1, 0, 900, 2, 0), 2, { units: ['a', 'film', 'the', 'dull'] });
  const usual = await rows.withoutHighNorms(10);
  assert.deepEqual([...usual.rows()], [1, 0, 0, 1, 2, 0]);
  assert.deepEqual([usual.unit(2), usual.leftOutBy.high_norm, usual.filters], ['dull', 1, { max_norm_multiple: 10 }]);
  await assert.rejects(rows.withoutHighNorms(0.5), { code: 'invalid_argument' });
  await assert.rejects(rows.withoutHighNorms('10'), TypeError);
  await assert.rejects(rows.spread(() => undefined).withoutHighNorms(10), /spread over processes/);
});

test('long texts are cut, or an error', async () => {
  const model = await loadDemo();
  const long = ['a', 'film '.repeat(model.maxPositions)];
  assert.equal((await model.activations(long))[0].truncatedCount, 1);
  await assert.rejects(model.activations(long, { onLongText: 'error' }), { code: 'invalid_argument' });
  await assert.rejects(model.streamActivations(long, { onLongText: 'error' }), { code: 'invalid_argument' });
  assert.equal((await model.activations(['a'], { onLongText: 'error' }))[0].truncatedCount, 0);
});

test('spans are places in JavaScript strings', async () => {
  const model = await loadDemo();
  const inputs = ['Ein Café für 𝄞 und 😀 Leute.', '', texts[0]];
  const [activations] = await model.activations(inputs);
  assert.ok(activations.rowCount > 10);
  for (let row = 0; row < activations.rowCount; row++) {
    const { textIndex, begin, end } = activations.unitSpan(row);
    assert.equal(inputs[textIndex].slice(begin, end), activations.unit(row), `row ${row}`);
  }
  assert.ok([...Array(activations.rowCount).keys()].every((row) => activations.unitSpan(row).textIndex !== 1));
});

test('options change the units', async () => {
  const model = await loadDemo();
  const [samples] = await model.activations(texts, { granularity: 'sample', aggregation: 'signed_max' });
  assert.equal(samples.rowCount, texts.length);
  assert.equal(samples.aggregation, 'signed_max');
  const [tokens] = await model.activations(texts, { granularity: 'all_tokens', threads: 1, batchTokens: 64 });
  assert.ok(tokens.rowCount > samples.rowCount);
});

test('results do not depend on threads and batches', async () => {
  const model = await loadDemo();
  const [one] = await model.activations(texts, { threads: 1, batchTokens: 100 });
  const [two] = await model.activations(texts, { threads: 2 });
  assert.deepEqual(one.rows(), two.rows());
});

test('a text without tokens gives no rows', async () => {
  const model = await loadDemo();
  const [activations] = await model.activations(['']);
  assert.equal(activations.rowCount, 0);
  assert.equal(activations.rows().length, 0);
  assert.equal(activations.copyRows().length, 0);
});

test('the vocabulary', async () => {
  const model = await loadDemo();
  const [vocabulary] = await model.activations(model.inputsFromVocabulary());
  assert.ok(vocabulary.rowCount > 1000);
  assert.equal(typeof vocabulary.unit(7), 'string');
});

test('a collection in a folder is on disk, in shards, and opens again', async () => {
  const model = await loadDemo();
  const folder = path.join(temporaryFolder(), 'activations');
  const [collected] = await model.activations(demoTexts, { folder, shardBytes: 1 << 18, batchTokens: 256 });
  assert.equal(collected.isOnDisk, true);
  assert.throws(() => collected.rows(), { code: 'invalid_argument' });
  const copy = collected.copyRows();
  const runs = [];
  for (let first = 0; first < collected.rowCount; first += runs.at(-1).length / 192) runs.push(collected.run(first));
  assert.ok(runs.length > 2);
  assert.deepEqual(runs.flatMap((run) => Array.from(run)), Array.from(copy));
  assert.throws(() => collected.run(collected.rowCount), { code: 'invalid_argument' });
  assert.equal(copy.length, collected.rowCount * 192);
  const opened = await Activations.open(folder);
  assert.deepEqual(opened.copyRows(), copy);
  assert.equal(opened.unit(100), collected.unit(100));
});
