// Concepts with names, written by a language model: node labels.js [CHAT_MODEL [MODEL [SPLIT [TEXTS [CONCEPTS]]]]]
//
// CHAT_MODEL is a model behind an OpenAI-compatible server: OPENAI_BASE_URL says where (by default OpenAI itself) and
// OPENAI_API_KEY who pays. Answers are kept in the folder labels-cache. Without CHAT_MODEL, or with -, nothing is asked: the
// first prompt and an estimate of the cost are printed. TEXTS is a file with one text a line or JSON lines.
import { Chat, Explainer, readTexts, SplitModel } from '@eidos/eidos';

const [chatModel = '-', id = 'eidos:demo', split = 'model.layers.2.mlp', file = 'assets/demo-texts.txt', count = '20'] =
  process.argv.slice(2);
const texts = await readTexts(file);

const model = await SplitModel.load(id, { splitPoints: [split] });
const [activations] = await model.activations(texts);
const explainer = await Explainer.fitIca(activations, { conceptCount: Number(count) });

if (chatModel === '-') {
  const plan = await explainer.llmLabels(activations, { model: chatModel }, { scorePassages: 20, dryRun: true });
  process.stdout.write(plan.concepts[0]?.positiveLabel?.prompt ?? '');
  console.log(`About ${cost(plan)}`);
} else {
  const chat = await Chat.open({ model: chatModel, cacheFolder: 'labels-cache' });
  const meaning = await explainer.llmLabels(activations, chat, { scorePassages: 20 });
  for (const { concept, positiveLabel } of meaning) {
    const { text = '-', score, error } = positiveLabel ?? {};
    console.log(String(concept).padStart(4), (score?.toFixed(2) ?? '').padStart(4), text, error?.message ?? '');
  }
  console.log(cost(meaning));
}

/** What labels cost, in a line. @param {import('@eidos/eidos').Interpretation} meaning */
function cost({ labelUsage }) {
  const { requests, cached, promptTokens, completionTokens } = labelUsage;
  const tokens = `${promptTokens} tokens of questions, ${completionTokens} of answers`;
  return `${requests} requests and ${cached} answers from the cache: ${tokens}`;
}
