// What is published.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, symlinkSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import test from 'node:test';

import { packageFolder, repository, temporaryFolder } from './helpers.mjs';

const { findLibrary } = createRequire(import.meta.url)('../dist/library.js');
const manifest = JSON.parse(readFileSync(path.join(packageFolder, 'package.json'), 'utf8'));
const lockfiles = ['bindings/node', 'examples/node'].map((folder) => path.join(repository, folder, 'package-lock.json'));

function run(command, args, options) {
  const result = spawnSync(command, args, { encoding: 'utf8', ...options });
  assert.equal(result.status, 0, result.stderr);
  return result.stdout;
}

test('npm pack holds the code, its types, the README and the licences, and nothing else', () => {
  const [{ files }] = JSON.parse(run('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], { cwd: packageFolder }));
  const paths = files.map(({ path }) => path);
  for (const file of ['package.json', 'README.md', 'dist/index.js', 'dist/index.mjs', 'dist/index.d.ts', 'dist/index.d.mts']) {
    assert.ok(paths.includes(file), file);
  }
  const others = paths.filter((file) => !/^dist\/(generated\/)?[\w-]+(\.d)?\.m?[jt]s$/.test(file));
  assert.deepEqual(others.sort(), ['LICENSE-APACHE', 'LICENSE-MIT', 'README.md', 'package.json']);
  assertLicences(packageFolder);
});

/** That a folder has the licences of the repository. */
function assertLicences(folder) {
  for (const name of ['LICENSE-MIT', 'LICENSE-APACHE']) {
    assert.equal(readFileSync(path.join(folder, name), 'utf8'), readFileSync(path.join(repository, name), 'utf8'), name);
  }
}

test('koffi is pinned, and lockfiles name no host', () => {
  assert.match(manifest.dependencies.koffi, /^\d+\.\d+\.\d+$/);
  for (const file of lockfiles) assert.doesNotMatch(readFileSync(file, 'utf8'), /"resolved": "\w+:\/\//, file);
});

test('the library of the platform comes in a package of its own', () => {
  const folder = temporaryFolder();
  const platform = `${process.platform}-${process.arch}`;
  const library = process.env.EIDOS_LIBRARY || findLibrary();
  run(process.execPath, ['scripts/native-packages.mjs', folder, `${platform}=${library}`], { cwd: packageFolder });

  const scope = path.join(folder, 'project/node_modules/@eidos');
  mkdirSync(scope, { recursive: true });
  cpSync(path.join(folder, 'eidos'), path.join(scope, 'eidos'), { recursive: true });
  cpSync(path.join(folder, `native-${platform}`), path.join(scope, `native-${platform}`), { recursive: true });
  for (const dependency of ['koffi', '@koromix']) {
    symlinkSync(path.join(packageFolder, 'node_modules', dependency), path.join(scope, '..', dependency));
  }

  const main = JSON.parse(readFileSync(path.join(scope, 'eidos/package.json'), 'utf8'));
  assert.deepEqual(main.optionalDependencies, { [`@eidos/native-${platform}`]: manifest.version });
  assert.equal(main.devDependencies, undefined);
  const native = JSON.parse(readFileSync(path.join(scope, `native-${platform}/package.json`), 'utf8'));
  assert.deepEqual([native.version, native.os, native.cpu], [manifest.version, [process.platform], [process.arch]]);

  for (const name of ['eidos', `native-${platform}`]) assertLicences(path.join(scope, name));

  const program = `import { version } from '@eidos/eidos'; console.log(version());`;
  const env = { ...process.env };
  delete env.EIDOS_LIBRARY;
  const cwd = path.join(folder, 'project');
  assert.match(run(process.execPath, ['--input-type=module', '--eval', program], { cwd, env }), /^\d+\.\d+\.\d+$/m);
});

test('without the package of the platform, the message says what to install', () => {
  const folder = temporaryFolder();
  const target = path.join(folder, 'node_modules/@eidos/eidos');
  cpSync(path.join(packageFolder, 'dist'), path.join(target, 'dist'), { recursive: true });
  cpSync(path.join(packageFolder, 'package.json'), path.join(target, 'package.json'));
  symlinkSync(path.join(packageFolder, 'node_modules/koffi'), path.join(folder, 'node_modules/koffi'));
  const env = { ...process.env };
  delete env.EIDOS_LIBRARY;
  const { status, stderr } = spawnSync(process.execPath, ['--eval', `require('@eidos/eidos').version()`], { cwd: folder, env, encoding: 'utf8' });
  assert.equal(status, 1);
  assert.match(stderr, /install @eidos\/native-/);
});
