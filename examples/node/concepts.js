// From texts to concepts in words: node concepts.js [MODEL [SPLIT [TEXTS [FOLDER]]]]
//
// MODEL is a folder, a Hub id or eidos:demo; SPLIT is a module path of it; TEXTS is a file with one text a line or JSON
// lines; results are saved in FOLDER.
import path from 'node:path';

import { Explainer, readTexts, SplitModel } from '@eidos/eidos';

const [id = 'eidos:demo', split = 'model.layers.2.mlp', file = 'assets/demo-texts.txt', folder] = process.argv.slice(2);
const texts = await readTexts(file);

/** A progress bar on a terminal's last line. @param {import('@eidos/eidos').Progress} progress */
function onProgress({ stage, done, total, elapsedSeconds }) {
  const bar = '#'.repeat(total && (done / total) * 30).padEnd(30);
  process.stderr.write(`\r${stage.padEnd(10)} [${bar}] ${elapsedSeconds.toFixed(1).padStart(5)}s `);
}

// 1. The modules of the model, to choose a split point from: no weights are read for that.
const tree = await SplitModel.load(id, { onProgress });
for (const { path, kind } of tree.modules.filter((module) => module.canSplit)) {
  console.log(path.padEnd(40), kind);
}

// 2. to 5. Split, collect, fit, and ask for the words that excite each concept most.
const model = await SplitModel.load(id, { splitPoints: [split], onProgress });
const [activations] = await model.activations(texts, { onProgress });
const explainer = await Explainer.fitIca(activations, { conceptCount: 20, onProgress });
const meaning = await explainer.topInputs(activations, { k: 10, onProgress });

process.stderr.write('\n');
console.log(`${activations.rowCount} words x ${activations.columnCount} columns`);
for (const { concept, positive } of meaning) {
  console.log(`Concept ${concept}: [${positive.map(({ text }) => `'${text}'`).join(', ')}]`);
}

// 6. Keep everything for later, or for another language.
if (folder) {
  await activations.save(path.join(folder, 'activations'));
  await explainer.save(path.join(folder, 'explainer.safetensors'));
  await meaning.save(path.join(folder, 'meaning.json'));
}
