// Concepts, and what they mean.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import test, { after, before } from 'node:test';

import { Activations, Explainer, Interpretation } from '@eidos/eidos';

import { assertNothingLives, heavyRows, loadDemo, ownActivations, splitPoint, temporaryFolder, texts } from './helpers.mjs';

const folder = temporaryFolder();
let model, activations, explainer;

before(async () => {
  model = await loadDemo();
  [activations] = await model.activations(texts);
  explainer = await Explainer.fitIca(activations, { conceptCount: 5, maxIterations: 30 });
});
after(async () => {
  for (const object of [explainer, model, activations]) object.close();
  await assertNothingLives();
});

test('an explainer says what it is', () => {
  assert.equal(explainer.conceptCount, 5);
  assert.equal(explainer.inputWidth, 192);
  assert.equal(explainer.method, 'ica');
  assert.equal(explainer.model, 'eidos:demo');
  assert.equal(explainer.splitPoint, splitPoint);
  const { converged, steps, measures } = explainer.fitReport;
  assert.equal(typeof converged, 'boolean');
  assert.ok(steps > 0 && steps <= 30);
  assert.deepEqual(Object.keys(measures), ['last_change']);
  assert.ok(measures.last_change.length === 1 && measures.last_change[0] >= 0);
});

test('decompositions find what they promise', async () => {
  const svd = await Explainer.fitSvd(activations, { conceptCount: 3 });
  assert.equal(svd.fitReport.measures.singular_values.length, 3);
  const hard = await Explainer.fitKmeans(activations, { conceptCount: 3 });
  const soft = await Explainer.fitKmeans(activations, { conceptCount: 3, codes: 'soft' });
  const sum = (values) => values.reduce((total, value) => total + value, 0);
  assert.equal(sum(hard.fitReport.measures.cluster_sizes), activations.rowCount);
  for (const explainer of [hard, soft]) {
    const codes = await explainer.encode(activations.rows());
    assert.ok(Math.abs(sum(codes.slice(0, 3)) - 1) < 1e-6);
  }
  const neurons = await Explainer.fitNeurons(activations);
  assert.deepEqual(await neurons.encode(activations.rows()), activations.rows());
  const random = await Explainer.fitRandomDirections(activations, { conceptCount: 4, seed: 1 });
  assert.equal(random.method, 'random_directions');
  await assert.rejects(Explainer.fitKmeans(activations, { conceptCount: 0 }), { code: 'invalid_argument' });
  const sparse = await Explainer.fitSparsePca(activations, { conceptCount: 2, penalty: 5 });
  assert.equal(sparse.fitReport.measures.nonzero_columns.length, 2);
  await assert.rejects(Explainer.fitNmf(activations, { conceptCount: 2 }), (error) => {
    return error.code === 'invalid_data' && /negative value/.test(error.message) && /rectify/.test(error.hint);
  });
  const parts = await Explainer.fitNmf(activations, { conceptCount: 2, rectify: true, maxIterations: 3 });
  const atoms = await Explainer.fitSemiNmf(activations, { conceptCount: 3, maxIterations: 3 });
  const among = await Explainer.fitConvexNmf(activations, { conceptCount: 3, candidateCount: 50, maxIterations: 3 });
  const learned = await Explainer.fitDictionaryLearning(activations, { conceptCount: 3, penalty: 0.5, maxIterations: 3 });
  for (const explainer of [parts, atoms, among, learned]) {
    assert.ok((await explainer.encode(activations.rows())).every((code) => code >= 0));
    assert.ok(explainer.fitReport.measures.relative_error[0] < 1);
  }
  for (const explainer of [svd, hard, soft, neurons, random, sparse, parts, atoms, among, learned]) explainer.close();
});

test('principal components say how much each explains', async () => {
  const whitened = await Explainer.fitPca(activations, { conceptCount: 3, whiten: true });
  const plain = await Explainer.fitPca(activations, { conceptCount: 3 });
  assert.equal(plain.method, 'pca');
  const { converged, measures } = plain.fitReport;
  assert.equal(converged, true);
  assert.deepEqual(Object.keys(measures).sort(), ['explained_variance', 'explained_variance_ratio', 'noise_variance']);
  const variances = measures.explained_variance;
  assert.ok(variances[0] >= variances[1] && variances[1] >= variances[2] && variances[2] > 0);
  const [codes, unit] = [await plain.encode(activations.rows()), await whitened.encode(activations.rows())];
  assert.ok(Math.abs(codes[0] - unit[0] * Math.sqrt(variances[0])) < 1e-3 * Math.sqrt(variances[0]));
  await assert.rejects(Explainer.fitPca(activations, { conceptCount: 1000 }), { code: 'invalid_argument' });
  whitened.close();
  plain.close();
});

