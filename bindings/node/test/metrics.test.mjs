// How good concepts are.
import assert from 'node:assert/strict';
import test, { after } from 'node:test';

import { compare, compareThroughModel, Explainer, SplitModel } from '@eidos/eidos';

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
    interpretations: [meaning, undefined], threads: 1, details: true,
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
  assert.deepEqual([explainers[0].reconstruction.explained_variance.length, explainers[0].sparsity.densities.length], [4, 2]);
  const [alone] = (await compare([ica], activations, { interpretations: [meaning] })).explainers;
  const { densities, density_histogram, ...sparsity } = explainers[0].sparsity;
  assert.deepEqual(alone.sparsity, sparsity);
  assert.deepEqual(alone.coherence, { mean: explainers[0].coherence.mean });
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

test('what a model loses through an explainer', async () => {
  const films = ['a warm and funny film', 'what a waste of two hours'];
  const model = await SplitModel.load('eidos:demo', { splitPoints: [1], whole: true });
  const [activations] = await model.activations(films);
  const own = await Explainer.fitNeurons(activations);
  const pca = await Explainer.fitPca(activations, { conceptCount: 2 });
  const found = await compareThroughModel(model, films, 1, [own, pca], { threads: 1 });
  assert.deepEqual([found.format, found.predicted, found.text_count], ['eidos.model_metrics', 'token', 2]);
  // Rows that are put back as they are lose nothing.
  assert.equal(found.explainers[0].loss_recovered, 1);
  assert.equal(found.explainers[0].loss, found.loss.original);
  assert.ok(found.explainers[1].divergence > 0 && found.divergence.zero > 0);
  const code = async (...args) => (await rejection(compareThroughModel(...args))).code;
  assert.equal(await code(model, films, 1, []), 'invalid_argument');
  assert.equal(await code(model, films, 'model.layers.0', [own]), 'invalid_argument');
  assert.equal(await code(model, films, 1, [own], { labels: [1, 0] }), 'invalid_argument');
  assert.equal(await code(model, films, 1, own), 'ERR_INVALID_ARG_TYPE');
  assert.equal(await code(model, films, 1, [own], { labels: [-1] }), 'ERR_INVALID_ARG_TYPE');
  for (const object of [own, pca, activations, model]) object.close();
});
