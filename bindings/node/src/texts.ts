/** Reading files of texts. */
import { knownOptions, text } from './arguments';
import { callOptionNames, runWithControl, type CallOptions } from './call';
import type * as c from './generated/options';
import { textsOptions } from './generated/options';
import { callOnPool, handleIn, native, out, readText, type Out } from './native';

/** How a file of texts is read. */
export interface TextsOptions extends c.TextsOptions, Pick<CallOptions, 'signal'> {}

/**
 * Reads the texts of a file in UTF-8. Line ends (`\n` or `\r\n`) and a byte order mark at the beginning are no part of a text.
 *
 * @throws {EidosError} `not_found`; `invalid_file` for bytes that are not UTF-8, lines that are no JSON objects, and fields that
 *   are missing or no text, with the number of the line, from 1, as the detail `line`.
 */
export async function readTexts(file: string, options: TextsOptions = {}): Promise<string[]> {
  const path = text('file', file);
  const struct = textsOptions(knownOptions(options, textsOptions.names, callOptionNames));
  const result = out();
  return runWithControl(
    options,
    [],
    (control, error) => callOnPool(native().eidos_texts_read, path, struct, control, result, error),
    () => {
      const texts = handleIn(result);
      try {
        return Array.from(
          { length: native().eidos_texts_count(texts) },
          (_, index) => readText((length) => native().eidos_texts_get(texts, index, length)) ?? '',
        );
      } finally {
        native().eidos_texts_free(texts);
      }
    },
  );
}

/** The only text that a call wrote. */
export function onlyText(result: Out): string {
  const texts = handleIn(result);
  try {
    return readText((length) => native().eidos_texts_get(texts, 0, length)) ?? '';
  } finally {
    native().eidos_texts_free(texts);
  }
}