test('sparse autoencoders and transcoders reconstruct rows from few codes', async () => {
  const options = { conceptCount: 64, k: 4, steps: 200, batchRows: 64 };
  const sae = await Explainer.fitSae(activations, { ...options, kind: 'top_k' });
  assert.equal(sae.method, 'sae');
  const { measures } = sae.fitReport;
  assert.deepEqual(Object.keys(measures).sort(), ['dead', 'dense', 'fvu', 'l0', 'loss']);
  assert.ok(measures.l0[0] > 0 && measures.l0[0] <= 4);
  const rows = activations.rows();
  const [codes, rebuilt] = [await sae.encode(rows), await sae.reconstruct(rows)];
  assert.ok(codes.filter((code) => code !== 0).length <= 4 * activations.rowCount);
  assert.deepEqual(rebuilt, await sae.decode(codes));
  const transcoder = await Explainer.fitTranscoder(activations, activations, options);
  assert.equal(transcoder.outputWidth, activations.columnCount);
  await assert.rejects(Explainer.fitSae(activations, { conceptCount: 4, k: 5 }), { code: 'invalid_argument' });
  const some = { ...options, steps: 20 };
  const [collected] = await model.activations(texts, { granularity: 'token' });
  const onRows = await Explainer.fitSae(collected, some);
  const onTexts = await Explainer.fitSaeOnTexts(model, texts, { ...some, activations: { granularity: 'token' } });
  assert.deepEqual(onTexts.dictionary, onRows.dictionary);
  await assert.rejects(Explainer.fitSaeOnTexts(model, texts, { ...some, splitPoint: 1 }), { code: 'invalid_argument' });
  await assert.rejects(Explainer.fitSaeOnTexts(model, texts, { ...some, granularity: 'token' }), TypeError);
  const both = { ...some, outputSplitPoint: 0, activations: { granularity: 'token' } };
  const given = await Explainer.fitSaeOnTexts(model, texts, both);
  assert.deepEqual(given.dictionary, (await Explainer.fitTranscoder(collected, collected, some)).dictionary);
  await assert.rejects(Explainer.fitSaeOnTexts(model, texts, { ...both, outputSplitPoint: 1 }), { code: 'invalid_argument' });
  for (const handle of [sae, transcoder, collected, onRows, onTexts, given]) handle.close();
});

test('the dictionary is one view', () => {
  assert.equal(explainer.dictionary.length, 5 * 192);
  assert.ok(explainer.dictionary.every(Number.isFinite));
  assert.equal(explainer.dictionary, explainer.dictionary);
});

test('encode and decode', async () => {
  const codes = await explainer.encode(activations.rows());
  assert.equal(codes.length, activations.rowCount * 5);
  const decoded = await explainer.decode(codes);
  assert.equal(decoded.length, activations.rowCount * 192);
  assert.deepEqual(await explainer.encode(activations.copyRows()), codes);
  assert.deepEqual(await explainer.encode(new Float32Array(0)), new Float32Array(0));
});

test('all components explain everything, whatever the options', async () => {
  const rows = heavyRows(500, 4);
  for (const options of [
    {},
    { algorithm: 'deflation', contrast: 'exp' },
    { solver: 'picard_o' },
    { contrast: 'cube', tolerance: 1e-3, maxIterations: 100 },
    { alpha: 1.5, seed: 7, canonicalSigns: false, threads: 1 },
  ]) {
    const fitted = await Explainer.fitIca(ownActivations(500, 4), { conceptCount: 4, ...options });
    assert.deepEqual([fitted.options.concept_count, fitted.options.seed], [4, options.seed ?? 0]);
    const decoded = await fitted.decode(await fitted.encode(rows));
    assert.ok(decoded.every((value, index) => Math.abs(value - rows[index]) < 1e-4), JSON.stringify(options));
  }
});

test('what callers do with their rows while they are encoded does not matter', async () => {
  const rows = activations.copyRows();
  const expected = await explainer.encode(rows);
  const promise = explainer.encode(rows);
  structuredClone(rows.buffer, { transfer: [rows.buffer] });
  assert.equal(rows.length, 0);
  assert.deepEqual(await promise, expected);
});

