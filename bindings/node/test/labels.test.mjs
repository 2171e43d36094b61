// Labels by a language model: a function, and a server.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import path from 'node:path';
import test, { after, before } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

import { Chat, EidosError, Explainer, Interpretation } from '@eidos/eidos';

import {
  assertNothingLives,
  collectGarbage,
  endless,
  endlessActivations,
  loadDemo,
  ownActivations,
  rejection,
  runProgram,
  temporaryFolder,
  texts,
} from './helpers.mjs';

const folder = temporaryFolder();
let activations, explainer;

before(async () => {
  [activations] = await (await loadDemo()).activations(texts);
  explainer = await Explainer.fitIca(activations, { conceptCount: 4, maxIterations: 30 });
});
after(async () => {
  for (const object of [explainer, activations]) object.close();
  await assertNothingLives();
});

const isJudging = ({ schema }) => schema.includes('answers');
const label = (words) => JSON.stringify({ label: words });

/** A model that names concepts after how often it was asked, and remembers the questions. */
function counting(answers = {}) {
  const questions = [];
  const answer = (request) => {
    questions.push(request);
    const special = answers[questions.length];
    return special ? special(request) : label(`concept ${questions.length}`);
  };
  // Not enumerable: options of a chat are those that it has.
  return Object.defineProperty({ answer }, 'questions', { value: questions });
}
const throwing = (error) => () => {
  throw error;
};
const labelsOf = (meaning) => meaning.concepts.map(({ positiveLabel }) => positiveLabel);

test('a function labels concepts', async () => {
  const { answer, questions } = counting();
  const meaning = await explainer.llmLabels(activations, { answer });
  assert.deepEqual(labelsOf(meaning), [1, 2, 3, 4].map((number) => ({ text: `concept ${number}` })));
  assert.ok(meaning.concepts.every(({ negativeLabel, positive }) => negativeLabel === undefined && positive.length > 5));
  assert.equal(questions.length, 4);
  for (const { system, user, schema, maxTokens, signal } of questions) {
    assert.ok(system.length > 100);
    assert.match(user, /1\. \(10\) .*<</);
    assert.equal(JSON.parse(schema).type, 'object');
    assert.equal(maxTokens, 1024);
    assert.equal(signal.aborted, false);
  }
  const { requests, unreported, dryRun } = meaning.labelUsage;
  assert.deepEqual({ requests, unreported, dryRun }, { requests: 4, unreported: 4, dryRun: false });
});

test('labels are in the JSON, and open again', async () => {
  const answer = async () => ({ text: label('a "label" é😀'), usage: { promptTokens: 100, completionTokens: 5 } });
  const chat = { answer, model: 'own' };
  const meaning = await explainer.llmLabels(activations, chat);
  const json = JSON.parse(JSON.stringify(meaning));
  assert.deepEqual(json.concepts[0].positive_label, { text: 'a "label" é😀' });
  assert.equal(json.labelling.model, 'own');
  const file = path.join(folder, 'labels.json');
  await meaning.save(file);
  const opened = await Interpretation.open(file);
  assert.deepEqual(opened.concepts, meaning.concepts);
  const usage = { requests: 4, cached: 0, promptTokens: 400, completionTokens: 20, unreported: 0, dryRun: false };
  assert.deepEqual(opened.labelUsage, usage);
});

test('who did not ask for labels has none', async () => {
  const meaning = await explainer.topInputs(activations);
  assert.ok(meaning.concepts.every((concept) => !('positiveLabel' in concept) && !('negativeLabel' in concept)));
  const usage = { requests: 0, cached: 0, promptTokens: 0, completionTokens: 0, unreported: 0, dryRun: false };
  assert.deepEqual(meaning.labelUsage, usage);
});

test('an asynchronous function is awaited, one question at a time, and the event loop goes on', async () => {
  let [ticks, running, most] = [0, 0, 0];
  const timer = setInterval(() => ticks++, 2);
  const answer = async () => {
    most = Math.max(most, ++running);
    await sleep(20);
    running--;
    return label('slow');
  };
  const meaning = await explainer.llmLabels(activations, { answer });
  clearInterval(timer);
  assert.ok(labelsOf(meaning).every(({ text }) => text === 'slow'));
  assert.equal(most, 1);
  assert.ok(ticks > 10);
});

