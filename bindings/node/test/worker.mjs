// What a worker does in workers.test.mjs.
import { parentPort, workerData } from 'node:worker_threads';

import { Explainer } from '@eidos/eidos';

import { endless, endlessActivations, loadDemo, texts } from './helpers.mjs';

const { conceptCount, close, busy } = workerData;
if (busy) {
  setTimeout(() => (busy.exit ? process.exit(0) : parentPort.postMessage('busy')), 100);
  await Explainer.fitIca(endlessActivations(), { ...endless, ...busy.options });
}
const model = await loadDemo();
const [activations] = await model.activations(texts, { threads: 1 });
const explainer = await Explainer.fitIca(activations, { conceptCount, maxIterations: 20, threads: 1 });
parentPort.postMessage(explainer.dictionary.slice());
if (close) for (const object of [model, activations, explainer]) object.close();
