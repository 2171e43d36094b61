/**
 * The path of the shared library. No other file depends on platforms, packages and environment variables.
 */
import { existsSync } from 'node:fs';
import path from 'node:path';

/** The npm package that holds the library for a platform, such as `@eidos/native-linux-x64`. */
export function nativePackageName(platform: string = process.platform, arch: string = process.arch): string {
  return `@eidos/native-${platform}-${arch}`;
}

/** The file name of the library on a platform. */
export function libraryFileName(platform: string = process.platform): string {
  if (platform === 'win32') return 'eidos.dll';
  return platform === 'darwin' ? 'libeidos.dylib' : 'libeidos.so';
}

/**
 * The file to load: the one that `EIDOS_LIBRARY` names, else that of the platform's npm package, else the one that cargo
 * built, where this package lies in a clone of the repository.
 *
 * @throws {Error} when there is none, saying what to do.
 */
export function findLibrary(): string {
  const chosen = process.env['EIDOS_LIBRARY'];
  if (chosen) {
    if (existsSync(chosen)) return path.resolve(chosen);
    throw new Error(`EIDOS_LIBRARY names ${chosen}, which does not exist; correct it or unset it`);
  }
  const found = inNativePackage() ?? inRepository();
  if (found !== undefined) return found;
  throw new Error(
    `the Eidos library for ${process.platform}-${process.arch} is not there; build it with ` +
      `\`cargo build --release\` and set EIDOS_LIBRARY to the path of ${libraryFileName()}, or install ${nativePackageName()}`,
  );
}

function inNativePackage(): string | undefined {
  try {
    return require.resolve(`${nativePackageName()}/${libraryFileName()}`);
  } catch {
    return undefined;
  }
}

function inRepository(): string | undefined {
  const root = path.resolve(__dirname, '../../..');
  const file = path.join(root, 'target/release', libraryFileName());
  return existsSync(path.join(root, 'include/eidos.h')) && existsSync(file) ? file : undefined;
}
