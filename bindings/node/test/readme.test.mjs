// The code in the README runs, and prints what the README says.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import test from 'node:test';

import { packageFolder, runProgram } from './helpers.mjs';

const readme = readFileSync(path.join(packageFolder, 'README.md'), 'utf8');
const blocks = [...readme.matchAll(/^```(js|ts|text)\n([\s\S]*?)^```$/gm)].map(([, kind, code]) => ({ kind, code }));
const programs = blocks.filter(({ kind }) => kind === 'js');

test('there are programs', () => {
  assert.ok(programs.length >= 2);
});

for (const [index, { code }] of programs.entries()) {
  test(`program ${index + 1}: ${code.split('\n')[0]}`, () => {
    const { status, stdout, stderr } = runProgram(code);
    assert.equal(status, 0, stderr);
    const next = blocks[blocks.findIndex((block) => block.code === code) + 1];
    if (next?.kind === 'text') assert.equal(stdout, next.code);
  });
}
