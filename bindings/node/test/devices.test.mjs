// The features of the library, and the GPUs that it could use; where there is none, the reason.
import assert from 'node:assert/strict';
import test, { after } from 'node:test';

import { EidosError, features, listDevices, SplitModel } from '@eidos/eidos';

import { assertNothingLives, demoTexts, rejection } from './helpers.mjs';

after(assertNothingLives);
const split = 'model.layers.1.mlp';

test('features are named', () => {
  assert.ok(features().includes('demo-model'));
  assert.equal(new Set(features()).size, features().length);
});

test('the list has devices or a reason', async () => {
  const devices = listDevices();
  const cuda = features().includes('cuda');
  assert.equal(devices.reason === null, devices.gpus.some((gpu) => gpu.problem === null));
  assert.equal(devices.libraries.length === 0, !cuda);
  if (!cuda) {
    assert.deepEqual(devices.gpus, []);
    assert.match(devices.reason, /no CUDA/);
  }
  for (const gpu of devices.gpus) assert.ok(gpu.name && gpu.freeMemory <= gpu.totalMemory);
  const deviceIndex = devices.gpus.length;
  const error = await rejection(SplitModel.load('eidos:demo', { splitPoints: [split], device: 'cuda', deviceIndex }));
  assert.ok(error instanceof EidosError);
  assert.equal(error.code, 'device');
  assert.ok(error.message.includes(`no CUDA device ${deviceIndex}`), error.message);
});

test('automatic is the CPU where no GPU works', async (context) => {
  if (listDevices().reason === null) return context.skip('there is a GPU');
  const model = await SplitModel.load('eidos:demo', { splitPoints: [split], device: 'auto' });
  const expected = await SplitModel.load('eidos:demo', { splitPoints: [split] });
  const rows = async (model) => {
    const [activations] = await model.activations(demoTexts.slice(0, 2));
    const copy = Array.from(activations.rows());
    activations.close();
    model.close();
    return copy;
  };
  assert.deepEqual(await rows(model), await rows(expected));
});
