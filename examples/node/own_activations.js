// Concepts of a matrix that came from elsewhere, without a model: node own_activations.js
//
// Three independent sources are mixed into six columns; ICA finds the sources again. The numbers are drawn with integers only,
// so that this example prints the same in every language.
import { Activations, Explainer } from '@eidos/eidos';

const rowCount = 2000;
const mixing = [
  [2, -1, 0, 1, 3, 1],
  [1, 1, -2, 0, 1, -3],
  [0, 2, 1, -1, 1, 1],
];
const [columns] = mixing;

let state = 1n;

/** The next draw of a linear congruential generator, between -1 and 1, to the fifth power: mostly small, rarely large. */
function draw() {
  state = BigInt.asUintN(64, state * 6364136223846793005n + 1442695040888963407n);
  const u = Number(state >> 40n) / 8388608 - 1;
  return u * u * u * u * u;
}

const rows = new Float32Array(rowCount * columns.length);
for (let row = 0; row < rowCount; row++) {
  const sources = mixing.map(draw);
  columns.forEach((_, column) => {
    const mixed = sources.reduce((sum, value, source) => sum + value * mixing[source][column], 0);
    rows[row * columns.length + column] = mixed + column;
  });
}
const units = Array.from({ length: rowCount }, (_, row) => `row ${row}`);

const activations = Activations.fromRows(rows, columns.length, { units });
const explainer = await Explainer.fitIca(activations, { conceptCount: mixing.length });
const meaning = await explainer.topInputs(activations, { k: 3 });
const decoded = await explainer.decode(await explainer.encode(rows));

const { converged } = explainer.fitReport;
console.log(`${activations.rowCount} rows x ${activations.columnCount} columns, ${converged ? 'converged' : 'not converged'}`);
for (const { concept, positive } of meaning) {
  console.log(`Concept ${concept}:`, ...positive.map(({ text, activation }) => `'${text}' ${activation.toFixed(2)}`));
}
const largest = decoded.reduce((error, value, index) => Math.max(error, Math.abs(value - rows[index])), 0);
console.log(`decoding gives the rows back: ${largest < 1e-4 ? 'yes' : 'no'}`);
