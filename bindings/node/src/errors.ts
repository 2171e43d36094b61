/** Errors of the library as exceptions. */
import { statuses, type Status } from './generated/abi';
import { addressIn, native, out, readText, type Out, type Pointer } from './native';
import { wordOf } from './words';

/** The kind of an error: one of the words of `Status`. */
export type ErrorCode = Exclude<Status, 'ok'>;

/** A call of the library that failed: what is wrong, and what to do about it. */
export class EidosError extends Error {
  override readonly name = 'EidosError';
  /** The kind of the error, for programs. */
  readonly code: ErrorCode;
  /** What to do about it, as an imperative phrase; empty when there is nothing to say. */
  readonly hint: string;
  /** The facts, as pairs of a name (`path`, `row`) and a value. A name may occur several times. */
  readonly details: ReadonlyArray<readonly [name: string, value: string]>;

  constructor(code: ErrorCode, message: string, hint = '', details: EidosError['details'] = []) {
    super(message);
    this.code = code;
    this.hint = hint;
    this.details = details;
  }

  /** The number of the code in the C interface: one of `EIDOS_*`. */
  get status(): number {
    return statuses[this.code];
  }
}

/** The code of a status other than 0. */
export function codeOf(status: number): ErrorCode {
  const word = wordOf(statuses, status);
  return word === undefined || word === 'ok' ? 'internal' : word;
}

/** Throws the error of a call that returned a status other than 0. */
export function throwIfFailed(status: number, error: Out = out()): void {
  if (status !== 0) throw takeError(status, addressIn(error));
}

/** Runs a call whose last argument receives the error, and throws that. */
export function check(call: (error: Out) => number): void {
  const error = out();
  throwIfFailed(call(error), error);
}

/** Copies an error of the library and frees it. */
function takeError(status: number, error: Pointer | null): EidosError {
  const code = codeOf(status);
  if (error === null) return new EidosError(code, native().eidos_status_name(status));
  try {
    return new EidosError(
      code,
      readText((length) => native().eidos_error_message(error, length)) ?? '',
      readText((length) => native().eidos_error_hint(error, length)) ?? '',
      readDetails(error),
    );
  } finally {
    native().eidos_error_free(error);
  }
}

function readDetails(error: Pointer): EidosError['details'] {
  return Array.from({ length: native().eidos_error_detail_count(error) }, (_, index) => [
    readText((length) => native().eidos_error_detail_key(error, index, length)) ?? '',
    readText((length) => native().eidos_error_detail_value(error, index, length)) ?? '',
  ]);
}
