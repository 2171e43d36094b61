// The adapter against eidos.h: every function, constant and struct.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import test from 'node:test';

import { header, packageFolder, repository } from './helpers.mjs';

const require = createRequire(import.meta.url);
const { signatures, structs, ABI_VERSION, native } = require('../dist/native.js');
const options = require('../dist/options.js');
const { poles } = require('../dist/interpretation.js');

const code = header.replace(/\/\*[\s\S]*?\*\//g, '').replace(/^typedef .*\(\*.*$/gm, '');
const declared = [...code.matchAll(/\b(eidos_\w+)\s*\(/g)].map(([, name]) => name);
const constants = new Map([...code.matchAll(/#define (EIDOS_\w+) (\d+)/g)].map(([, name, value]) => [name, Number(value)]));

test('every function of the header is declared, and no other', () => {
  assert.ok(declared.length > 60);
  assert.deepEqual(Object.keys(signatures).sort(), [...new Set(declared)].sort());
  for (const name of declared) assert.equal(typeof native()[name], 'function', name);
});

test('every function has as many parameters as in the header', () => {
  for (const [, name, list] of code.matchAll(/\b(eidos_\w+)\s*\(([^)]*)\)/g)) {
    const count = list.trim() === 'void' ? 0 : list.split(',').length;
    assert.equal(signatures[name].parameters.length, count, name);
  }
});

test('every function is used', () => {
  // Progress is polled, who cancels knows it, and strings are copies.
  const unused = [
    'eidos_control_set_callback',
    'eidos_control_is_cancelled',
    'eidos_error_status',
    'eidos_stage_name',
    'eidos_texts_array',
    // A sum over processes is called on the thread that fits, where there is no JavaScript.
    'eidos_activations_spread',
  ];
  const sources = readdirSync(path.join(packageFolder, 'src'))
    .filter((file) => file !== 'native.ts')
    .map((file) => readFileSync(path.join(packageFolder, 'src', file), 'utf8'))
    .concat('eidos_abi_version') // by the adapter itself
    .join('\n');
  assert.deepEqual(declared.filter((name) => !new RegExp(`\\b${name}\\b`).test(sources)).sort(), unused.sort());
});

test('structs are laid out as in C', () => {
  const layout = JSON.parse(readFileSync(path.join(repository, 'tests/abi/layout.json'), 'utf8'));
  assert.deepEqual(Object.fromEntries(Object.entries(structs).map(([name, { layout }]) => [name, layout])), layout);
});

test('the words of the options have the numbers of the header', () => {
  const families = {
    TEXT_FORMAT: options.textFormats,
    HEAD: options.heads,
    DEVICE: options.devices,
    NETWORK: options.networks,
    GRANULARITY: options.granularities,
    WORD_RULE: options.wordRules,
    AGGREGATION: options.aggregations,
    CONTRAST: options.contrasts,
    ICA: options.algorithms,
    POLE: poles,
    SAMPLING: options.samplings,
  };
  for (const [family, table] of Object.entries(families)) {
    const expected = [...constants].filter(([name]) => name.startsWith(`EIDOS_${family}_`));
    const found = Object.entries(table).map(([word, number]) => [`EIDOS_${family}_${word.toUpperCase()}`, number]);
    assert.deepEqual(Object.fromEntries(found), Object.fromEntries(expected), family);
  }
});

test('status codes, stages and the version of the interface are those of the header', () => {
  assert.equal(ABI_VERSION, constants.get('EIDOS_ABI_VERSION'));
  const { EidosError } = require('../dist/errors.js');
  const statuses = code.slice(code.indexOf('#define EIDOS_INVALID_ARGUMENT'), code.indexOf('eidos_status_name'));
  const names = [...statuses.matchAll(/#define EIDOS_(\w+) (\d+)/g)];
  assert.equal(names.length, 18);
  for (const [, name, number] of names) {
    assert.equal(native().eidos_status_name(Number(number)), name.toLowerCase());
    assert.equal(new EidosError(name.toLowerCase(), '').status, Number(number), name);
  }
  const stages = [...constants].filter(([name]) => name.startsWith('EIDOS_STAGE_'));
  const { STAGES } = require('../dist/call.js');
  assert.deepEqual(STAGES.map((name, number) => [`EIDOS_STAGE_${name.toUpperCase()}`, number]), stages);
});
