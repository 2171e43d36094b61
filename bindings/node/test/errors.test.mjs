// Wrong input is an exception with what to do about it, never a crash.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import test, { after, before } from 'node:test';
import { inspect } from 'node:util';

import {
  Activations, Chat, compare, DLPackTensor, EidosError, Explainer, Interpretation, Interventions, readTexts, SplitModel,
} from '@eidos/eidos';

import { assertNothingLives, heavyRows, loadDemo, ownActivations, rejection, temporaryFolder, texts } from './helpers.mjs';

const folder = temporaryFolder();
let model, activations, explainer;

before(async () => {
  model = await loadDemo();
  activations = ownActivations();
  explainer = await Explainer.fitIca(activations, { conceptCount: 3 });
});
after(async () => {
  for (const object of [explainer, model, activations]) object.close();
  await assertNothingLives();
});

/** That a promise rejects, or a function throws, an EidosError with this code. */
async function fails(code, attempt) {
  const error = await rejection((async () => attempt())());
  assert.ok(error instanceof EidosError, String(error));
  assert.equal(error.code, code, error.message);
  assert.equal(error.name, 'EidosError');
  assert.ok(error.message.length > 0);
  assert.ok(error.status > 0);
  return error;
}

/** That it is refused before the library sees it. */
async function refused(type, attempt) {
  const error = await rejection((async () => attempt())());
  assert.equal(error.constructor, type, String(error));
  return error;
}

test('an unknown module: message, hint and details', async () => {
  const error = await fails('unknown_module', () => SplitModel.load('eidos:demo', { splitPoints: ['model.layers.2.mlpp'] }));
  assert.match(error.message, /model\.layers\.2\.mlpp/);
  assert.match(error.hint, /did you mean/);
  const nearest = error.details.filter(([name]) => name === 'nearest').map(([, value]) => value);
  assert.ok(nearest.includes('model.layers.2.mlp') && nearest.length > 1);
  assert.equal(error.status, 4);
});

test('models that are not there', async () => {
  await fails('not_found', () => SplitModel.load('/nowhere/at/all'));
  await fails('invalid_argument', () => SplitModel.load(''));
  const error = await fails('not_found', () => SplitModel.load('nobody/nothing', { network: 'offline', cacheFolder: folder }));
  assert.ok(error.hint.length > 0);
  await fails('unknown_module', () => SplitModel.load('eidos:demo', { splitPoints: [99] }));
});

test('a device that is not there', async () => {
  const error = await rejection(SplitModel.load('eidos:demo', { device: 'cuda', deviceIndex: 99 }));
  assert.ok(['device', 'unsupported'].includes(error.code), error.code);
});

test('wrong types for a model', async () => {
  for (const id of [undefined, null, 5, {}, ['eidos:demo']]) await refused(TypeError, () => SplitModel.load(id));
  for (const splitPoints of ['model', [null], [{}], 7]) await refused(TypeError, () => SplitModel.load('eidos:demo', { splitPoints }));
  await refused(RangeError, () => SplitModel.load('eidos:demo', { splitPoints: [-1] }));
  await refused(RangeError, () => SplitModel.load('eidos:demo', { splitPoints: [1.5] }));
  for (const options of [null, 'fast', 3]) await refused(TypeError, () => SplitModel.load('eidos:demo', options));
  const error = await refused(TypeError, () => SplitModel.load('eidos:demo', { head: 'tail' }));
  assert.match(error.message, /'auto', 'base'/);
  await refused(TypeError, () => SplitModel.load('eidos:demo', { head: 'toString' }));
  await refused(RangeError, () => SplitModel.load('eidos:demo', { deviceIndex: 2 ** 32 }));
  await refused(TypeError, () => SplitModel.load('eidos:demo', { signal: {} }));
  await refused(TypeError, () => SplitModel.load('eidos:demo', { onProgress: 'often' }));
});

test('strings that C cannot read', async () => {
  for (const bad of ['a\0b', 'half \ud83d of a pair']) {
    await refused(TypeError, () => SplitModel.load(bad));
    await refused(TypeError, () => Activations.fromRows(heavyRows(1, 2), 2, { units: [bad] }));
    await refused(TypeError, () => activations.save(bad));
  }
  await refused(TypeError, () => model.activations(['fine', 'half \ud83d of a pair']));
});

test('wrong texts and options for activations', async () => {
  await fails('invalid_argument', () => model.activations([]));
  for (const inputs of [undefined, 5, [1], [null], {}, new Array(3)]) await refused(TypeError, () => model.activations(inputs));
  await refused(TypeError, () => model.activations(texts, { granularity: 'letter' }));
  await refused(TypeError, () => model.activations(texts, { folder: 7 }));
  for (const batchTokens of [-1, 1.5, NaN, Infinity, 2 ** 60]) {
    await refused(RangeError, () => model.activations(texts, { batchTokens }));
  }
  await refused(TypeError, () => model.activations(texts, { batchTokens: '5' }));
  await fails('invalid_argument', async () => (await SplitModel.load('eidos:demo')).activations(texts));
  await fails('not_found', () => model.activations(texts, { folder: '/proc/nowhere' }));
});

