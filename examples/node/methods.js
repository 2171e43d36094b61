// Concepts of the same words by every method: node methods.js [MODEL [SPLIT [TEXTS]]]
//
// For each method: how many concepts there are, the share of the words' variance that is lost between encoding and decoding, how
// many codes of a word are not zero, and the words that excite its first concept most.
import { Explainer, readTexts, SplitModel } from '@eidos/eidos';

const [id = 'eidos:demo', split = 'model.layers.2.mlp', file = 'assets/demo-texts.txt'] = process.argv.slice(2);
const conceptCount = 20;

const model = await SplitModel.load(id, { splitPoints: [split] });
const [words] = await model.activations(await readTexts(file));
const [values, columns] = [words.rows(), words.columnCount];
const means = new Float64Array(columns);
for (let index = 0; index < values.length; index++) means[index % columns] += values[index] / words.rowCount;
const variance = squared(values, (index) => means[index % columns]);

console.log('method'.padEnd(20) + 'concepts' + 'lost'.padStart(10) + 'codes'.padStart(8) + '  words of the first concept');
await print(Explainer.fitIca(words, { conceptCount }));
await print(Explainer.fitPca(words, { conceptCount }));
await print(Explainer.fitSvd(words, { conceptCount }));
// Few columns for each concept: the penalty grows with the length of a column.
await print(Explainer.fitSparsePca(words, { conceptCount, penalty: 10, tolerance: 1e-3 }));
await print(Explainer.fitKmeans(words, { conceptCount }));
// The activations have negative values, which it takes for zero: what they say is lost.
await print(Explainer.fitNmf(words, { conceptCount, rectify: true }));
await print(Explainer.fitSemiNmf(words, { conceptCount }));
await print(Explainer.fitConvexNmf(words, { conceptCount }));
await print(Explainer.fitDictionaryLearning(words, { conceptCount, penalty: 0.5 }));
// Few steps for few words: by default it makes at least 4000.
await print(Explainer.fitSae(words, { conceptCount, kind: 'top_k', k: 5, steps: 500 }));
await print(Explainer.fitNeurons(words));
await print(Explainer.fitRandomDirections(words, { conceptCount }));

/**
 * The sum of the squared differences between values and others.
 * @param {ArrayLike<number>} values
 * @param {(index: number) => number} other
 */
function squared(values, other) {
  let sum = 0;
  for (let index = 0; index < values.length; index++) sum += (values[index] - other(index)) ** 2;
  return sum;
}

/** Prints one line of the table. @param {Promise<Explainer>} fit */
async function print(fit) {
  const explainer = await fit;
  const codes = await explainer.encode(values);
  const decoded = await explainer.decode(codes);
  const lost = (100 * squared(values, (index) => decoded[index])) / variance;
  const used = codes.reduce((count, code) => count + Number(code !== 0), 0) / words.rowCount;
  const [concept] = await explainer.topInputs(words, { k: 3, concepts: [0] });
  const listed = concept.positive.map(({ text }) => `'${text}'`).join(', ');
  const counted = String(explainer.conceptCount).padStart(8);
  console.log(`${explainer.method.padEnd(20)}${counted}${lost.toFixed(1).padStart(8)} %${used.toFixed(1).padStart(8)}  [${listed}]`);
  explainer.close();
}
