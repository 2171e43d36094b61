// Makes the folders that are published to npm: one for each platform's library, and the main package, which names them as
// optional dependencies so that npm installs the one that fits.
//
//     node scripts/native-packages.mjs OUT linux-x64=path/to/libeidos.so darwin-arm64=path/to/libeidos.dylib ...
//
// The package must be built before (npm run build). Publish what OUT contains: first OUT/native-*, then OUT/eidos.
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const { libraryFileName, nativePackageName } = createRequire(import.meta.url)('../dist/library.js');
const licences = ['LICENSE-MIT', 'LICENSE-APACHE'];
const root = fileURLToPath(new URL('..', import.meta.url));
const main = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8'));

const [out, ...libraries] = process.argv.slice(2);
if (!out || libraries.length === 0 || libraries.some((library) => !/^\w+-\w+=./.test(library))) {
  console.error('usage: node scripts/native-packages.mjs OUT <os>-<arch>=<library> ...');
  process.exit(2);
}

const natives = libraries.map((library) => {
  const equals = library.indexOf('=');
  const [os, cpu] = library.slice(0, equals).split('-');
  return { os, cpu, file: library.slice(equals + 1), name: nativePackageName(os, cpu) };
});
natives.forEach(writeNative);
writeMain();

function writeNative({ os, cpu, file, name }) {
  const folder = path.join(out, `native-${os}-${cpu}`);
  const libraryName = libraryFileName(os);
  mkdirSync(folder, { recursive: true });
  cpSync(file, path.join(folder, libraryName));
  copyTo(folder, licences);
  writeManifest(folder, {
    name,
    version: main.version,
    description: `The Eidos library for ${os}-${cpu}. Install ${main.name}, which needs it.`,
    license: main.license,
    os: [os],
    cpu: [cpu],
    ...(os === 'linux' && { libc: ['glibc'] }),
    files: [libraryName, ...licences],
  });
  writeFileSync(path.join(folder, 'README.md'), `The Eidos library for ${os}-${cpu}. Install \`${main.name}\`, which needs it.\n`);
}

function writeMain() {
  const folder = path.join(out, 'eidos');
  copyTo(folder, ['dist', 'README.md', ...licences]);
  const { scripts, devDependencies, ...published } = main;
  const optionalDependencies = Object.fromEntries(natives.map(({ name }) => [name, main.version]));
  writeManifest(folder, { ...published, optionalDependencies });
}

function copyTo(folder, entries) {
  for (const entry of entries) cpSync(path.join(root, entry), path.join(folder, entry), { recursive: true });
}

function writeManifest(folder, manifest) {
  writeFileSync(path.join(folder, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`);
}