test('bad matrices', async () => {
  for (const bad of [NaN, Infinity]) {
    const rows = heavyRows(100, 2);
    rows[42] = bad;
    const error = await fails('invalid_data', () => Explainer.fitIca(Activations.fromRows(rows, 2), { conceptCount: 2 }));
    assert.match(error.message, /21/);
  }
  await fails('invalid_argument', () => Activations.fromRows(new Float32Array(0), 0));
  await refused(RangeError, () => Activations.fromRows(new Float32Array(7), 2));
  await refused(RangeError, () => Activations.fromRows(new Float32Array(8), -2));
  await refused(TypeError, () => Activations.fromRows([1, 2, 3, 4], 2));
  await refused(TypeError, () => Activations.fromRows(new Float64Array(4), 2));
  await refused(TypeError, () => Activations.fromRows(new Float32Array(4)));
  await refused(RangeError, () => Activations.fromRows(new Float32Array(4), 2, { units: ['only one'] }));
  await refused(TypeError, () => Activations.fromDLPack(activations));
  for (const address of [0n, -1n, 5, undefined]) await refused(TypeError, () => DLPackTensor.adopt(address));
});

test('rows that are not there', async () => {
  await fails('invalid_argument', () => activations.rows(0, 501));
  await fails('invalid_argument', () => activations.rows(500, 1));
  await refused(RangeError, () => activations.rows(501));
  await refused(RangeError, () => activations.rows(-1, 1));
  await refused(RangeError, () => activations.rows(0, 2 ** 53));
  await refused(RangeError, () => activations.copyRows(499, 2));
  await refused(RangeError, () => activations.copyRows(NaN, 2));
  await refused(RangeError, () => activations.unit(500));
  await refused(TypeError, () => activations.unit('0'));
  await refused(RangeError, () => activations.text(0));
  await fails('invalid_argument', () => activations.unitSpan(0));
});

test('fits that cannot be', async () => {
  await fails('invalid_argument', () => Explainer.fitIca(activations, { conceptCount: 0 }));
  await fails('invalid_argument', () => Explainer.fitIca(activations, {}));
  await fails('invalid_argument', () => Explainer.fitIca(activations, { conceptCount: 7 }));
  await fails('invalid_argument', () => Explainer.fitIca(activations, { conceptCount: 2, alpha: 9 }));
  await fails('invalid_argument', () => Explainer.fitIca(activations, { conceptCount: 2, tolerance: NaN }));
  await fails('invalid_data', () => Explainer.fitIca(Activations.fromRows(new Float32Array(60).fill(1), 6), { conceptCount: 2 }));
  await refused(TypeError, () => Explainer.fitIca(activations, { conceptCount: '2' }));
  await refused(RangeError, () => Explainer.fitIca(activations, { conceptCount: NaN }));
  await refused(TypeError, () => Explainer.fitIca(activations, { conceptCount: 2, canonicalSigns: 1 }));
  await refused(TypeError, () => Explainer.fitIca(activations));
});

test('objects of a wrong class', async () => {
  const wrong = [undefined, null, {}, 'x', 7n, model, explainer, Object.create(Activations.prototype)];
  for (const object of wrong) {
    await refused(TypeError, () => Explainer.fitIca(object, { conceptCount: 2 }));
    await refused(TypeError, () => explainer.topInputs(object));
  }
  await refused(TypeError, () => explainer.topInputsOf(activations, texts));
  await refused(TypeError, () => explainer.topInputsOf(model, explainer));
  await refused(TypeError, () => Reflect.get(Activations.prototype, 'rowCount', {}));
  for (const type of [Activations, DLPackTensor, Explainer, Interpretation, SplitModel]) {
    await refused(TypeError, () => new type());
    await refused(TypeError, () => new type(12345n));
  }
});

test('top inputs that cannot be', async () => {
  await fails('invalid_argument', () => explainer.topInputs(activations, { k: 0 }));
  await fails('invalid_argument', () => explainer.topInputs(activations, { concepts: [3] }));
  await fails('mismatch', () => explainer.topInputs(ownActivations(10, 5)));
  await refused(RangeError, () => explainer.topInputs(activations, { k: -1 }));
  await refused(RangeError, () => explainer.topInputs(activations, { k: NaN }));
  await refused(RangeError, () => explainer.topInputs(activations, { concepts: [] }));
  await refused(TypeError, () => explainer.topInputs(activations, { concepts: '0' }));
  await refused(TypeError, () => explainer.topInputs(activations, { negativePole: 'yes' }));
  const error = await rejection(explainer.topInputsOf(model, texts));
  assert.ok(error instanceof EidosError);
});

test('rows that cannot be encoded', async () => {
  await refused(RangeError, () => explainer.encode(new Float32Array(7)));
  await refused(RangeError, () => explainer.decode(new Float32Array(7)));
  await refused(TypeError, () => explainer.encode([1, 2, 3, 4, 5, 6]));
  await refused(TypeError, () => explainer.encode());
});

