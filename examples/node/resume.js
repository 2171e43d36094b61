// A long job that is cancelled, goes on where it stopped, and is opened again later: node resume.js FOLDER [TEXTS]
//
// FOLDER receives the results and must not hold those of another job; TEXTS is a file with one text a line or JSON lines.
import path from 'node:path';

import { Activations, Explainer, readTexts, SplitModel } from '@eidos/eidos';

const [folder, file = 'assets/demo-texts.txt'] = process.argv.slice(2);
if (!folder) {
  console.error('usage: node resume.js FOLDER [TEXTS]');
  process.exit(2);
}
const texts = await readTexts(file);
const activationsFolder = path.join(folder, 'activations');
const explainerFile = path.join(folder, 'explainer.safetensors');

// 1. Collect into a folder, in small shards, and cancel on the way: the complete shards stay.
const model = await SplitModel.load('eidos:demo', { splitPoints: ['model.layers.2.mlp'] });
const collect = { folder: activationsFolder, shardBytes: 1 << 18, batchTokens: 256 };
const controller = new AbortController();
try {
  await model.activations(texts, {
    ...collect,
    signal: controller.signal,
    onProgress: ({ stage, done }) => {
      if (stage === 'forward' && done > 0) controller.abort();
    },
  });
} catch (error) {
  if (!controller.signal.aborted) throw error;
  console.log('first run: cancelled');
}

// 2. The same call again goes on from there.
const [collected] = await model.activations(texts, collect);
console.log(`second run: ${collected.rowCount} words x ${collected.columnCount} columns`);

// 3. Fit and keep the concepts, and forget everything.
const fitted = await Explainer.fitIca(collected, { conceptCount: 10 });
await fitted.save(explainerFile);
for (const object of [model, collected, fitted]) object.close();

// 4. Another day, perhaps in another language: open both and ask what the concepts mean.
const activations = await Activations.open(activationsFolder);
const explainer = await Explainer.open(explainerFile);
const { rowCount } = activations;
console.log(`opened again: ${rowCount} words, ${explainer.conceptCount} concepts of ${explainer.splitPoint}`);
for (const { concept, positive } of await explainer.topInputs(activations, { k: 5 })) {
  console.log(`Concept ${concept}: [${positive.map(({ text }) => `'${text}'`).join(', ')}]`);
}