test('progress counts concepts', async () => {
  const reports = [];
  const answer = async () => {
    await sleep(30);
    return label('x');
  };
  await explainer.llmLabels(activations, { answer }, { onProgress: (progress) => reports.push(progress) });
  assert.deepEqual([reports.at(-1).stage, reports.at(-1).done, reports.at(-1).total], ['label', 4, 4]);
  assert.ok(reports.filter(({ stage }) => stage === 'label').length > 2);
});

test('many calls at once, whose functions use Eidos themselves', async () => {
  const answer = async () => {
    const meaning = await explainer.topInputs(activations, { k: 1, concepts: [0] });
    return label(meaning.concepts[0].positive[0].text);
  };
  const meanings = await Promise.all(Array.from({ length: 8 }, () => explainer.llmLabels(activations, { answer })));
  const [first] = labelsOf(meanings[0]);
  assert.ok(first.text.length > 0);
  for (const meaning of meanings) for (const found of labelsOf(meaning)) assert.deepEqual(found, first);
});

test('a call needs no thread of the pool', async () => {
  const controller = new AbortController();
  const fit = () => Explainer.fitIca(endlessActivations(), { ...endless, signal: controller.signal });
  const busy = Array.from({ length: 4 }, () => rejection(fit()));
  try {
    assert.equal(labelsOf(await explainer.llmLabels(activations, counting()))[3].text, 'concept 4');
  } finally {
    controller.abort();
  }
  await Promise.all(busy);
});

test('a concept that fails does not lose the others', async () => {
  const circle = { toString: throwing(new Error('not even a string')) };
  for (const [failing, code, message] of [
    [throwing(new TypeError('out to lunch')), 'unusable_answer', /out to lunch/],
    [async () => Promise.reject(new Error('rejected é')), 'unusable_answer', /rejected é/],
    [throwing(new EidosError('network', 'no way through')), 'network', /no way through/],
    [throwing('a string'), 'unusable_answer', /a string/],
    [throwing('a\0b\ud83d'), 'unusable_answer', /a b\ufffd/],
    [throwing(undefined), 'unusable_answer', /undefined/],
    [throwing(circle), 'unusable_answer', /no error/],
    [throwing(new Error('')), 'unusable_answer', /Error/],
    [() => undefined, 'unusable_answer', /the answer must be/],
    [() => 5, 'unusable_answer', /the answer must be/],
    [() => ({ words: 'x' }), 'unusable_answer', /the answer must be a string/],
    [() => ({ text: label('x'), usage: { promptTokens: -1, completionTokens: 1 } }), 'unusable_answer', /promptTokens/],
    [() => ({ text: label('x'), usage: 5 }), 'unusable_answer', /usage/],
    [() => '', 'unusable_answer', /./],
    [() => 'no label at all, but a very long talk about everything and nothing. '.repeat(20), 'unusable_answer', /./],
  ]) {
    const meaning = await explainer.llmLabels(activations, counting({ 2: failing }));
    const [first, second, ...rest] = labelsOf(meaning);
    assert.equal(second.text, undefined);
    assert.equal(second.error.code, code);
    assert.match(second.error.message, message);
    assert.deepEqual([first, ...rest], [1, 3, 4].map((number) => ({ text: `concept ${number}` })));
  }
});

test('an error that concerns all ends the requests', async () => {
  for (const code of ['access_denied', 'not_found', 'budget_exhausted']) {
    const chat = counting({ 2: throwing(new EidosError(code, 'go away')) });
    const [first, ...rest] = labelsOf(await explainer.llmLabels(activations, chat));
    assert.equal(first.text, 'concept 1');
    assert.ok(rest.every(({ error }) => error.code === code));
    assert.equal(chat.questions.length, 2);
  }
});

test('when nothing can be labelled, the promise rejects, with the cause', async () => {
  const cause = new TypeError('a typing error');
  const error = await rejection(explainer.llmLabels(activations, { answer: throwing(cause) }));
  assert.ok(error instanceof EidosError);
  assert.equal(error.code, 'unusable_answer');
  assert.match(error.message, /a typing error/);
  assert.equal(error.cause, cause);
  const unreadable = await rejection(explainer.llmLabels(activations, { answer: () => '' }));
  assert.deepEqual([unreadable.code, unreadable.cause], ['unusable_answer', undefined]);
});

