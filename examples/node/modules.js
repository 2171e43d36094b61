// The modules of a model, to choose a split point from: node modules.js [MODEL]
//
// MODEL is a folder, a Hub id or eidos:demo. No weights are read.
import { SplitModel } from '@eidos/eidos';

const [id = 'eidos:demo'] = process.argv.slice(2);

const { modules } = await SplitModel.load(id);
for (const { path, kind, canSplit } of modules) {
  console.log(canSplit ? '*' : ' ', path.padEnd(40), kind);
}
const splitPoints = modules.filter((module) => module.canSplit);
console.log(`${modules.length} modules, ${splitPoints.length} of them (*) can be split points`);
console.log('where to start, and what part of the blocks a run up to there takes:');
for (const { path, width, cost } of modules.filter((module) => module.isRecommended)) {
  console.log(' ', path.padEnd(40), width, 'columns,', Math.floor(100 * cost + 0.5), '%');
}
