// What the block for Node of the README presupposes.
// prints: Concept 4: ' jokes'
import { Explainer, readTexts, SplitModel } from '@eidos/eidos';

const texts = await readTexts('assets/demo-texts.txt');
// BLOCKS
console.log(`Concept 4: '${meaning.concepts[4].positive[0].text}'`);
