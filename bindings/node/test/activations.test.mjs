// One's own rows, views, files and DLPack.
import assert from 'node:assert/strict';
import path from 'node:path';
import test, { after } from 'node:test';

import { Activations, debugLiveHandles, DLPackTensor } from '@eidos/eidos';

import { assertNothingLives, collectGarbage, ownActivations, temporaryFolder } from './helpers.mjs';

after(assertNothingLives);

const rows = Float32Array.of(1, 2, 3, 4, 5, 6);

test('rows of our own', () => {
  const activations = Activations.fromRows(rows, 3, { units: ['a', 'b'] });
  assert.equal(activations.rowCount, 2);
  assert.equal(activations.columnCount, 3);
  assert.equal(activations.textCount, 0);
  assert.equal(activations.granularity, undefined);
  assert.equal(activations.aggregation, undefined);
  assert.equal(activations.model, '');
  assert.equal(activations.splitPoint, '');
  assert.deepEqual([activations.unit(0), activations.unit(1)], ['a', 'b']);
  assert.equal(Activations.fromRows(rows, 3).unit(0), undefined);
});

test('rows are copied in', () => {
  const mine = rows.slice();
  const activations = Activations.fromRows(mine, 3);
  mine[0] = 99;
  assert.equal(activations.rows()[0], 1);
});

test('rows of a shared buffer and of a part of an array', () => {
  const shared = new Float32Array(new SharedArrayBuffer(24));
  shared.set(rows);
  assert.deepEqual(Activations.fromRows(shared, 2).rows(), rows);
  const part = Float32Array.of(9, ...rows, 9).subarray(1, 7);
  assert.deepEqual(Activations.fromRows(part, 2).rows(), rows);
});

test('views show the memory of the library, copies do not', () => {
  const activations = Activations.fromRows(rows, 3);
  const [first, second] = [activations.rows(), activations.rows()];
  assert.deepEqual(first, rows);
  assert.deepEqual(activations.rows(1), Float32Array.of(4, 5, 6));
  assert.deepEqual(activations.rows(1, 0), new Float32Array(0));
  assert.deepEqual(activations.rows(0, 1), Float32Array.of(1, 2, 3));
  first[0] = 7; // the types forbid it; it shows that both are one memory
  assert.equal(second[0], 7);
  const copy = activations.copyRows(0, 1);
  copy[0] = 8;
  assert.equal(first[0], 7);
});

test('a view outlives close() and the object, and then lets go', async () => {
  let view = ownActivations().rows();
  const expected = view.slice();
  await collectGarbage();
  assert.deepEqual(view, expected);
  const activations = ownActivations();
  let [other] = [activations.rows()];
  activations.close();
  await collectGarbage();
  assert.deepEqual(other, expected);
  assert.throws(() => activations.rows(), { code: 'invalid_handle' });
  assert.ok(debugLiveHandles() >= 2);
  view = other = undefined;
  await assertNothingLives();
});

test('a view cannot be transferred away from its memory', () => {
  const { buffer } = ownActivations().rows();
  const size = buffer.byteLength;
  for (const transfer of [() => structuredClone(buffer, { transfer: [buffer] }), () => buffer.transfer()]) {
    try {
      transfer();
    } catch (error) {
      assert.match(error.message, /transfer/);
    }
    assert.equal(buffer.byteLength, size);
  }
});

test('saved and opened', async () => {
  const folder = path.join(temporaryFolder(), 'saved');
  const activations = Activations.fromRows(rows, 3, { units: ['a', 'b'] });
  const stages = [];
  await activations.save(folder, { onProgress: ({ stage }) => stages.push(stage) });
  assert.ok(stages.every((stage) => stage === 'write'));
  const opened = await Activations.open(folder);
  assert.deepEqual(opened.copyRows(), rows);
  assert.equal(opened.unit(1), 'b');
  assert.equal(opened.isOnDisk, true);
  const copied = await Activations.open(folder, { copy: true });
  assert.deepEqual(copied.copyRows(), rows);
  assert.equal(copied.isOnDisk, false);
  await assert.rejects(Activations.open('', { copy: true }), { code: 'invalid_argument' });
  await assert.rejects(Activations.open(folder, { copy: 1 }), TypeError);
});

test('DLPack there and back without a copy', () => {
  const activations = Activations.fromRows(rows, 3);
  const tensor = activations.toDLPack();
  assert.equal(typeof tensor.address, 'bigint');
  assert.equal(tensor.rowCount, 2);
  activations.close();
  const again = Activations.fromDLPack(tensor, { units: ['a', 'b'] });
  assert.equal(tensor.closed, true);
  assert.throws(() => tensor.address, { code: 'invalid_handle' });
  assert.deepEqual(again.rows(), rows);
  assert.equal(again.unit(1), 'b');
});

test('a tensor that nobody takes is deleted', async () => {
  const tensor = ownActivations().toDLPack();
  tensor.close();
  tensor.close();
});
