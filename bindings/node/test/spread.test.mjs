// Fits on rows that are spread over several processes; here, each call plays one.
import assert from 'node:assert/strict';
import test, { after } from 'node:test';

import { Activations, EidosError, Explainer } from '@eidos/eidos';

import { assertNothingLives, heavyRows, rejection } from './helpers.mjs';

const COLUMNS = 6;

/** Rows of heavy-tailed sources, mixed. */
function rows(count) {
  const [sources, mixing] = [heavyRows(count, COLUMNS), heavyRows(COLUMNS, COLUMNS, 2).map(Math.cbrt)];
  return sources.map((_, index) => {
    const [row, column] = [Math.floor(index / COLUMNS), index % COLUMNS];
    let sum = 0;
    for (let source = 0; source < COLUMNS; source++) sum += sources[row * COLUMNS + source] * mixing[source * COLUMNS + column];
    return sum;
  });
}

after(assertNothingLives);

/** The functions of two processes that add each other's values. */
function pair() {
  let waiting;
  return [0, 1].map(() => async (values) => {
    if (waiting === undefined) {
      const sums = await new Promise((resolve) => (waiting = { values: values.slice(), resolve }));
      values.set(sums);
    } else {
      const other = waiting;
      waiting = undefined;
      const sums = values.map((value, index) => other.values[index] + value);
      values.set(sums);
      other.resolve(sums);
    }
  });
}

test('two processes with a part of the rows each find what one finds', async () => {
  const all = rows(3000);
  const whole = Activations.fromRows(all, COLUMNS);
  const shares = [all.subarray(0, 1100 * COLUMNS), all.subarray(1100 * COLUMNS)];
  for (const fit of [
    (activations) => Explainer.fitIca(activations, { conceptCount: 4, threads: 1 }),
    (activations) => Explainer.fitPca(activations, { conceptCount: 4, threads: 1 }),
  ]) {
    const alone = await fit(whole);
    const add = pair();
    const [left, right] = await Promise.all(
      shares.map((share, process) => fit(Activations.fromRows(share, COLUMNS).spread(add[process]))),
    );
    assert.deepEqual([...left.dictionary], [...right.dictionary]);
    const largest = Math.max(...alone.dictionary.map(Math.abs));
    alone.dictionary.forEach((value, index) => assert.ok(Math.abs(value - left.dictionary[index]) < 1e-3 * largest));
    assert.equal(left.fitReport.steps, right.fitReport.steps);
  }
});

test('a process that is alone may add nothing, at once or later', async () => {
  const activations = Activations.fromRows(rows(500), COLUMNS);
  const alone = await Explainer.fitPca(activations, { conceptCount: 3 });
  for (const reduce of [() => {}, async () => {}]) {
    const share = activations.spread(reduce);
    assert.deepEqual(share.copyRows(), activations.copyRows());
    const fitted = await Explainer.fitPca(share, { conceptCount: 3 });
    assert.deepEqual([...fitted.dictionary], [...alone.dictionary]);
  }
});

test('what the function throws ends the fit', async () => {
  const activations = Activations.fromRows(rows(500), COLUMNS);
  const gone = new Error('the network is gone');
  for (const reduce of [
    () => {
      throw gone;
    },
    () => Promise.reject(gone),
  ]) {
    assert.equal(await rejection(Explainer.fitIca(activations.spread(reduce), { conceptCount: 3 })), gone);
  }
  assert.throws(() => activations.spread('sum'), TypeError);
  const error = await rejection(Explainer.fitIca(activations.spread(() => {}), { conceptCount: 99 }));
  assert.ok(error instanceof EidosError && error.code === 'invalid_argument');
});

test('a fit that waits for another process can be cancelled', async () => {
  const controller = new AbortController();
  const never = Activations.fromRows(rows(500), COLUMNS).spread(() => {
    controller.abort(new Error('enough'));
    return new Promise(() => {});
  });
  const error = await rejection(Explainer.fitIca(never, { conceptCount: 3, signal: controller.signal }));
  assert.equal(error.message, 'enough');
});
