/** Long calls: promises for C functions on a thread of libuv's pool, watched and cancelled through a control. */
import { onAbort } from './abort';
import { wrongType } from './argument-errors';
import { check, EidosError, throwIfFailed } from './errors';
import { atExit } from './exit';
import {
  logLevels,
  stages,
  structs,
  type LogLevel,
  type LogMessageStruct,
  type ProgressStruct,
  type Stage as AnyStage,
} from './generated/abi';
import type { Resource } from './handle';
import { word } from './arguments';
import { handleIn, native, out, readBytes, type Out, type Pointer } from './native';
import { wordOf } from './words';
import { withSlot } from './pool';

/**
 * The stage of a long call: `download` is counted in bytes, `load` in tensors, `tokenize` in texts, `forward` in
 * tokens, `covariance` and `interpret` in rows, `fit` in iterations (the total is the most that may run), `write` in
 * bytes, `label` in concepts.
 */
export type Stage = Exclude<AnyStage, 'idle'>;

/** The progress of a long call. */
export interface Progress {
  /** The stage that is running. */
  readonly stage: Stage;
  /** How many steps of the stage are done, in its unit. */
  readonly done: number;
  /** How many steps the stage has, in the same unit; 0 when unknown. */
  readonly total: number;
  /** Seconds since the call began. */
  readonly elapsedSeconds: number;
}

/** A message about a long call. */
export interface LogMessage {
  /** How important it is. */
  readonly level: LogLevel;
  /** The part of the library that it comes from: `hub`, `model`, `chat`. */
  readonly target: string;
  /** The text of the message, in one line. */
  readonly text: string;
  /** Seconds from the beginning of the call to the message. */
  readonly elapsedSeconds: number;
}

/** The options of every long call. */
export interface CallOptions {
  /** Cancels the call: the promise rejects with the signal's reason, within one batch or iteration. */
  readonly signal?: AbortSignal | undefined;
  /**
   * Receives progress, on the thread of the caller: at most every 20 ms, when something changed, and once at the end of a
   * call that succeeds. When it throws, the call is cancelled and its promise rejects with the same error.
   */
  readonly onProgress?: ((progress: Progress) => void) | undefined;
  /**
   * Receives log messages about the call, on the thread of the caller: which files were loaded, what is downloaded, which
   * request is retried. They come at most 20 ms late, and all of them before the promise settles. When it throws, the call is
   * cancelled and its promise rejects with the same error.
   */
  readonly onLog?: ((message: LogMessage) => void) | undefined;
  /** Which messages `onLog` receives: those of this level and the more important ones. By default `info`. */
  readonly logLevel?: LogLevel | undefined;
}

/** The names of these options. */
export const callOptionNames: readonly (keyof CallOptions)[] = ['signal', 'onProgress', 'onLog', 'logLevel'];

/** The interval at which progress is polled. No callback is called from another thread. */
const POLL_MILLISECONDS = 20;

/** Calls in progress, to be cancelled when the process or the worker ends before them. */
const controls = new Set<Control>();
atExit(() => controls.forEach((control) => control.cancel()));

/** The library's control of one call. */
export class Control {
  readonly pointer: Pointer;
  readonly #cancelled = new AbortController();

  constructor() {
    const control = out();
    check((error) => native().eidos_control_new(control, error));
    this.pointer = handleIn(control);
    controls.add(this);
  }

  cancel(reason?: unknown): void {
    native().eidos_control_cancel(this.pointer);
    this.#cancelled.abort(reason);
  }

  /** Aborts when the call is cancelled, for whatever reason. */
  get cancelled(): AbortSignal {
    return this.#cancelled.signal;
  }

  /** The progress of the call; `undefined` before it starts. */
  progress(): Progress | undefined {
    const struct: Partial<ProgressStruct> = {};
    check((error) => native().eidos_control_progress(this.pointer, struct, structs.eidos_progress.size, error));
    const { stage, done, total, elapsed_seconds } = struct as ProgressStruct;
    const name = wordOf(stages, stage);
    return name === undefined || name === 'idle' ? undefined : { stage: name, done, total, elapsedSeconds: elapsed_seconds };
  }

  /** Stores messages, for `messages()`. */
  keepLog(level: number): void {
    check((error) => native().eidos_control_keep_log(this.pointer, level, error));
  }

  /** The messages from the one with the number `first` on. */
  *messages(first: number): IterableIterator<LogMessage> {
    for (let index = first; index < native().eidos_control_log_count(this.pointer); index++) {
      const struct: Partial<LogMessageStruct> = {};
      check((error) => native().eidos_control_log(this.pointer, index, struct, structs.eidos_log_message.size, error));
      const { level, target, target_len, message, message_len, elapsed_seconds } = struct as LogMessageStruct;
      yield {
        level: wordOf(logLevels, level) ?? 'info',
        target: readBytes(target, 0, target_len),
        text: readBytes(message, 0, message_len),
        elapsedSeconds: elapsed_seconds,
      };
    }
  }