test('files that are not what they should be', async () => {
  const file = path.join(folder, 'garbage');
  writeFileSync(file, 'garbage');
  await fails('invalid_file', () => Explainer.open(file));
  await fails('invalid_file', () => Interpretation.open(file));
  for (const type of [Activations, Explainer, Interpretation]) {
    await fails('not_found', () => type.open(path.join(folder, 'nothing')));
    await refused(TypeError, () => type.open());
  }
  await fails('not_found', () => explainer.save(path.join(folder, 'no/such/folder/explainer')));
});

test('closed objects', async () => {
  const [closedModel, closedActivations] = [await loadDemo(), ownActivations()];
  const fitted = await Explainer.fitIca(activations, { conceptCount: 2 });
  const meaning = await fitted.topInputs(activations);
  const tensor = activations.toDLPack();
  for (const object of [closedModel, closedActivations, fitted, meaning, tensor]) {
    assert.equal(object.closed, false);
    object.close();
    object.close();
    object[Symbol.dispose]();
    await object[Symbol.asyncDispose]();
    assert.equal(object.closed, true);
    assert.equal(inspect(object), `${object.constructor.name} (closed)`);
    await fails('invalid_handle', () => JSON.stringify(object));
    const members = Object.getOwnPropertyDescriptors(Object.getPrototypeOf(object));
    for (const [name, { get, value }] of Object.entries(members)) {
      if (['constructor', 'toJSON', 'toString'].includes(name)) continue;
      await fails('invalid_handle', () => (get ?? value).call(object, 'x', texts));
    }
  }
  await fails('invalid_handle', () => [...meaning]);
  await fails('invalid_handle', () => Explainer.fitIca(closedActivations, { conceptCount: 2 }));
  await fails('invalid_handle', () => explainer.topInputs(closedActivations));
  await fails('invalid_handle', () => explainer.topInputsOf(closedModel, texts));
  await fails('invalid_handle', () => Activations.fromDLPack(tensor));
});

test('an option that does not exist is an error that says which do', async () => {
  const wrong = { granularty: 'word' };
  const calls = [
    () => SplitModel.load('eidos:demo', wrong),
    () => model.inputs(texts, wrong),
    () => model.activations(texts, wrong),
    () => model.streamActivations(texts, wrong),
    () => model.estimate(texts, wrong),
    () => model.logits(texts, wrong),
    () => readTexts('texts.txt', wrong),
    () => Activations.fromRows(heavyRows(1, 2), 2, wrong),
    () => Activations.open('folder', wrong),
    () => activations.withoutHighNorms(10, wrong),
    () => activations.save('folder', wrong),
    () => Explainer.fitIca(activations, { conceptCount: 2, ...wrong }),
    () => Explainer.fitPca(activations, { conceptCount: 2, ...wrong }),
    () => Explainer.fromDictionary({ dictionary: heavyRows(1, 2), inputWidth: 2, ...wrong }),
    () => Explainer.fromAutoencoder({ dictionary: heavyRows(1, 2), inputWidth: 2, activation: 'relu', ...wrong }),
    () => Explainer.openPublished('folder', wrong),
    () => compare([explainer], activations, wrong),
    () => explainer.topInputs(activations, wrong),
    () => explainer.topInputsOf(model, texts, wrong),
    () => explainer.explain(model, texts, wrong),
    () => explainer.explainActivations(activations, wrong),
    () => explainer.calibrate(activations, wrong),
    () => explainer.llmLabels(activations, { answer: () => 'x' }, wrong),
    () => Chat.open({ answer: () => 'x', ...wrong }),
    () => new Interventions().addDirection(2, heavyRows(1, 2), 1, wrong),
    () => new Interventions().ablateConcept(2, explainer, 0, wrong),
    () => new Interventions().clampConcept(2, explainer, 0, 1, wrong),
  ];
  for (const call of calls) {
    const error = await refused(TypeError, call);
    assert.match(error.message, /^there is no option granularty; there are \w+/, String(call));
    assert.equal(error.code, 'ERR_INVALID_ARG_VALUE');
  }
  // One that is there and undefined is one that was left out.
  (await model.inputs(texts, { granularty: undefined })).close();
});

test('errors about arguments have the codes of Node', async () => {
  const code = async (type, call) => (await refused(type, call)).code;
  assert.equal(await code(TypeError, () => SplitModel.load(5)), 'ERR_INVALID_ARG_TYPE');
  assert.equal(await code(TypeError, () => SplitModel.load('a\0b')), 'ERR_INVALID_ARG_VALUE');
  assert.equal(await code(TypeError, () => SplitModel.load('eidos:demo', { head: 'tail' })), 'ERR_INVALID_ARG_VALUE');
  assert.equal(await code(RangeError, () => activations.unit(activations.rowCount)), 'ERR_OUT_OF_RANGE');
});

test('handles show what they are', async () => {
  assert.match(inspect(model), /^SplitModel \{[^]*family: 'eurobert'/);
  assert.match(inspect([activations], { depth: 3 }), /Activations \{[^]*rowCount: \d+/);
  assert.equal(JSON.parse(JSON.stringify({ explainer })).explainer.conceptCount, explainer.conceptCount);
  assert.deepEqual(JSON.parse(JSON.stringify(new Interventions())), { count: 0 });
});
