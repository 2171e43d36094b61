// Files of texts.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import test, { after } from 'node:test';

import { EidosError, readTexts } from '@eidos/eidos';

import { assertNothingLives, demoTexts, rejection, repository, temporaryFolder } from './helpers.mjs';

const folder = temporaryFolder();
after(assertNothingLives);

function file(name, content) {
  const file = path.join(folder, name);
  writeFileSync(file, content);
  return file;
}

test('line ends and a byte order mark are no part of a text', async () => {
  const lines = file('texts.txt', '\ufeffa warm film\r\n\r\n café ');
  assert.deepEqual(await readTexts(lines), ['a warm film', ' café ']);
  assert.deepEqual(await readTexts(lines, { keepEmpty: true }), ['a warm film', '', ' café ']);
  assert.deepEqual(await readTexts(lines, { mostTexts: 1 }), ['a warm film']);
  assert.deepEqual(await readTexts(file('empty.txt', '')), []);
  assert.deepEqual(await readTexts(path.join(repository, 'assets/demo-texts.txt')), demoTexts);
});

test('JSON lines are read by their field', async () => {
  const records = file('texts.jsonl', '{"text": "a\\u0000b"}\n{"text": "c", "sentence": "d"}\n');
  assert.deepEqual(await readTexts(records), ['a\0b', 'c']);
  assert.equal((await readTexts(records, { format: 'lines' }))[1], '{"text": "c", "sentence": "d"}');
  assert.deepEqual(await readTexts(file('records', '{"x": "d"}'), { format: 'json_lines', field: 'x' }), ['d']);
  const error = await rejection(readTexts(records, { field: 'sentence' }));
  assert.ok(error instanceof EidosError);
  assert.equal(error.code, 'invalid_file');
  assert.equal(new Map(error.details).get('line'), '1');
});

test('what is wrong is said', async () => {
  assert.equal((await rejection(readTexts(path.join(folder, 'missing.txt')))).code, 'not_found');
  assert.equal((await rejection(readTexts(file('latin1.txt', Buffer.from([0x63, 0xe9, 0x0a]))))).code, 'invalid_file');
  assert.equal((await rejection(readTexts(folder))).code, 'invalid_file');
  assert.ok((await rejection(readTexts('x', { format: 'csv' }))) instanceof TypeError);
  assert.ok((await rejection(readTexts('x', { mostTexts: -1 }))) instanceof RangeError);
  const reason = new Error('enough');
  assert.equal(await rejection(readTexts(file('a.txt', 'a'), { signal: AbortSignal.abort(reason) })), reason);
});