test('cancelling keeps what is there, and does not wait for the function', async () => {
  const controller = new AbortController();
  let aborted;
  const never = ({ signal }) => {
    signal.addEventListener('abort', () => (aborted = signal.reason));
    setTimeout(() => controller.abort(new Error('enough')), 20);
    return new Promise(() => {});
  };
  const chat = counting({ 3: never });
  const meaning = await explainer.llmLabels(activations, chat, { signal: controller.signal });
  const [first, second, ...rest] = labelsOf(meaning);
  assert.deepEqual([first.text, second.text], ['concept 1', 'concept 2']);
  assert.ok(rest.every(({ text, error }) => text === undefined && error.code === 'cancelled'));
  assert.equal(chat.questions.length, 3);
  assert.equal(aborted.message, 'enough');
});

test('cancelling before there is a label rejects with the reason', async () => {
  const reason = new Error('no longer wanted');
  const controller = new AbortController();
  const answer = () => {
    controller.abort(reason);
    return new Promise(() => {});
  };
  assert.equal(await rejection(explainer.llmLabels(activations, { answer }, { signal: controller.signal })), reason);
  const late = () => {
    controller.abort(reason);
    throw new Error('thrown after the end');
  };
  assert.equal(await rejection(explainer.llmLabels(activations, { answer: late }, { signal: controller.signal })), reason);
  const timeout = explainer.llmLabels(activations, { answer: () => new Promise(() => {}) }, { signal: AbortSignal.timeout(50) });
  assert.equal((await rejection(timeout)).name, 'TimeoutError');
});

test('an error of onProgress ends the call, even while the function is busy', async () => {
  const error = new Error('the bar is broken');
  const onProgress = throwing(error);
  const answer = () => new Promise(() => {});
  assert.equal(await rejection(explainer.llmLabels(activations, { answer }, { onProgress })), error);
});

test('closing and collecting during a call', async () => {
  const fitted = await Explainer.fitIca(activations, { conceptCount: 2, maxIterations: 5 });
  const answer = async () => {
    fitted.close();
    await collectGarbage();
    return label('x');
  };
  assert.equal((await fitted.llmLabels(activations, { answer })).conceptCount, 2);
  await rejection(fitted.llmLabels(activations, { answer }));
});

test('concepts, poles and instructions', async () => {
  const chat = counting();
  const options = { concepts: [3, 1], negativePole: true, exampleCount: 3, context: 0, systemPrompt: 'Say something.', seed: 7 };
  const meaning = await explainer.llmLabels(activations, { ...chat, maxTokens: 77, temperature: null }, options);
  assert.deepEqual(meaning.concepts.map(({ concept }) => concept), [3, 1]);
  assert.ok(meaning.concepts.every(({ positive, negative }) => positive.length === 3 && negative.length === 3));
  assert.deepEqual(meaning.concepts[1].positiveLabel, { text: 'concept 3' });
  assert.deepEqual(meaning.concepts[1].negativeLabel, { text: 'concept 4' });
  assert.ok(chat.questions.every(({ system, maxTokens }) => system === 'Say something.' && maxTokens === 77));
  assert.ok(chat.questions.every(({ user }) => user.includes('3. ') && !user.includes('4. ')));
});

test('samplings', async () => {
  const prompts = new Set();
  for (const options of [
    {},
    { sampling: 'top' },
    { sampling: 'random', seed: 1 },
    { sampling: 'random', seed: 2 },
    { sampling: 'quantile', quantileCount: 3 },
  ]) {
    const dry = { ...options, dryRun: true, exampleCount: 6, concepts: [0] };
    const plan = await explainer.llmLabels(activations, { model: '-' }, dry);
    prompts.add(plan.concepts[0].positiveLabel.prompt);
  }
  assert.equal(prompts.size, 4);
});

test('a dry run asks nothing', async () => {
  const chat = counting();
  const plan = await explainer.llmLabels(activations, chat, { dryRun: true });
  assert.equal(chat.questions.length, 0);
  assert.ok(labelsOf(plan).every(({ prompt, text }) => prompt.includes('1. (10) ') && text === undefined));
  assert.ok(plan.labelUsage.dryRun && plan.labelUsage.promptTokens > 100 && plan.labelUsage.requests === 4);
});