test('the same input gives the same bits, saved or not', async () => {
  const again = await Explainer.fitIca(activations, { conceptCount: 5, maxIterations: 30, threads: 1 });
  assert.deepEqual(again.dictionary, explainer.dictionary);
  const file = path.join(folder, 'explainer.safetensors');
  await explainer.save(file);
  const opened = await Explainer.open(file);
  assert.deepEqual(opened.dictionary, explainer.dictionary);
  assert.deepEqual(opened.fitReport, explainer.fitReport);
});

test('top inputs', async () => {
  const meaning = await explainer.topInputs(activations, { k: 3, negativePole: true });
  assert.equal(meaning.conceptCount, 5);
  assert.deepEqual(meaning.concepts.map(({ concept }) => concept), [0, 1, 2, 3, 4]);
  for (const { positive, negative } of meaning) {
    assert.equal(positive.length, 3);
    assert.equal(negative.length, 3);
    assert.ok(positive[0].activation >= positive[1].activation);
    assert.ok(negative[0].activation <= negative[1].activation);
    for (const { text, row } of positive) assert.equal(activations.unit(row), text);
  }
});

test('some concepts, in their order', async () => {
  const meaning = await explainer.topInputs(activations, { concepts: [3, 1] });
  assert.deepEqual(meaning.concepts.map(({ concept }) => concept), [3, 1]);
  assert.deepEqual(meaning.concepts[0].negative, []);
  assert.equal(meaning.concepts[0].positive.length, 5);
});

test('inputs are left out, folded, counted and shown in their passages', async () => {
  const listed = async (options) => {
    const [concept] = JSON.parse(JSON.stringify(await explainer.topInputs(activations, { k: 1000, ...options }))).concepts;
    return concept.positive;
  };
  const all = await listed({});
  const some = await listed({ foldCase: true, stopPunctuation: true, stopUnits: [all[0].text.toUpperCase()], context: 3 });
  assert.ok(some.length < all.length && some.every((input) => input.text !== all[0].text));
  const folded = some.map((input) => input.text.trim().toLowerCase());
  assert.equal(new Set(folded).size, folded.length);
  const { text, passage } = some[0];
  assert.equal(Buffer.from(passage.text).subarray(passage.begin, passage.end).toString(), text.trim());
  assert.equal(all[0].passage, undefined);
  assert.deepEqual(await listed({ leastOccurrences: 1e6 }), []);
  await assert.rejects(listed({ stopUnits: [' '] }), { code: 'invalid_argument', message: /stop unit 0/ });
});

test('top inputs of new texts and of the vocabulary', async () => {
  const ofTexts = await explainer.topInputsOf(model, texts, { k: 3 });
  const ofActivations = await explainer.topInputs(activations, { k: 3 });
  assert.deepEqual(ofTexts.concepts, ofActivations.concepts);
  const samples = await explainer.topInputsOf(model, texts, { k: 1, granularity: 'sample' });
  assert.ok(texts.includes(samples.concepts[0].positive[0].text));
  const ofVocabulary = await explainer.topInputsOf(model, model.inputsFromVocabulary(), { k: 2, concepts: [0] });
  assert.equal(ofVocabulary.concepts[0].positive.length, 2);
});

test('an interpretation is JSON, and opens again', async () => {
  const meaning = await explainer.topInputs(activations);
  const file = path.join(folder, 'meaning.json');
  await meaning.save(file);
  const json = JSON.parse(JSON.stringify(meaning));
  assert.equal(json.split_point, splitPoint);
  assert.deepEqual(JSON.parse(readFileSync(file, 'utf8')), json);
  assert.equal(JSON.parse(meaning.json).concepts.length, 5);
  const opened = await Interpretation.open(file);
  assert.deepEqual(opened.concepts, meaning.concepts);
});

test('an explainer and its interpretation are one file', async () => {
  const meaning = await explainer.topInputs(activations, { k: 2 });
  const file = path.join(folder, 'interpreted.safetensors');
  await explainer.saveInterpreted(file, meaning);
  const both = await Explainer.openInterpreted(file);
  assert.deepEqual(both.explainer.dictionary, explainer.dictionary);
  assert.deepEqual(both.interpretation.concepts, meaning.concepts);
  assert.deepEqual((await Interpretation.open(file)).concepts, meaning.concepts);
  await explainer.save(file);
  assert.equal((await Explainer.openInterpreted(file)).interpretation, undefined);
  await assert.rejects(Interpretation.open(file), { code: 'invalid_file' });
});

