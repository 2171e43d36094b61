/** What the library says when a call fails, as an exception. */
import { addressIn, native, out, readText, type Out, type Pointer } from './native';

/** The library's status codes, in their order from 1. */
const CODES = [
  'invalid_argument',
  'invalid_handle',
  'not_found',
  'unknown_module',
  'invalid_file',
  'unsupported',
  'invalid_data',
  'mismatch',
  'io',
  'network',
  'access_denied',
  'cancelled',
  'out_of_memory',
  'device',
  'internal',
  'unusable_answer',
  'budget_exhausted',
  'busy',
] as const;

/**
 * Whose fault a failure is:
 *
 * - `invalid_argument`: a value that cannot be right (k = 0, a wrong length). Fix the call.
 * - `invalid_handle`: the object was closed before. Fix the call.
 * - `not_found`: a file, folder, repository or revision does not exist.
 * - `unknown_module`: the model has no such module, or it cannot be a split point. Choose another path.
 * - `invalid_file`: a file is truncated, damaged or hostile. Get it again.
 * - `unsupported`: the file is fine but asks for something that this version does not build.
 * - `invalid_data`: the numbers are unusable (NaN, infinite, constant).
 * - `mismatch`: two things do not belong together, such as an explainer of another width.
 * - `io`: the operating system refused (disk full, no permission). What was complete is kept.
 * - `network`: the network or the server failed. Call again; what was downloaded is kept.
 * - `access_denied`: the server refused the credentials. Set a token that has access.
 * - `cancelled`: the call was cancelled. With an `AbortSignal` the promise rejects with the signal's reason instead.
 * - `out_of_memory`: a memory limit would be exceeded.
 * - `device`: the device that was asked for is missing or failed.
 * - `internal`: a defect in Eidos; please report it with the message.
 * - `unusable_answer`: a language model gave no answer that can be used (empty, refused, cut). Try again, or use another one.
 * - `budget_exhausted`: the next request to a language model could exceed the budget, or the account is empty. Raise it.
 * - `busy`: another call, of this process or of another one, is writing there. Wait for it, or choose another place.
 */
export type ErrorCode = (typeof CODES)[number];

/** A call of the library that failed: what is wrong, and what to do about it. */
export class EidosError extends Error {
  override readonly name = 'EidosError';
  /** Whose fault it is, for programs. */
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
    return CODES.indexOf(this.code) + 1;
  }
}

/** The code of a status other than 0. */
export function codeOf(status: number): ErrorCode {
  return CODES[status - 1] ?? 'internal';
}

/** Throws what a call says that returned a status other than 0. */
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
