// What a model says when a thought is put into it: node steering.js [TEXTS]
//
// Concepts are learned from TEXTS, one a line, at a module of the demo model. One of them is added there while
// the model reads a sentence, and it expects other words at the masked place.
import { Explainer, Interventions, readTexts, SplitModel } from '@eidos/eidos';

const [file = 'assets/demo-texts.txt'] = process.argv.slice(2);
const texts = await readTexts(file);
const split = 'model.layers.2.mlp';
const sentence = 'This movie is so<|mask|>.';
const word = ' funny'; // the concept is the one that this word excites

/** @param {import('@eidos/eidos').ReadonlyFloat32Array} logits */
function probabilities(logits) {
  const largest = Math.max(...logits);
  const powers = Array.from(logits, (logit) => Math.exp(logit - largest));
  const sum = powers.reduce((a, b) => a + b);
  return powers.map((power) => power / sum);
}

// 1. Concepts at a module of a model that is loaded as a whole, up to its head.
const model = await SplitModel.load('eidos:demo', { splitPoints: [split], whole: true });
const [words] = await model.activations(texts);
const explainer = await Explainer.fitIca(words, { conceptCount: 20 });
const meaning = await explainer.topInputs(words, { k: 10 });
const found = [...meaning].find(({ positive }) => positive.some(({ text }) => text === word));
if (!found) throw new Error(`no concept is about '${word}'`);
console.log(`Concept ${found.concept}:`, ...found.positive.map(({ text }) => `'${text}'`));

// 2. The rows of a sentence, one for each token. As they are, the model says the same as ever.
const input = await model.inputs([sentence]);
const [rows] = await model.activations(input, { granularity: 'all_tokens' });
const before = await model.logits(input);
const again = (await model.logits(input, { interventions: new Interventions().replace(split, rows) })).rows();
const same = before.rows().every((logit, index) => logit === again[index]);
console.log(`${sentence}\nfrom the rows as they are, the same logits: ${same ? 'yes' : 'no'}`);

// 3. A row of the dictionary is what one unit of a concept adds. Over the words that it was learned from, a concept has
// variance 1, so that its unit is a standard deviation: add as many as the word that excites it most has.
const width = explainer.inputWidth;
const direction = explainer.dictionary.subarray(found.concept * width, (found.concept + 1) * width);
const strength = found.positive[0].activation;
const interventions = new Interventions().addDirection(split, direction, strength);
const after = await model.logits(input, { interventions });

// 4. What the model expects at the masked place; Ġ is how the vocabulary writes a space.
const place = Array.from({ length: rows.rowCount }, (_, row) => rows.unit(row)).indexOf('<|mask|>');
const expected = probabilities(before.rows(place, 1));
const expectedAfter = probabilities(after.rows(place, 1));
const changes = expected.map((share, token) => ({ token, before: share, after: expectedAfter[token] }));
changes.sort((a, b) => b.after - b.before - (a.after - a.before));

/** @param {(typeof changes)[number]} change */
function show({ token, before, after }) {
  const [from, to] = [before, after].map((share) => `${(100 * share).toFixed(1).padStart(4)} %`);
  console.log(`  ${from} -> ${to}  ${model.logitName(token)}`);
}
console.log(`with ${strength.toFixed(1)} standard deviations of the concept in each row, more expected:`);
changes.slice(0, 5).forEach(show);
console.log('and less:');
changes.slice(-5).reverse().forEach(show);
