// The declarations of generated/abi.ts against the library: koffi lays structs as C does, and every function is there and used.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import test from 'node:test';

import { packageFolder, repository } from './helpers.mjs';

const require = createRequire(import.meta.url);
const { signatures, stages, statuses, structs } = require('../dist/generated/abi.js');
const { native } = require('../dist/native.js');

test('every function is in the library', () => {
  assert.ok(Object.keys(signatures).length > 60);
  for (const name of Object.keys(signatures)) assert.equal(typeof native()[name], 'function', name);
});

test('every function is used', () => {
  // Progress and messages are polled, who cancels knows it, strings are copies, and the garbage collector knows who shares a thing.
  const unused = [
    'eidos_api', // for programs that look up functions by hand
    'eidos_control_set_callback',
    'eidos_control_set_log_callback',
    'eidos_control_is_cancelled',
    'eidos_error_status',
    'eidos_stage_name',
    'eidos_inputs_from_texts_handle',
    ...['chat', 'control', 'explainer', 'explanation', 'inputs', 'interpretation', 'interventions', 'split_model', 'texts'].map((name) => `eidos_${name}_retain`),
  ];
  const folder = path.join(packageFolder, 'src');
  const sources = readdirSync(folder)
    .filter((file) => file.endsWith('.ts'))
    .map((file) => path.join(folder, file))
    .concat(path.join(folder, 'generated/options.ts'))
    .map((file) => readFileSync(file, 'utf8'))
    .join('\n');
  const names = Object.keys(signatures);
  assert.deepEqual(names.filter((name) => !new RegExp(`\\b${name}\\b`).test(sources)).sort(), unused.sort());
});

test('structs are laid out as in C', () => {
  const api = JSON.parse(readFileSync(path.join(repository, 'include/eidos.api.json'), 'utf8'));
  assert.deepEqual(Object.keys(structs), api.structs.map(({ name }) => name));
  for (const { name, size, fields } of api.structs) {
    const offsets = Object.fromEntries(fields.map(({ name, offset }) => [name, offset]));
    assert.deepEqual({ size: structs[name].size, offsets: structs[name].offsets }, { size, offsets }, name);
  }
});

test('statuses and stages are those of the library', () => {
  const { EidosError } = require('../dist/errors.js');
  for (const [word, number] of Object.entries(statuses)) {
    assert.equal(native().eidos_status_name(number), word);
    assert.equal(new EidosError(word, '').status, number, word);
  }
  for (const [word, number] of Object.entries(stages)) assert.equal(native().eidos_stage_name(number), word);
  assert.equal(native().eidos_status_name(Object.keys(statuses).length), 'unknown');
  assert.equal(native().eidos_stage_name(Object.keys(stages).length), 'unknown');
});

test('options that are not given are those that the library sets, which are what the description says', () => {
  const api = JSON.parse(readFileSync(path.join(repository, 'include/eidos.api.json'), 'utf8'));
  const translators = require('../dist/generated/options.js');
  for (const { name, fields } of api.structs.filter(({ options }) => options)) {
    const translate = translators[name.slice('eidos_'.length).replace(/_(.)/g, (_, letter) => letter.toUpperCase())];
    const struct = translate({});
    for (const field of fields.filter((field) => field.default !== undefined)) {
      assert.equal(Number(struct[field.name]), field.default, `${name}.${field.name}`);
    }
  }
});
