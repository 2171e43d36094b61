// What the compiler must accept and refuse. It is compiled, not run.
import {
  Activations,
  Chat,
  debugLiveHandles,
  DLPackTensor,
  EidosError,
  Explainer,
  Explanation,
  Inputs,
  Interpretation,
  Interventions,
  SplitModel,
  version,
  type ChatRequest,
  type ChatSpending,
  type ConceptInputs,
  type ConceptLabel,
  type ErrorCode,
  type ExplainedUnit,
  type Firing,
  type LabelUsage,
  type LogMessage,
  type Pole,
  type Progress,
  type ReadonlyFloat32Array,
  type Stage,
  type UnitSpan,
} from '@eidos/eidos';

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
function same<A, B>(_proof: Equal<A, B>): void {}

const signal = new AbortController().signal;
const onProgress = ({ stage, done, total, elapsedSeconds }: Progress): void => {
  same<typeof stage, Stage>(true);
  console.log(done / total, elapsedSeconds);
};

// Models.
const model = await SplitModel.load('eidos:demo', { splitPoints: ['model.layers.2.mlp', 3], device: 'cpu', signal, onProgress });
same<typeof model, SplitModel>(true);
const { modules, splitPoints, name } = model;
same<typeof name, string>(true);
const canSplit: boolean = modules[0]!.canSplit;
const width: number = splitPoints[0]!.width;
// @ts-expect-error: an id is text
await SplitModel.load(5);
// @ts-expect-error: no such head
await SplitModel.load('eidos:demo', { head: 'tail' });
// @ts-expect-error: a list, not one
await SplitModel.load('eidos:demo', { splitPoints: 'model.layers.2.mlp' });
// @ts-expect-error: a misspelt option
await SplitModel.load('eidos:demo', { splitPoint: [] });
// @ts-expect-error: not made with new
new SplitModel();
// @ts-expect-error: modules are read only
modules.push({ path: '', kind: '', canSplit: false });
// @ts-expect-error: names are read only
model.name = 'other';

// Activations.
const frozen: readonly string[] = ['a text'];
const [activations] = await model.activations(frozen, { granularity: 'word', aggregation: 'mean', folder: 'x', signal });
if (!activations) throw new Error('no split point');
const rows = activations.rows(0, 1);
same<typeof rows, ReadonlyFloat32Array>(true);
const value: number | undefined = rows[0];
const copy: Float32Array = activations.copyRows();
const mine: Float32Array = rows.slice();
for (const element of rows) element.toFixed();
const unit = activations.unit(0);
same<typeof unit, string | undefined>(true);
const span: UnitSpan = activations.unitSpan(0);
await activations.save('folder', { signal, onProgress });
// @ts-expect-error: views are for reading
rows[0] = 1;
// @ts-expect-error: views are for reading
rows.fill(0);
// @ts-expect-error: views are for reading
rows.subarray(1).set([1]);
// @ts-expect-error: a view is not an array to write to
const writable: Float32Array = rows;
// @ts-expect-error: no such granularity
await model.activations(frozen, { granularity: 'letter' });
await model.activations('a text');
// @ts-expect-error: a number is no text
await model.activations(5);
Activations.fromRows(mine, 2, { units: frozen });
Activations.fromRows(rows, 2);
// @ts-expect-error: 64-bit floats
Activations.fromRows(new Float64Array(4), 2);
// @ts-expect-error: how many columns?
Activations.fromRows(mine);

// Logits.
const logits: Activations = await model.logits(frozen, { threads: 1, signal });
same<typeof logits.rowCount, number>(true);

// Interventions.
const interventions = new Interventions().replace('model.layers.2.mlp', activations).replace(2, mine, 192).replace(2, rows, 192);
interventions.addDirection(2, mine, 0.5).addDirection(2, rows, 0.5, { tokens: [1, 2] });
await model.logits(frozen, { interventions, signal, onProgress });
await model.activations(frozen, { interventions });
// @ts-expect-error: activations know how many columns they have
interventions.replace(2, activations, 192);
// @ts-expect-error: how many columns?
interventions.replace(2, mine);
// @ts-expect-error: no activations, but a promise of them
interventions.replace(2, model.activations(frozen));

// Inputs and streams.
const inputs: Inputs = await model.inputs(frozen, { threads: 1, signal });
same<ReturnType<typeof inputs.text>, string | undefined>(true);
await model.activations(inputs);
await model.logits(inputs);
await model.streamActivations(new Set(frozen), { folder: 'rows', signal, onProgress });
await model.streamActivations((async function* () { yield 'a text'; })());
await model.streamActivations(frozen, { interventions });
// @ts-expect-error: texts, not numbers
await model.streamActivations([1, 2]);

// Token ids.
const [token] = model.tokens('a text');
if (!token) throw new Error('no token');
const id: number = token.id;
same<typeof token.string, string>(true);
await model.activations(model.inputsFromTokenIds([[id], Uint32Array.of(1, 2)]), { threads: 1, signal });
// @ts-expect-error: sequences, not one
model.inputsFromTokenIds([id]);

// Rows that are spread over processes.
const share: Activations = activations.spread((values: Float64Array) => void values.fill(0));
await Explainer.fitPca(share.spread(async (values) => void values[0]), { conceptCount: 2 });
// @ts-expect-error: a function
activations.spread('sum');

