// Reports: the page as an HTML validator and a browser see it.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import test, { after, before } from 'node:test';

import {
  Activations, Explainer, heatMapSvg, Interpretation, mapSvg, reportHtml, saveCodesCsv, saveNeuronpedia, saveReport,
} from '@eidos/eidos';

import { Browser, installed } from './chromium.mjs';
import { assertNothingLives, heavyRows, loadDemo, temporaryFolder, texts } from './helpers.mjs';

const folder = temporaryFolder();
const browsers = installed() ? {} : { skip: 'there is no Chromium' };
let model, activations, explainer, interpretation, browser, page;

before(async () => {
  model = await loadDemo();
  [activations] = await model.activations(texts);
  explainer = await Explainer.fitIca(activations, { conceptCount: 30, maxIterations: 30 });
  interpretation = await explainer.topInputs(activations, { k: 4, negativePole: true });
  page = await reportHtml(explainer, { interpretation, activations, conceptsWithoutScripts: 4 });
  if (installed()) browser = new Browser();
});
after(async () => {
  await browser?.close();
  for (const object of [interpretation, explainer, model, activations]) object.close();
  await assertNothingLives();
});

/** An interpretation with these labels, and the passages of a page with strings that want to be more than strings. */
const hostile = [
  '</script><script>window.owned = 1</script>',
  '<img src=x onerror="window.owned = 2">',
  `"' onmouseover='window.owned = 3' autofocus onfocus='window.owned = 4' x="`,
  '<!--<script>',
  '\u202egnp.exe\u2028\u2029\u001b[31m\u0007',
  '</title></style><style>* { display: none }</style><iframe srcdoc="<script>parent.owned = 5</script>">',
  'javascript:window.owned=6',
  '\ufffd{{7*7}}${7*7}&lt;script&gt;',
];

async function hostilePage() {
  const units = Array.from({ length: 64 }, (_, row) => hostile[row % hostile.length]);
  const rows = Activations.fromRows(heavyRows(64, 4), 4, { units });
  const own = await Explainer.fitIca(rows, { conceptCount: 3 });
  const found = await own.topInputs(rows, { negativePole: true });
  const json = JSON.parse(JSON.stringify(found));
  for (const concept of json.concepts) {
    concept.positive_label = { text: hostile.join(' '), error: { code: hostile[0], message: hostile[1] } };
    concept.negative_label = { text: hostile[concept.concept] };
  }
  const file = path.join(folder, 'hostile.json');
  writeFileSync(file, JSON.stringify(json));
  const labelled = await Interpretation.open(file);
  const made = await reportHtml(own, { interpretation: labelled, activations: rows, title: hostile.join('') });
  for (const object of [labelled, found, own, rows]) object.close();
  return made;
}

test('the file is the page', async () => {
  const file = path.join(folder, 'report.html');
  await saveReport(file, explainer, { interpretation, activations, conceptsWithoutScripts: 4, threads: 1 });
  assert.equal(readFileSync(file, 'utf8'), page);
  const explanation = await explainer.explain(model, ['a sad film', 'a warm one']);
  assert.equal((await reportHtml(explainer, { explanation })).match(/<article class="text"/g).length, 2);
  explanation.close();
  await assert.rejects(saveReport('/no/such/folder/report.html', explainer), { code: 'not_found' });
  await assert.rejects(reportHtml(explainer, { passages: -1 }), RangeError);
  await assert.rejects(reportHtml(activations), TypeError);
});

test('figures and tables apart', async () => {
  assert.equal((await mapSvg(explainer, { interpretation })).match(/<circle/g).length, 30);
  const heat = await heatMapSvg(explainer, activations, 1, { interpretation, concepts: 3 });
  assert.equal(heat.match(/<text text-anchor="end"/g).length, 3);
  await assert.rejects(heatMapSvg(explainer, activations, texts.length), { code: 'invalid_argument' });
  const file = path.join(folder, 'table');
  const lines = () => readFileSync(file, 'utf8').split('\r\n');
  await interpretation.saveCsv(file);
  assert.equal(lines()[0], 'concept,pole,label,score,rank,input,activation,row');
  await saveCodesCsv(file, explainer, activations);
  assert.equal(lines().length, 2 + 30 * activations.rowCount);
  await saveCodesCsv(file, explainer, activations, { leastDeviations: 2 });
  assert.ok(lines().length < 10 * activations.rowCount);
  await saveNeuronpedia(file, explainer, { interpretation, activations, passages: 2 });
  const { features } = JSON.parse(readFileSync(file, 'utf8'));
  assert.equal(features.length, 30);
  assert.ok(features.every(({ activations: found }) => found.every(({ tokens, values }) => tokens.length === values.length)));
  await assert.rejects(saveNeuronpedia(file, explainer, {}), TypeError);
});

const [major, minor] = process.versions.node.split('.').map(Number);
const validates = major > 22 || (major === 20 && minor >= 19) || (major === 22 && minor >= 16);
test('pages are valid HTML, and accessible', validates ? {} : { skip: 'html-validate needs a later Node' }, async () => {
  const { HtmlValidate, StaticConfigLoader } = await import('html-validate');
  const validator = new HtmlValidate(new StaticConfigLoader({ extends: ['html-validate:standard', 'html-validate:a11y'] }));
  for (const markup of [page, await hostilePage(), await reportHtml(explainer)]) {
    const { results } = await validator.validateString(markup);
    assert.deepEqual(results.flatMap(({ messages }) => messages.map(({ message, line }) => `${line}: ${message}`)), []);
  }
  const { valid } = await validator.validateString(page.replace('<h2', '<h5'));
  assert.equal(valid, false, 'the validator would not see a wrong page');
});

