/** Abort signals that end many calls at once. Each signal gets one listener, since Node warns of more than ten. */

const listenersOf = new WeakMap<AbortSignal, Set<() => void>>();

/** Calls a function when a signal is aborted, until the function that it returns is called. */
export function onAbort(signal: AbortSignal | undefined, listener: () => void): () => void {
  if (signal === undefined) return () => undefined;
  const listeners = listenersOf.get(signal) ?? new Set();
  listenersOf.set(signal, listeners);
  if (listeners.size === 0) signal.addEventListener('abort', callAll);
  listeners.add(listener);
  return () => {
    listeners.delete(listener);
    if (listeners.size === 0) signal.removeEventListener('abort', callAll);
  };
}

function callAll(this: AbortSignal): void {
  for (const listener of [...(listenersOf.get(this) ?? [])]) listener();
}
