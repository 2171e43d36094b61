// What the tests share.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import v8 from 'node:v8';
import vm from 'node:vm';

import { Activations, debugLiveHandles, SplitModel } from '@eidos/eidos';

export const packageFolder = fileURLToPath(new URL('..', import.meta.url));
export const repository = path.resolve(packageFolder, '../..');
export const splitPoint = 'model.layers.2.mlp';
export const demoTexts = readFileSync(path.join(repository, 'assets/demo-texts.txt'), 'utf8').trimEnd().split('\n');
export const texts = demoTexts.slice(0, 40);

export const loadDemo = () => SplitModel.load('eidos:demo', { splitPoints: [splitPoint] });

/** Numbers that look random and are the same each time. */
export function randomNumbers(seed = 1) {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

/** A matrix with heavy tails, as ICA likes it. */
export function heavyRows(rowCount, columnCount, seed = 1) {
  const random = randomNumbers(seed);
  return Float32Array.from({ length: rowCount * columnCount }, () => (2 * random() - 1) ** 5);
}

export const ownActivations = (rowCount = 500, columnCount = 6) =>
  Activations.fromRows(heavyRows(rowCount, columnCount), columnCount);

/** A fit of these runs for minutes, unless it is cancelled. */
export const endless = { conceptCount: 40, maxIterations: 4_000_000_000, tolerance: 1e-300, threads: 1 };
export const endlessActivations = () => ownActivations(4000, 40);

/** A folder that is removed when the tests of the file end. */
export function temporaryFolder() {
  const folder = mkdtempSync(path.join(tmpdir(), 'eidos-node-'));
  after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

v8.setFlagsFromString('--expose-gc');
const collect = vm.runInNewContext('gc');

/** Collects garbage until nothing of the library lives, or fails. */
export async function assertNothingLives() {
  for (let round = 0; round < 50 && debugLiveHandles() > 0; round++) {
    collect();
    await sleep(10);
  }
  assert.equal(debugLiveHandles(), 0, 'handles of the library live on');
}

export async function collectGarbage() {
  for (let round = 0; round < 5; round++) {
    collect();
    await sleep(5);
  }
}

/** Runs a program in a process of its own, in the package's folder. */
export function runProgram(source, { env = {}, kind = 'module', args = [] } = {}) {
  const { status, signal, stdout, stderr } = spawnSync(
    process.execPath,
    [`--input-type=${kind}`, '--eval', source, '--', ...args],
    { cwd: packageFolder, encoding: 'utf8', env: { ...process.env, ...env }, timeout: 120_000 },
  );
  return { status, signal, stdout, stderr };
}

/** What a promise rejects with. */
export async function rejection(promise) {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  assert.fail('the promise was fulfilled');
}