test('codes are a file that other programs read', async () => {
  const codes = await explainer.encode(activations.copyRows());
  const file = path.join(folder, 'codes.npy');
  await explainer.saveCodes(file, activations);
  const bytes = readFileSync(file);
  assert.deepEqual(bytes.subarray(bytes.length - codes.byteLength), Buffer.from(codes.buffer));
  assert.deepEqual(await explainer.encodeActivations(activations, { threads: 1 }), codes);
  await assert.rejects(explainer.encodeActivations({}), TypeError);
  const sparse = await explainer.encodeSparse(activations);
  const again = new Float32Array(codes.length);
  for (let row = 0; row < activations.rowCount; row++) {
    for (let at = sparse.starts[row]; at < sparse.starts[row + 1]; at++) {
      again[row * explainer.conceptCount + sparse.concepts[at]] = sparse.values[at];
    }
  }
  assert.deepEqual(again, codes);
  await assert.rejects(explainer.saveCodes(path.join(folder, 'codes'), activations), { code: 'invalid_argument' });
  await explainer.saveCodes(path.join(folder, 'codes'), activations, { format: 'npz' });
  assert.ok(readFileSync(path.join(folder, 'codes')).length > 0);
});

test('a NUL inside a text survives on its way out', async () => {
  const file = path.join(folder, 'nul.json');
  const meaning = await explainer.topInputs(activations, { k: 1, concepts: [0] });
  const json = JSON.parse(meaning.json);
  json.concepts[0].positive[0].text = 'a\0é😀';
  writeFileSync(file, JSON.stringify(json));
  const opened = await Interpretation.open(file);
  assert.equal(opened.concepts[0].positive[0].text, 'a\0é😀');
});

test('a dictionary of one\'s own explains', async () => {
  const own = Explainer.fromDictionary({
    dictionary: Float32Array.of(1, 0, 0, 2, 1, 1),
    encoder: Float32Array.of(1, 0, 0, 0.5, 1, 1),
    bias: Float32Array.of(0, 0.5, -1),
    offset: Float32Array.of(10, 20),
    inputWidth: 2,
    rectified: true,
  });
  assert.deepEqual([own.method, own.conceptCount, own.inputWidth], ['dictionary', 3, 2]);
  const codes = await own.encode(Float32Array.of(9, 22));
  assert.deepEqual([...codes], [0, 1.5, 0]);
  assert.deepEqual([...(await own.decode(codes))], [10, 23]);
  const dictionary = Float32Array.of(1, 2);
  assert.throws(() => Explainer.fromDictionary({ dictionary, inputWidth: 3 }), RangeError);
  assert.throws(() => Explainer.fromDictionary({ dictionary, inputWidth: 2, bias: dictionary }), RangeError);
  assert.throws(() => Explainer.fromDictionary({ dictionary, inputWidth: 0 }), { code: 'invalid_argument' });
  own.close();
});

test('an autoencoder of one\'s own, saved for others and opened', async () => {
  const matrix = { dictionary: Float32Array.of(1, 0, 0, 1, 0.5, 0.5), inputWidth: 2 };
  const row = Float32Array.of(1, 2);
  const largest = Explainer.fromAutoencoder({ ...matrix, activation: 'top_k', k: 1 });
  assert.deepEqual([...(await largest.encode(row))], [0, 2, 0]);
  const above = Explainer.fromAutoencoder({ ...matrix, activation: 'jump_relu', thresholds: Float32Array.of(0.5, 0, 2) });
  assert.deepEqual([...(await above.encode(row))], [1, 2, 0]);
  assert.throws(() => Explainer.fromAutoencoder({ ...matrix, activation: 'jump_relu' }), { code: 'invalid_argument' });
  assert.throws(() => Explainer.fromAutoencoder({ ...matrix, activation: 'softmax' }), TypeError);
  const sae = path.join(folder, 'sae');
  await above.saveAs(sae, 'sae_lens');
  const opened = await Explainer.openPublished(sae, { splitPoint: 'model.layers.1' });
  assert.deepEqual([...(await opened.encode(row))], [1, 2, 0]);
  assert.equal(opened.splitPoint, 'model.layers.1');
  const one = path.join(folder, 'one.safetensors');
  await above.saveAs(one, 'safetensors');
  assert.deepEqual([...(await (await Explainer.open(one)).encode(row))], [1, 2, 0]);
  await assert.rejects(Explainer.openPublished('./no/such/folder'), { code: 'not_found' });
});