  free(): void {
    controls.delete(this);
    native().eidos_control_free(this.pointer);
  }
}

/** Polls a control for progress and messages, and passes new ones to the caller. */
class Reporter {
  /** The error that a function of the caller's threw. */
  failure: { readonly reason: unknown } | undefined;
  #last: string | undefined;
  #told = 0;

  constructor(
    private readonly control: Control,
    private readonly options: CallOptions,
  ) {
    if (options.onLog) control.keepLog(word(logLevels)('logLevel', options.logLevel ?? 'info'));
  }

  report(): void {
    if (this.options.onProgress) this.#attempt(this.#tellProgress);
    this.tellMessages();
  }

  tellMessages(): void {
    if (this.options.onLog) this.#attempt(this.#tellMessages);
  }

  #attempt(tell: () => void): void {
    if (this.failure) return;
    try {
      tell();
    } catch (reason) {
      this.failure = { reason };
      this.control.cancel(reason);
    }
  }

  readonly #tellProgress = (): void => {
    const progress = this.control.progress();
    const position = progress && `${progress.stage} ${progress.done}`;
    if (!progress || position === this.#last) return;
    this.#last = position;
    this.options.onProgress?.(progress);
  };

  readonly #tellMessages = (): void => {
    for (const message of this.control.messages(this.#told)) {
      this.#told++;
      this.options.onLog?.(message);
    }
  };
}

/**
 * Runs a C function on the pool, and converts its results. The resources that it uses stay alive until it returns, even when
 * they are closed before.
 *
 * @throws {EidosError} the error of the library.
 */
export async function runOnPool<T>(
  uses: readonly Resource[],
  start: (error: Out) => Promise<number>,
  result: () => T,
): Promise<T> {
  return withPinned(uses, () => withSlot(undefined, () => settle(start, result)));
}

/** As `runOnPool`, with a control: progress is reported, and a signal cancels the call. */
export async function runWithControl<T>(
  options: CallOptions,
  uses: readonly Resource[],
  start: (control: Pointer, error: Out) => Promise<number>,
  result: () => T,
): Promise<T> {
  checkCallOptions(options);
  const call = (control: Control) => settle((error) => start(control.pointer, error), result);
  return withPinned(uses, () => withSlot(options.signal, () => watch(options, call)));
}

/** As `runWithControl`, for a call that brings a thread of its own instead of using the pool. */
export async function runOnOwnThread<T>(
  options: CallOptions,
  uses: readonly Resource[],
  start: (control: Control, error: Out) => Promise<number>,
  result: () => T,
): Promise<T> {
  checkCallOptions(options);
  const call = (control: Control) => settle((error) => start(control, error), result);
  return withPinned(uses, () => watch(options, call));
}

/** Runs a task and keeps resources alive meanwhile, even when they are closed. */
export async function withPinned<T>(resources: readonly Resource[], task: () => Promise<T>): Promise<T> {
  const unpin = resources.map((resource) => resource.pinForCall());
  try {
    return await task();
  } finally {
    unpin.forEach((release) => release());
  }
}

async function settle<T>(start: (error: Out) => Promise<number>, result: () => T): Promise<T> {
  const error = out();
  throwIfFailed(await start(error), error);
  return result();
}

async function watch<T>(options: CallOptions, call: (control: Control) => Promise<T>): Promise<T> {
  const { signal, onProgress, onLog } = options;
  signal?.throwIfAborted(); // it may have been aborted while the call waited for a thread
  const control = new Control();
  const reporter = onProgress || onLog ? new Reporter(control, options) : undefined;
  const timer = reporter && setInterval(() => reporter.report(), POLL_MILLISECONDS);
  const forget = onAbort(signal, () => control.cancel(signal?.reason));
  try {
    const value = await call(control);
    reporter?.report();
    if (reporter?.failure) throw reporter.failure.reason;
    return value;
  } catch (error) {
    reporter?.tellMessages();
    throw explain(error, signal, reporter);
  } finally {
    forget();
    clearInterval(timer);
    control.free();
  }
}

/** A cancelled call fails with the reason of the cancel. */
function explain(error: unknown, signal: AbortSignal | undefined, reporter: Reporter | undefined): unknown {
  if (reporter?.failure) return reporter.failure.reason;
  const cancelled = error instanceof EidosError && error.code === 'cancelled';
  return cancelled && signal?.aborted ? signal.reason : error;
}

function checkCallOptions({ signal, onProgress, onLog, logLevel }: CallOptions): void {
  if (signal !== undefined && !(signal instanceof AbortSignal)) throw wrongType('signal must be an AbortSignal');
  if (onProgress !== undefined && typeof onProgress !== 'function') {
    throw wrongType('onProgress must be a function');
  }
  if (onLog !== undefined && typeof onLog !== 'function') throw wrongType('onLog must be a function');
  if (logLevel !== undefined) word(logLevels)('logLevel', logLevel);
}
