/** Reading files of texts. */
import { flag, text, whole, word } from './arguments';
import { runWithControl, type CallOptions } from './call';
import { callOnPool, handleIn, native, out, readText, structs, type TextsOptionsStruct } from './native';
import { textFormats, translator } from './options';

/** How a file of texts is read. */
export interface TextsOptions extends Pick<CallOptions, 'signal'> {
  /**
   * One text a line (`lines`), or one JSON object a line (`json_lines`). By default (`auto`) names that end in `.jsonl`,
   * `.ndjson` or `.json` are JSON lines, and all others lines.
   */
  readonly format?: keyof typeof textFormats | undefined;
  /** The field of a JSON object that is the text. By default `text`. */
  readonly field?: string | undefined;
  /** How many texts are read at most, from the beginning of the file. By default all. */
  readonly mostTexts?: number | undefined;
  /** Keep texts that are empty or nothing but white space, so that there is one text for each line or JSON object. */
  readonly keepEmpty?: boolean | undefined;
}

const textsOptions = translator<TextsOptions, TextsOptionsStruct>(
  () => native().eidos_texts_options_init,
  structs.eidos_texts_options.size,
  {
    format: ['format', word(textFormats)],
    field: ['field', text],
    most_texts: ['mostTexts', whole],
    keep_empty: ['keepEmpty', flag],
  },
);

/**
 * Reads the texts of a file in UTF-8. Line ends (`\n` or `\r\n`) and a byte order mark at the beginning are no part of a text.
 *
 * @throws {EidosError} `not_found`; `invalid_file` for bytes that are not UTF-8, lines that are no JSON objects, and fields that
 *   are missing or no text, with the number of the line, from 1, as the detail `line`.
 */
export async function readTexts(file: string, options: TextsOptions = {}): Promise<string[]> {
  const path = text('file', file);
  const struct = textsOptions(options);
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
