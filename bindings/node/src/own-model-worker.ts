/** The worker of `own-model.ts`: it makes the chat and runs the calls of C. Its thread blocks while it waits for an answer. */
import { workerData } from 'node:worker_threads';

import { statuses } from './generated/abi';
import { native, out, registerChatCallback, unregisterCallback, type PlainRequest, type Pointer } from './native';
import type { FromWorker, LabelCall, Reply, Start, ToWorker } from './own-model';
import { questions } from './worker-questions';

const { options, port, answered } = workerData as Start;
const ask = questions<FromWorker, Reply>(port, answered);

function say(message: FromWorker): void {
  port.postMessage(message);
}

/** The callback of C. It must not throw. */
function answer(request: PlainRequest, reply: Pointer): number {
  try {
    return pass(ask({ request }), reply);
  } catch {
    return statuses.internal;
  }
}

/** Passes an answer on to C. */
function pass(said: Reply, reply: Pointer): number {
  if ('status' in said) {
    native().eidos_chat_reply_set_error(reply, said.message, out());
    return said.status;
  }
  const { text, usage } = said;
  if (usage) native().eidos_chat_reply_set_usage(reply, usage.promptTokens, usage.completionTokens);
  const bytes = Buffer.from(text);
  return native().eidos_chat_reply_set_text(reply, bytes, bytes.length, out());
}

function label({ explainer, activations, chat, options, control }: LabelCall): void {
  const [result, error] = [out(), out()];
  const status = native().eidos_llm_labels_interpret(explainer, activations, chat, options, control, result, error);
  say({ status, result: result[0]!, error: error[0]! });
}

const callback = registerChatCallback(answer);

/** Ends this thread. The caller frees the chat, and before it closes the port. */
function end(): void {
  unregisterCallback(callback);
  port.close();
}

port.on('message', (message: ToWorker) => (message === 'end' ? end() : label(message)));
const [result, error] = [out(), out()];
const status = native().eidos_chat_from_callback(callback, null, null, options, result, error);
say({ status, result: result[0]!, error: error[0]! });