test('labels are scored on unseen passages', async () => {
  let judged = 0;
  const answer = (request) => {
    if (!isJudging(request)) return label('anything');
    judged++;
    return '[1, 1, 1, 1]';
  };
  const options = { scorePassages: 2, exampleCount: 3, context: 0, scorePassagesPerRequest: 4, scoreThreshold: 0.5 };
  const meaning = await explainer.llmLabels(activations, { answer }, options);
  assert.ok(judged > 0);
  // Who finds that everything fits has judged nothing.
  assert.ok(labelsOf(meaning).some(({ score }) => score === 0.5));
  assert.ok(labelsOf(meaning).every(({ text, score, error }) => text === 'anything' && (score === 0.5 || error)));
});

test('the cache answers what was asked before', async () => {
  const chat = { ...counting({ 2: throwing(new Error('once')) }), model: 'own', cacheFolder: path.join(folder, 'answers') };
  await explainer.llmLabels(activations, chat);
  const again = await explainer.llmLabels(activations, chat);
  assert.deepEqual(labelsOf(again).map(({ text }) => text), ['concept 1', 'concept 5', 'concept 3', 'concept 4']);
  assert.deepEqual([again.labelUsage.cached, again.labelUsage.requests], [3, 1]);
});

test('a budget ends the requests', async () => {
  const chat = counting();
  const [first, second, third] = labelsOf(await explainer.llmLabels(activations, { ...chat, requestBudget: 2 }));
  assert.deepEqual([first.text, second.text, third.error.code], ['concept 1', 'concept 2', 'budget_exhausted']);
  assert.equal((await rejection(explainer.llmLabels(activations, { ...chat, tokenBudget: 1 }))).code, 'budget_exhausted');
  assert.equal(chat.questions.length, 2);
});

test('what lasts as long as a chat', async () => {
  const { answer, questions } = counting();
  const counted = async (request) => ({ text: await answer(request), usage: { promptTokens: 100, completionTokens: 5 } });
  const chat = await Chat.open({ answer: counted, requestBudget: 6 });
  const nothing = { requests: 0, cached: 0, promptTokens: 0, completionTokens: 0, unreported: 0, requestsLeft: 6, tokensLeft: null };
  assert.deepEqual(chat.spent, nothing);
  // At once, one after the other.
  const [first, second] = await Promise.all([1, 2].map(() => explainer.llmLabels(activations, chat)));
  assert.ok(labelsOf(first).every(({ error }) => error === undefined));
  assert.deepEqual(labelsOf(second).map(({ error }) => error?.code), [undefined, undefined, 'budget_exhausted', 'budget_exhausted']);
  assert.deepEqual([first.labelUsage.requests, second.labelUsage.requests], [4, 2]);
  assert.deepEqual(chat.spent, { ...nothing, requests: 6, promptTokens: 600, completionTokens: 30, requestsLeft: 0 });
  assert.equal((await rejection(explainer.llmLabels(activations, chat))).code, 'budget_exhausted');
  assert.equal(questions.length, 6);
  chat.close();
  assert.throws(() => chat.spent, { code: 'invalid_handle' });
  assert.equal((await rejection(explainer.llmLabels(activations, chat))).code, 'invalid_handle');
});

test('a chat is closed, or collected, after its calls', async () => {
  const closing = await Chat.open(counting());
  const meaning = explainer.llmLabels(activations, closing);
  closing.close();
  assert.equal(labelsOf(await meaning)[3].text, 'concept 4');
  for (const options of [counting(), { model: 'small', baseUrl: 'http://127.0.0.1:1' }]) await Chat.open(options);
  await collectGarbage();
});

test('an idle chat does not keep the process alive', () => {
  const { status, stdout, stderr } = runProgram(`
    import { Chat } from '@eidos/eidos';
    const chat = await Chat.open({ answer: () => '{"label": "x"}' });
    console.log(chat.spent.requests);
  `);
  assert.deepEqual({ status, stdout }, { status: 0, stdout: '0\n' }, stderr);
});

test('rows without units say nothing', async () => {
  const rows = ownActivations(100, 4);
  const fitted = await Explainer.fitIca(rows, { conceptCount: 2 });
  const error = await rejection(fitted.llmLabels(rows, counting()));
  assert.equal(error.code, 'invalid_argument');
  assert.match(error.hint, /text of each row/);
});

