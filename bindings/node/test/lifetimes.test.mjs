// Handles are freed once, in any order, by close() or by the garbage collector.
import assert from 'node:assert/strict';
import test, { after } from 'node:test';

import { debugLiveHandles, Explainer } from '@eidos/eidos';

import { assertNothingLives, loadDemo, ownActivations, randomNumbers, texts } from './helpers.mjs';

after(assertNothingLives);

/** One object of each class, each made of the one before, with views of them. */
async function family() {
  const model = await loadDemo();
  const [activations] = await model.activations(texts.slice(0, 10));
  const explainer = await Explainer.fitIca(activations, { conceptCount: 2, maxIterations: 5 });
  const meaning = await explainer.topInputs(activations);
  const explanation = await explainer.explainActivations(activations, { interpretation: meaning });
  return { model, activations, explainer, meaning, explanation, tensor: activations.toDLPack() };
}

test('close() frees at once', async () => {
  await assertNothingLives();
  const objects = Object.values(await family());
  const handles = objects.length - 1; // a DLPack tensor is no handle
  assert.equal(debugLiveHandles(), handles);
  for (const object of objects) object.close();
  assert.equal(debugLiveHandles(), 0);
});

test('random orders', async () => {
  const random = randomNumbers(5);
  const closeSome = async () => {
    for (const object of Object.values(await family()).sort(() => random() - 0.5)) if (random() < 0.7) object.close();
  };
  for (let round = 0; round < 8; round++) await closeSome();
  await assertNothingLives();
});

test('the garbage collector frees what nobody closed', async () => {
  for (let round = 0; round < 3; round++) await family();
  await assertNothingLives();
});

test('children live without their parents', async () => {
  const { model, activations, explainer, meaning, explanation, tensor } = await family();
  const [before, units] = [meaning.concepts, explanation.units];
  model.close();
  activations.close();
  explainer.close();
  assert.deepEqual(meaning.concepts, before);
  assert.equal(tensor.rowCount > 0, true);
  meaning.close();
  assert.deepEqual(explanation.units, units);
  explanation.close();
  tensor.close();
});

test('Symbol.dispose closes', async () => {
  const activations = ownActivations();
  activations[Symbol.dispose]();
  assert.equal(activations.closed, true);
});

test('thousands of objects', async () => {
  for (let round = 0; round < 2000; round++) ownActivations(3, 2).rows();
  await assertNothingLives();
});
