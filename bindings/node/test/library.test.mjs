// Which library is loaded, and what is said when it cannot be.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import test from 'node:test';

import * as esm from '@eidos/eidos';

import { runProgram, temporaryFolder } from './helpers.mjs';

const require = createRequire(import.meta.url);
const { ABI_VERSION } = require('../dist/generated/abi.js');
const { libraryFileName, nativePackageName } = require('../dist/library.js');
const folder = temporaryFolder();
const useLibrary = `console.log(require('@eidos/eidos').version())`;
const useViews = `
  const { Activations } = require('@eidos/eidos');
  const activations = Activations.fromRows(Float32Array.of(1, 2, 3, 4), 2);
  const rows = activations.rows();
  activations.close();
  console.log(rows.join());
`;

/** What a CommonJS program writes to standard error before it fails. */
function failure(source, env) {
  const { status, stderr } = runProgram(source, { env, kind: 'commonjs' });
  assert.equal(status, 1, stderr);
  return stderr;
}

function success(source, env) {
  const { status, stdout, stderr } = runProgram(source, { env, kind: 'commonjs' });
  assert.equal(status, 0, stderr);
  return stdout.trim();
}

test('ES modules and CommonJS get the same classes', () => {
  const cjs = require('@eidos/eidos');
  assert.deepEqual(Object.keys(esm).sort(), Object.keys(cjs).sort());
  for (const name of Object.keys(cjs)) assert.equal(esm[name], cjs[name], name);
});

test('importing loads nothing; the first use does', () => {
  assert.equal(success(`require('@eidos/eidos'); console.log('fine')`, { EIDOS_LIBRARY: '/nowhere' }), 'fine');
});

test('a library that does not exist', () => {
  assert.match(failure(useLibrary, { EIDOS_LIBRARY: '/nowhere/libeidos.so' }), /EIDOS_LIBRARY names \/nowhere\/libeidos\.so/);
});

test('a library that is none', () => {
  const file = path.join(folder, 'garbage.so');
  writeFileSync(file, 'garbage');
  assert.match(failure(useLibrary, { EIDOS_LIBRARY: file }), /cannot be used as the Eidos library/);
});

test('a library with another binary interface', (t) => {
  const [source, file] = [path.join(folder, 'other.c'), path.join(folder, 'other.so')];
  writeFileSync(source, 'unsigned eidos_abi_version(void) { return VERSION; }\n');
  for (const [version, remedy] of [[999, 'update the npm package'], [0, 'update the library']]) {
    const { status } = spawnSync('cc', ['-shared', '-fPIC', `-DVERSION=${version}`, source, '-o', file]);
    if (status !== 0) return t.skip('there is no C compiler');
    const message = failure(useLibrary, { EIDOS_LIBRARY: file });
    assert.match(message, new RegExp(`speaks version ${version} .* this package speaks version ${ABI_VERSION}; ${remedy}`));
  }
});

test('koffi must leave us stack', () => {
  const early = (size) => `
    const koffi = require('koffi');
    ${size ? `koffi.config({ async_stack_size: ${size} });` : ''}
    koffi.load(null);
    ${useLibrary}
  `;
  assert.match(failure(early(0), {}), /call koffi\.config\(\{ async_stack_size: 8388608 \}\) before/);
  assert.match(success(early(2 << 20), {}), /^\d/);
});

test('where views are forbidden, rows are copied', () => {
  const forbidden = `require('koffi').view = () => { throw new Error('This runtime does not support external buffers'); };`;
  assert.equal(success(useViews, {}), '1,2,3,4');
  assert.equal(success(forbidden + useViews, {}), '1,2,3,4');
});

test('the names of platforms', () => {
  assert.equal(nativePackageName('linux', 'x64'), '@eidos/native-linux-x64');
  assert.deepEqual(['linux', 'darwin', 'win32'].map((platform) => libraryFileName(platform)), [
    'libeidos.so',
    'libeidos.dylib',
    'eidos.dll',
  ]);
});
