// Which concepts fire on the words of new texts: node explain.js [MODEL [SPLIT [TEXTS]]]
//
// Concepts are learned from TEXTS, one text a line or JSON lines, at the module SPLIT of MODEL: a folder, a Hub id or
// eidos:demo.
import { Explainer, readTexts, SplitModel } from '@eidos/eidos';

// None of them is among the texts that the concepts are learned from.
const newTexts = ['His jokes are tired, but her voice is wonderful.', 'A quiet film about war, with beautiful songs.'];

const [id = 'eidos:demo', split = 'model.layers.2.mlp', file = 'assets/demo-texts.txt'] = process.argv.slice(2);

/** A progress bar on a terminal's last line. @param {import('@eidos/eidos').Progress} progress */
function onProgress({ stage, done, total, elapsedSeconds }) {
  const bar = '#'.repeat(total && (done / total) * 30).padEnd(30);
  process.stderr.write(`\r${stage.padEnd(10)} [${bar}] ${elapsedSeconds.toFixed(1).padStart(5)}s `);
}

// 1. Concepts, and the words that excite each of them most, by which it is known.
const texts = await readTexts(file);
const model = await SplitModel.load(id, { splitPoints: [split], onProgress });
const [words] = await model.activations(texts, { onProgress });
const explainer = await Explainer.fitIca(words, { conceptCount: 20, onProgress });
const meaning = await explainer.topInputs(words, { onProgress });

// 2. New texts: the two concepts that fire most on each word, where they lie two standard deviations from their mean.
const explanation = await explainer.explain(model, newTexts, { interpretation: meaning, k: 2, onProgress });
process.stderr.write('\n');

for (const { concept, positive } of meaning) {
  console.log(`Concept ${concept}: [${positive.map(({ text }) => `'${text}'`).join(', ')}]`);
}
let last;
for (const { text, span, firings } of explanation) {
  if (span && span.textIndex !== last) console.log(explanation.text((last = span.textIndex)));
  console.log(`  '${text}': ${firings.map(described).join('; ') || 'nothing'}`);
}

/** `concept 3 ' film', ' movie' (4.1 standard deviations, above 99.8 % of the words)` @param {import('@eidos/eidos').Firing} firing */
function described({ concept, pole, deviations, percentile }) {
  const name = explanation.name(concept, pole) ?? '';
  return `concept ${concept} ${name} (${deviations.toFixed(1)} standard deviations, above ${percentile.toFixed(1)} % of the words)`;
}