test('what cannot be', async () => {
  const chat = counting();
  const fails = async (code, ...args) => assert.equal((await rejection(explainer.llmLabels(activations, ...args))).code, code);
  const refused = async (type, ...args) => assert.equal((await rejection(explainer.llmLabels(activations, ...args))).constructor, type);
  await fails('invalid_argument', {});
  await fails('invalid_argument', { ...chat, cacheFolder: path.join(folder, 'nameless') });
  await fails('invalid_argument', chat, { concepts: [4] });
  await fails('invalid_argument', chat, { scorePassages: 2, scoreThreshold: 7 });
  for (const bad of [undefined, null, 'gpt', 5]) await refused(TypeError, bad);
  for (const answer of [null, 'often', {}]) await refused(TypeError, { answer });
  await refused(TypeError, { model: 5 });
  await refused(TypeError, { model: 'a\0b' });
  await refused(TypeError, { ...chat, temperature: 'hot' });
  await refused(RangeError, { ...chat, maxTokens: -1 });
  await refused(RangeError, { ...chat, tokenBudget: 1.5 });
  for (const options of [null, { sampling: 'best' }, { dryRun: 1 }, { systemPrompt: 7 }, { concepts: 'all' }, { signal: {} }]) {
    await refused(TypeError, chat, options);
  }
  await refused(RangeError, chat, { concepts: [] });
  await refused(RangeError, chat, { exampleCount: 2 ** 32 });
  assert.equal((await rejection(explainer.llmLabels(ownActivations(10, 5), chat))).code, 'mismatch');
  assert.equal((await rejection(explainer.llmLabels(explainer, chat))).constructor, TypeError);
  assert.equal((await rejection(explainer.llmLabels(activations, chat, { signal: AbortSignal.abort() }))).name, 'AbortError');
  assert.equal(chat.questions.length, 0);
});