// Explainers.
const explainer = await Explainer.fitIca(activations, { conceptCount: 20, contrast: 'cube', canonicalSigns: false, signal, onProgress });
const { converged, steps } = explainer.fitReport;
same<typeof converged, boolean>(true);
const codes = await explainer.encode(rows);
const decoded: Float32Array = await explainer.decode(codes);
same<typeof explainer.dictionary, ReadonlyFloat32Array>(true);
// @ts-expect-error: how many concepts?
await Explainer.fitIca(activations, {});
// @ts-expect-error: how many concepts?
await Explainer.fitIca(activations);
// @ts-expect-error: a model is not activations
await Explainer.fitIca(model, { conceptCount: 2 });
// @ts-expect-error: a promise of activations is not activations
await Explainer.fitIca(model.activations(frozen), { conceptCount: 2 });
// @ts-expect-error: encoding has nothing to cancel
await explainer.encode(rows, { signal });

// Interpretations.
const meaning = await explainer.topInputs(activations, { k: 10, concepts: [1, 2], negativePole: true, signal });
same<typeof meaning, Interpretation>(true);
for (const entry of meaning) {
  same<typeof entry, ConceptInputs>(true);
  const texts: string[] = entry.positive.map(({ text }) => text);
  console.log(texts, entry.negative[0]?.activation.toFixed(2));
}
await explainer.topInputsOf(model, frozen, { k: 3, granularity: 'sentence' });
await explainer.topInputsOf(model, model.inputsFromVocabulary(), { k: 3, batchTokens: 512 });
// @ts-expect-error: these are activations, which have a granularity already
await explainer.topInputs(activations, { granularity: 'word' });
// @ts-expect-error: a model is asked with texts
await explainer.topInputsOf(model);

// Explanations.
const explanation = await explainer.explain(model, frozen, { interpretation: meaning, k: 3, leastDeviations: 2, threads: 1, signal, onProgress });
same<typeof explanation, Explanation>(true);
for (const entry of explanation) {
  same<typeof entry, ExplainedUnit>(true);
  const place: UnitSpan | undefined = entry.span;
  console.log(place?.begin, entry.firings.map(({ concept, pole }: Firing) => explanation.name(concept, pole)));
}
same<Firing['pole'], Pole>(true);
same<ReturnType<typeof explanation.name>, string | undefined>(true);
await explainer.explainActivations(activations, { negativePole: true });
const calibrated: Explainer = await explainer.calibrate(activations, { signal });
same<ReturnType<typeof calibrated.moments>['mean'], number>(true);
// @ts-expect-error: units are those of the fit
await explainer.explain(model, frozen, { granularity: 'word' });
// @ts-expect-error: a promise of an interpretation is not one
await explainer.explain(model, frozen, { interpretation: explainer.topInputs(activations) });
// @ts-expect-error: no such pole
explanation.name(0, 'north');

// Labels.
const chat = { model: 'gpt-4.1-mini', cacheFolder: 'answers', temperature: null, requestBudget: 100 };
const labelled = await explainer.llmLabels(activations, chat, { sampling: 'quantile', scorePassages: 20, concepts: [1], signal, onProgress });
same<typeof labelled, Interpretation>(true);
for (const { positiveLabel, negativeLabel } of labelled) {
  same<typeof positiveLabel, ConceptLabel | undefined>(true);
  const failed: ErrorCode | undefined = negativeLabel?.error?.code;
  console.log(positiveLabel?.text?.length, positiveLabel?.score?.toFixed(2), failed);
}
const usage: LabelUsage = labelled.labelUsage;
const answer = async ({ system, user, signal }: ChatRequest): Promise<string> => `${system}${user}${signal.aborted}`;
await explainer.llmLabels(activations, { answer });
await explainer.llmLabels(activations, { answer: () => '{"label": "x"}' });
await explainer.llmLabels(activations, { answer: () => ({ text: 'x', usage: { promptTokens: 1, completionTokens: 2 } }) });
const lasting = await Chat.open({ model: 'gpt-4.1-mini', requestBudget: 100 });
same<Awaited<ReturnType<typeof explainer.llmLabels>>, Interpretation>(true);
const onLog = ({ level, target, text }: LogMessage): void => console.log(level === 'warning', target.length, text);
await explainer.llmLabels(activations, lasting, { onLog, logLevel: 'debug' });
const left: ChatSpending['requestsLeft'] = lasting.spent.requestsLeft;
console.log(left?.toFixed());
// @ts-expect-error: a chat is made with open()
new Chat({ model: 'gpt-4.1-mini' });
// @ts-expect-error: no such level
await explainer.llmLabels(activations, lasting, { logLevel: 'loud' });
// @ts-expect-error: who is asked?
await explainer.llmLabels(activations);
// @ts-expect-error: an answer is text
await explainer.llmLabels(activations, { answer: () => 5 });
// @ts-expect-error: no such sampling
await explainer.llmLabels(activations, chat, { sampling: 'best' });
// @ts-expect-error: how many inputs are listed is the number of examples
await explainer.llmLabels(activations, chat, { k: 5 });

// Errors.
try {
  await Explainer.open('nothing');
} catch (error) {
  if (error instanceof EidosError) {
    same<typeof error.code, ErrorCode>(true);
    const details: Record<string, string> = Object.fromEntries(error.details);
    console.log(error.message, error.hint, error.status, details);
    // @ts-expect-error: no such code
    if (error.code === 'wrong') throw error;
  }
}

// Lifetimes.
const opened: Disposable & AsyncDisposable = await Interpretation.open('meaning.json');
console.log(opened);
const tensor: DLPackTensor = activations.toDLPack();
const address: bigint = tensor.address;
model.close();
// @ts-expect-error: internal
model.resourceOf(model);
// @ts-expect-error: internal
await import('@eidos/eidos/dist/native.js');

console.log(version(), debugLiveHandles(), canSplit, width, value, copy, span, writable, steps, decoded, address, usage);
