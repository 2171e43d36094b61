// Copies the repository's licences to where npm packs them from.
import { copyFileSync } from 'node:fs';

for (const name of ['LICENSE-MIT', 'LICENSE-APACHE']) {
  copyFileSync(new URL(`../../../${name}`, import.meta.url), new URL(`../${name}`, import.meta.url));
}