/** A server with the interface of OpenAI's, which answers with a status and what a function says. */
async function serve(t, status, say) {
  const requests = [];
  const server = createServer(async (request, response) => {
    const body = JSON.parse((await request.setEncoding('utf8').toArray()).join(''));
    requests.push({ url: request.url, authorization: request.headers.authorization, body });
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(say(body)));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  return { baseUrl: `http://127.0.0.1:${server.address().port}/v1`, requests };
}

test('a server labels concepts', async (t) => {
  const { baseUrl, requests } = await serve(t, 200, () => ({
    choices: [{ message: { role: 'assistant', content: label('served') }, finish_reason: 'stop' }],
    usage: { prompt_tokens: 10, completion_tokens: 2 },
  }));
  const chat = { model: 'small', baseUrl, apiKey: 'secret', parallelRequests: 2, timeoutSeconds: 20, temperature: 0.5 };
  const meaning = await explainer.llmLabels(activations, chat);
  assert.ok(labelsOf(meaning).every(({ text }) => text === 'served'));
  const usage = { requests: 4, cached: 0, promptTokens: 40, completionTokens: 8, unreported: 0, dryRun: false };
  assert.deepEqual(meaning.labelUsage, usage);
  for (const { url, authorization, body } of requests) {
    assert.deepEqual([url, authorization], ['/v1/chat/completions', 'Bearer secret']);
    assert.deepEqual([body.model, body.temperature], ['small', 0.5]);
  }
});

test('a chat with a server keeps its connection and its budget, and tells of repetitions', async (t) => {
  let asked = 0;
  const fine = { choices: [{ message: { role: 'assistant', content: label('x') }, finish_reason: 'stop' }] };
  const sockets = new Set();
  const server = createServer((request, response) => {
    sockets.add(request.socket);
    request.resume().on('end', () => response.writeHead(asked++ === 0 ? 503 : 200).end(JSON.stringify(fine)));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  const baseUrl = `http://127.0.0.1:${server.address().port}/v1`;
  const chat = await Chat.open({ model: 'small', baseUrl, apiKey: '', parallelRequests: 1, requestBudget: 10 });
  t.after(() => chat.close());
  const messages = [];
  const onLog = (message) => messages.push(message);
  await explainer.llmLabels(activations, chat, { onLog, logLevel: 'warning' });
  await explainer.llmLabels(activations, chat, { onLog, logLevel: 'warning' });
  assert.deepEqual([asked, sockets.size, chat.spent.requestsLeft], [9, 1, 1]);
  assert.deepEqual(messages.map(({ level, target }) => [level, target]), [['warning', 'chat']]);
  assert.match(messages[0].text, /trying again in 0\..* s: .*503/);
});

test('a server that refuses', async (t) => {
  const { baseUrl, requests } = await serve(t, 401, () => ({ error: { message: 'who are you?' } }));
  const error = await rejection(explainer.llmLabels(activations, { model: 'small', baseUrl, apiKey: 'wrong', parallelRequests: 1 }));
  assert.equal(error.code, 'access_denied');
  assert.ok(error.hint.length > 0 && !JSON.stringify(error).includes('wrong'));
  assert.equal(requests.length, 1);
});

/** A process whose function never answers; `program` runs when it is asked. */
function whileAsked(program) {
  return runProgram(`
    import { Activations, Explainer } from '@eidos/eidos';
    const units = Array.from({ length: 1000 }, (_, row) => 'unit ' + row);
    const activations = Activations.fromRows(Float32Array.from({ length: 4000 }, (_, i) => Math.sin(i * i) ** 5), 4, { units });
    const explainer = await Explainer.fitIca(activations, { conceptCount: 3 });
    const answer = () => {
      setTimeout(() => { ${program} }, 20);
      return new Promise(() => {});
    };
    await explainer.llmLabels(activations, { answer });
  `);
}

test('the process can end while a function is asked', () => {
  const { status, signal, stderr } = whileAsked('process.exit(7)');
  assert.deepEqual({ status, signal }, { status: 7, signal: null }, stderr);
});

test('the process can crash while a function is asked', () => {
  const { status, signal, stderr } = whileAsked(`throw new Error('on the side')`);
  assert.deepEqual({ status, signal }, { status: 1, signal: null }, stderr);
  assert.match(stderr, /on the side/);
});

test('a process without anything else to do waits for the labels', () => {
  const { status, stdout, stderr } = runProgram(`
    import { Activations, Explainer } from '@eidos/eidos';
    const units = Array.from({ length: 1000 }, (_, row) => 'unit ' + row);
    const activations = Activations.fromRows(Float32Array.from({ length: 4000 }, (_, i) => Math.sin(i * i) ** 5), 4, { units });
    const explainer = await Explainer.fitIca(activations, { conceptCount: 3 });
    const meaning = await explainer.llmLabels(activations, { answer: async () => '{"label": "x"}' });
    console.log(meaning.concepts.map(({ positiveLabel }) => positiveLabel.text).join());
  `, { env: { NODE_OPTIONS: '--max-old-space-size=2000 --no-warnings --title=test' } });
  assert.deepEqual({ status, stdout }, { status: 0, stdout: 'x,x,x\n' }, stderr);
});

/** A process with a worker that asks a function; `program` runs when the worker has been asked. */
function withLabellingWorker(program) {
  return runProgram(`
    import { once } from 'node:events';
    import { Worker } from 'node:worker_threads';
    import { version } from '@eidos/eidos';
    const code = \`
      const { parentPort } = require('node:worker_threads');
      const { Activations, Explainer } = require('@eidos/eidos');
      (async () => {
        const units = Array.from({ length: 1000 }, (_, row) => 'unit ' + row);
    const activations = Activations.fromRows(Float32Array.from({ length: 4000 }, (_, i) => Math.sin(i * i) ** 5), 4, { units });
        const explainer = await Explainer.fitIca(activations, { conceptCount: 3 });
        let asked = 0;
        const answer = () => {
          if (asked++ === 0) return '{"label": "first"}';
          parentPort.postMessage('asked');
          return new Promise((resolve) => parentPort.once('message', (text) => text === 'exit' ? process.exit(0) : resolve(text)));
        };
        const meaning = await explainer.llmLabels(activations, { answer });
        parentPort.postMessage(meaning.concepts.map(({ positiveLabel }) => positiveLabel.text).join());
        process.exit(0);
      })();
    \`;
    const worker = new Worker(code, { eval: true, execArgv: [] });
    await once(worker, 'message');
    ${program}
    console.log('alive', version());
  `);
}

test('a worker labels', () => {
  const { status, stdout, stderr } = withLabellingWorker(`
    worker.postMessage('{"label": "from outside"}');
    await once(worker, 'message');
    worker.postMessage('{"label": "again"}');
    const [labels] = await once(worker, 'message');
    console.log(labels);
  `);
  assert.equal(status, 0, stderr);
  assert.match(stdout, /^first,from outside,again\nalive/);
});

test('a worker can exit and be terminated while its function is asked', () => {
  for (const end of [`worker.postMessage('exit'); await once(worker, 'exit');`, 'await worker.terminate();']) {
    const { status, signal, stdout, stderr } = withLabellingWorker(end);
    assert.deepEqual({ status, signal }, { status: 0, signal: null }, stderr);
    assert.match(stdout, /^alive/);
  }
});
