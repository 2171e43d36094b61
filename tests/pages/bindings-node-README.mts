// What the blocks in TypeScript of the README for Node presuppose.
// prints: 0 words on films
import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import {
  Chat, Explainer, heatMapSvg, mapSvg, readTexts, reportHtml, saveCodesCsv, saveNeuronpedia, saveReport, SplitModel,
} from '@eidos/eidos';

const model = await SplitModel.load('eidos:demo', { splitPoints: ['model.layers.2.mlp'] });
const activations = (await model.activations(await readTexts('corpus.txt')))[0]!;
const explainer = await Explainer.fitIca(activations, { conceptCount: 6 });
const interpretation = await explainer.topInputs(activations);
// BLOCKS
