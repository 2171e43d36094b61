// Which concepts fire on the units of texts.
import assert from 'node:assert/strict';
import test, { after, before } from 'node:test';

import { Activations, Explainer, SplitModel } from '@eidos/eidos';

import { assertNothingLives, loadDemo, splitPoint, texts } from './helpers.mjs';

let model, activations, explainer, interpretation;

before(async () => {
  model = await loadDemo();
  [activations] = await model.activations(texts);
  explainer = await Explainer.fitIca(activations, { conceptCount: 5, maxIterations: 30 });
  interpretation = await explainer.topInputs(activations, { k: 3 });
});
after(async () => {
  for (const object of [interpretation, explainer, model, activations]) object.close();
  await assertNothingLives();
});

test('what fires is what the codes and moments say', async () => {
  const explanation = await explainer.explainActivations(activations, { k: 3, leastDeviations: 0.5, negativePole: true });
  const codes = await explainer.encode(activations.rows());
  const moments = Array.from({ length: 5 }, (_, concept) => explainer.moments(concept));
  assert.equal(explanation.unitCount, activations.rowCount);
  const found = new Set();
  explanation.units.forEach(({ firings }, unit) => {
    const deviations = moments.map(({ mean, deviation }, concept) => (codes[unit * 5 + concept] - mean) / deviation);
    const expected = [0, 1, 2, 3, 4]
      .filter((concept) => Math.abs(deviations[concept]) >= 0.5)
      .sort((a, b) => Math.abs(deviations[b]) - Math.abs(deviations[a]))
      .slice(0, 3);
    assert.deepEqual(firings.map(({ concept }) => concept), expected);
    for (const firing of firings) {
      assert.equal(firing.activation, codes[unit * 5 + firing.concept]);
      assert.ok(Math.abs(firing.deviations - deviations[firing.concept]) < 1e-4);
      assert.equal(firing.pole, firing.deviations < 0 ? 'negative' : 'positive');
      assert.ok(firing.percentile >= 0 && firing.percentile <= 100);
      found.add(firing.pole);
    }
    assert.deepEqual(explanation.firings(unit), firings);
  });
  assert.equal(found.size, 2);
  assert.throws(() => explanation.firings(explanation.unitCount), RangeError);
  const byDefault = await explainer.explainActivations(activations);
  assert.ok(byDefault.units.every(({ firings }) => firings.every(({ deviations }) => deviations >= 2)));
});

test('units stand in their texts, in JavaScript\'s count', async () => {
  const given = ['a warm 😀 film with a café', '', 'ça – déjà vu', 'the end'];
  const explanation = await explainer.explain(model, given);
  assert.deepEqual(Array.from({ length: explanation.textCount }, (_, index) => explanation.text(index)), given);
  const [rows] = await model.activations(given);
  assert.equal(explanation.unitCount, rows.rowCount);
  explanation.units.forEach(({ text, span }, unit) => {
    assert.equal(text, rows.unit(unit));
    assert.deepEqual(span, rows.unitSpan(unit));
    assert.equal(given[span.textIndex].slice(span.begin, span.end), text);
  });
  assert.throws(() => explanation.text(4), RangeError);
});

test('concepts have the names of the interpretation', async () => {
  const options = { k: 5, leastDeviations: 0.01, negativePole: true };
  const explanation = await explainer.explain(model, ['a funny film'], { ...options, interpretation });
  const concepts = explanation.units.flatMap(({ firings }) => firings.map(({ concept }) => concept));
  assert.ok(concepts.length > 0);
  for (const concept of concepts) {
    const expected = interpretation.concepts[concept].positive.map(({ text }) => `'${text}'`).join(', ');
    assert.equal(explanation.name(concept), expected);
    assert.equal(explanation.name(concept, 'negative'), undefined); // it is not interpreted
  }
  assert.equal(explanation.name(99), undefined);
  assert.throws(() => explanation.name(0, 'north'), TypeError);
  const nameless = await explainer.explain(model, ['a funny film'], options);
  assert.equal(nameless.name(concepts[0]), undefined);
});