test('a list is sorted, searched and gone through by keys', browsers, async () => {
  const tab = await browser.open(page);
  const first = () => tab.evaluate('Number(document.querySelector("#rows tr.c").dataset.place)');
  const chosen = () => tab.evaluate('document.getElementById("detail-title").textContent');
  const data = JSON.parse(/id="data">([^]*?)<\/script>/.exec(page)[1]);
  assert.equal(await tab.evaluate('document.getElementById("plain").hidden'), true);
  assert.equal(await tab.evaluate('document.getElementById("found").textContent'), '30 concepts');
  assert.equal(await chosen(), `Concept ${data.concepts[0].concept}`);
  await tab.press('j');
  assert.equal(await chosen(), `Concept ${data.concepts[1].concept}`);
  assert.equal(await tab.evaluate('document.activeElement.getAttribute("aria-selected")'), 'true');
  await tab.press('ArrowDown');
  assert.equal(await chosen(), `Concept ${data.concepts[2].concept}`);
  await tab.press('End');
  assert.equal(await chosen(), `Concept ${data.concepts[29].concept}`);
  await tab.press('k');
  assert.equal(await tab.evaluate('location.hash'), `#c${data.concepts[28].concept}`);

  const head = 'document.querySelector(\'#grid th[data-column="id"]\')';
  await tab.evaluate(`${head}.firstElementChild.click()`);
  assert.equal(await tab.evaluate(`${head}.getAttribute("aria-sort")`), 'ascending');
  assert.equal(data.concepts[await first()].concept, 0);
  await tab.evaluate(`${head}.firstElementChild.click()`);
  assert.equal(data.concepts[await first()].concept, 29);

  const word = data.concepts[7].positive.inputs[0][0].trim().toLowerCase();
  await tab.press('/');
  await tab.type(word);
  const words = ({ concept, positive, negative }) => JSON.stringify([concept, positive.inputs, negative?.inputs]).toLowerCase();
  const fits = data.concepts.filter((concept) => words(concept).includes(word));
  assert.equal(await tab.evaluate('document.getElementById("found").textContent'), `${fits.length} of 30 concepts`);
  await tab.press('Escape');
  assert.equal(await tab.evaluate('document.querySelectorAll("#rows tr.c").length > 10'), true);

  // The details have what the data says.
  await tab.evaluate(`location.hash = "#c${data.concepts[3].concept}"`);
  await tab.frame();
  const { positive, near } = data.concepts[3];
  const listed = await tab.evaluate('[...document.querySelectorAll("#detail .posi .unit")].map((unit) => unit.textContent)');
  assert.deepEqual(listed, positive.inputs.map(([text]) => text));
  assert.equal(await tab.evaluate('document.querySelectorAll("#detail .posi .passage mark").length'), positive.passages.length);
  assert.equal(await tab.evaluate('document.querySelectorAll("#detail .near a").length'), near.length);
  assert.equal(await tab.evaluate('document.querySelectorAll("#detail svg.hist path").length'), 3);
  assert.equal(await tab.evaluate('document.querySelectorAll("#mapfig circle.here").length'), 1);
  assert.deepEqual([tab.errors, tab.requests.length], [[], 1]);
  await tab.close();
});

test('without scripts the strongest concepts are there', browsers, async () => {
  const tab = await browser.open(page, { scripts: false, width: 390 });
  await tab.send('Emulation.setScriptExecutionDisabled', { value: false });
  assert.equal(await tab.evaluate('document.querySelectorAll("#plain details").length'), 4);
  assert.match(await tab.evaluate('document.querySelector("#plain p").textContent'), /26 more/);
  assert.equal(await tab.evaluate('document.getElementById("app").checkVisibility()'), false);
  assert.equal(await tab.evaluate('document.documentElement.scrollWidth <= 390'), true);
  await tab.close();
});

test('a narrow page does not scroll sideways, and colours follow the system', browsers, async () => {
  const background = async (dark) => {
    const tab = await browser.open(page, { width: 390, height: 800, dark });
    assert.equal(await tab.evaluate('document.documentElement.scrollWidth'), 390);
    const colour = await tab.evaluate('getComputedStyle(document.body).backgroundColor');
    await tab.close();
    return colour;
  };
  assert.notEqual(await background(true), await background(false));
});

test('what is hostile is shown and does not run', browsers, async () => {
  const tab = await browser.open(await hostilePage());
  for (let concept = 0; concept < 3; concept++) await tab.press('j');
  await tab.evaluate('document.querySelectorAll("details").forEach((details) => { details.open = true; })');
  await tab.frame();
  assert.equal(await tab.evaluate('window.owned'), undefined);
  const hidden = ['img', 'iframe', 'body script:not(#data)', 'style', '[onerror], [onmouseover], [onfocus]', 'a[href^=javascript]'];
  const there = await tab.evaluate(`${JSON.stringify(hidden)}.map((what) => document.querySelectorAll(what).length)`);
  assert.deepEqual(there, [0, 0, 1, 1, 0, 0]);
  assert.equal(await tab.evaluate('document.body.innerText.includes("</script><script>window.owned = 1</script>")'), true);
  assert.match(await tab.evaluate('document.querySelector("h1").textContent'), /\[U\+202E\]gnp\.exe\[U\+2028\]\[U\+2029\]␛\[31m␇/);
  assert.deepEqual([tab.errors, tab.requests.length], [[], 1]);
  // A script that somebody puts into the page is refused by its policy.
  const changed = page.replace('</main>', '<script>window.owned = 7</script><img src="https://example.com/x.png" alt=""></main>');
  const other = await browser.open(changed);
  assert.equal(await other.evaluate('window.owned'), undefined);
  assert.ok(other.errors.some((error) => error.includes('Content Security Policy')), other.errors.join('\n'));
  await other.close();
  await tab.close();
});
