// How good concepts are.
import assert from 'node:assert/strict';
import test, { after } from 'node:test';

import { compare, Explainer } from '@eidos/eidos';

import { assertNothingLives, ownActivations, rejection } from './helpers.mjs';

after(assertNothingLives);

test('explainers are measured on the same rows', async () => {
  const activations = ownActivations(400, 4);
  const [ica, pca] = await Promise.all([
    Explainer.fitIca(activations, { conceptCount: 2 }),
    Explainer.fitPca(activations, { conceptCount: 4 }),
  ]);
  const meaning = await ica.topInputs(activations, { k: 3 });
  const { format, row_count, explainers, stability } = await compare([ica, pca], activations, {
    interpretations: [meaning, undefined], threads: 1,
  });
  assert.equal(format, 'eidos.metrics');
  assert.equal(row_count, 400);
  assert.deepEqual(explainers.map(({ method, concept_count }) => [method, concept_count]), [['ica', 2], ['pca', 4]]);
  // As many principal components as columns lose nothing.
  assert.ok(explainers[1].reconstruction.fraction_of_variance_unexplained < 1e-9);
  assert.ok(explainers[0].reconstruction.fraction_of_variance_unexplained > 0.01);
  assert.equal(explainers[0].sparsity.l0, 2);
  assert.equal(explainers[0].coherence.concepts.length, 2);
  assert.equal(explainers[1].coherence, null);
  assert.deepEqual([stability.length, stability[0].first, stability[0].second], [1, 0, 1]);
  const [alone] = (await compare([ica], activations)).explainers;
  assert.deepEqual(alone.sparsity, explainers[0].sparsity);
  for (const object of [meaning, ica, pca, activations]) object.close();
});

test('what cannot be measured', async () => {
  const [activations, narrow] = [ownActivations(100, 4), ownActivations(10, 2)];
  const explainer = await Explainer.fitIca(activations, { conceptCount: 2 });
  const code = async (...args) => (await rejection(compare(...args))).code;
  assert.equal(await code([], activations), 'invalid_argument');
  assert.equal(await code([explainer], narrow), 'mismatch');
  assert.equal(await code([explainer], activations, { denseShare: 2 }), 'invalid_argument');
  assert.equal(await code(explainer, activations), 'ERR_INVALID_ARG_TYPE');
  assert.equal(await code([explainer], activations, { interpretations: [] }), 'ERR_INVALID_ARG_TYPE');
  assert.equal(await code([explainer], activations, { dense_share: 0.5 }), 'ERR_INVALID_ARG_VALUE');
  assert.equal(await code([activations], activations), 'ERR_INVALID_ARG_TYPE');
  for (const object of [explainer, activations, narrow]) object.close();
});