test('of texts, of inputs and of activations the same, as JSON', async () => {
  const expected = await explainer.explainActivations(activations, { interpretation });
  for (const inputs of [texts, await model.inputs(texts)]) {
    const found = await explainer.explain(model, inputs, { interpretation, threads: 1 });
    assert.equal(found.json, expected.json);
  }
  const json = JSON.parse(JSON.stringify(expected));
  assert.deepEqual([json.format, json.split_point, json.units.length], ['eidos.explanation', splitPoint, activations.rowCount]);
});

test('as a string, a line for each unit or concept', async () => {
  assert.match(String(interpretation), /^Concept 0: '[^\n]*'\nConcept 1: '/);
  const options = { leastDeviations: 0.01, interpretation };
  const explanation = await explainer.explain(model, 'a dull film', options); // a single text will do
  assert.match(String(explanation), /^a dull film\n  'a': nothing\n  ' dull': concept \d+ '[^\n]*\(\d\.\d standard deviations, above \d+\.\d % of the rows\)/);
  assert.equal(String(explanation).split('\n').length, 1 + explanation.unitCount);
  explanation.close();
  assert.equal(String(explanation), 'Explanation (closed)');
});

test('rows and a dictionary of one\'s own', async () => {
  const own = Explainer.fromDictionary({ dictionary: explainer.dictionary.slice(), inputWidth: 192 });
  const rows = Activations.fromRows(activations.copyRows(), 192);
  await assert.rejects(own.explainActivations(rows), { code: 'invalid_argument', hint: /calibrate/ });
  assert.throws(() => own.moments(0), { code: 'invalid_argument' });
  const calibrated = await own.calibrate(rows);
  const codes = await own.encode(rows.rows());
  const mean = codes.filter((_, index) => index % 5 === 1).reduce((sum, code) => sum + code, 0) / rows.rowCount;
  assert.ok(Math.abs(calibrated.moments(1).mean - mean) < 1e-4 && calibrated.moments(1).deviation > 0);
  assert.throws(() => calibrated.moments(5), RangeError);
  const explanation = await calibrated.explainActivations(rows);
  assert.equal(explanation.textCount, 0);
  assert.deepEqual(Object.keys(explanation.units[3]), ['text', 'firings']);
  assert.equal(explanation.units[3].text, 'row 3');
  await assert.rejects(own.calibrate(rows.spread(() => {})), /spread/);
});

test('wrong requests, and cancelling', async () => {
  await assert.rejects(explainer.explainActivations(activations, { k: 0 }), { code: 'invalid_argument' });
  await assert.rejects(explainer.explainActivations(activations, { leastDeviations: -1 }), { code: 'invalid_argument' });
  await assert.rejects(explainer.explainActivations(activations, { interpretation: explainer }), TypeError);
  await assert.rejects(explainer.explain(activations, texts), TypeError);
  const other = await SplitModel.load('eidos:demo', { splitPoints: ['model.layers.1.mlp'] });
  await assert.rejects(explainer.explain(other, texts), { code: 'mismatch' });
  const signal = AbortSignal.abort();
  await assert.rejects(explainer.explain(model, texts, { signal }), { name: 'AbortError' });
  await assert.rejects(explainer.calibrate(activations, { signal }), { name: 'AbortError' });
});

test('what an explanation is made of may be closed while it is made', async () => {
  const again = await Explainer.fitIca(activations, { conceptCount: 5, maxIterations: 30 });
  const meaning = await again.topInputs(activations, { k: 3 });
  const promise = again.explain(model, texts, { interpretation: meaning });
  again.close();
  meaning.close();
  const expected = await explainer.explain(model, texts, { interpretation });
  assert.equal((await promise).json, expected.json);
});
