/** Language models that label concepts: behind a server, or a function of the caller. */
import { wrongType } from './argument-errors';
import { knownOptions } from './arguments';
import { runOnOwnThread, runWithControl, type CallOptions } from './call';
import type { Answer } from './chat-answer';
import { check } from './errors';
import type { ChatSpendingStruct, LlmLabelsOptionsStruct } from './generated/abi';
import { structs } from './generated/abi';
import { chatOptions } from './generated/options';
import type * as c from './generated/options';
import { Handle, pointerOf, Resource, resourceOf } from './handle';
import { callOnPool, handleIn, native, out, type Out, type Pointer } from './native';
import { OwnModel, OwnModelCall } from './own-model';

/** The options of a chat. Base URL, key, retries and `temperature` apply to servers only. */
export interface ChatOptions extends c.ChatOptions {
  /**
   * A language model of your own instead of a server. It runs on the thread of the caller, for one request at a time. Calls
   * with the same `Chat` wait for each other, so it must not use that `Chat` itself.
   * When it throws or rejects, the concept has an error instead of a label, with the code of an `EidosError`, otherwise
   * `unusable_answer`. After an `EidosError` with `access_denied`, `not_found` or `budget_exhausted` no further requests are
   * made.
   */
  readonly answer?: Answer | undefined;
}

/** What all calls together have spent with a `Chat`, and what is left of its budget. */
export interface ChatSpending {
  /** Requests that were sent, retries included. */
  readonly requests: number;
  /** Requests that the cache answered. */
  readonly cached: number;
  /** Prompt tokens. */
  readonly promptTokens: number;
  /** Answer tokens. */
  readonly completionTokens: number;
  /** Answers without token counts. */
  readonly unreported: number;
  /** How many requests may still be sent; `null` where there is no limit. */
  readonly requestsLeft: number | null;
  /** How many tokens may still be spent; `null` where there is no limit. What requests in flight may need counts as spent. */
  readonly tokensLeft: number | null;
}

/** The caller's own model, where there is one. */
function answerOption({ answer }: ChatOptions): Answer | undefined {
  if (answer !== undefined && typeof answer !== 'function') throw wrongType('answer must be a function');
  return answer;
}

/**
 * A language model that labels concepts. The budget and its usage, the connections and the cache live as long as the object,
 * from one call to the next; any number of calls may use it at the same time.
 */
export class Chat extends Handle {
  /** The function, and the worker on which C calls it; `undefined` for a server. */
  #own: { readonly answer: Answer; readonly model: OwnModel } | undefined;

  /**
   * Makes a language model: the `model` of a server, or a function `answer` of your own. Nothing is sent yet.
   *
   * @throws {EidosError} `invalid_argument` for invalid options, `io` when the cache folder cannot be created.
   */
  static async open(options: ChatOptions): Promise<Chat> {
    const [struct, answer] = [chatOptions(knownOptions(options, chatOptions.names, ['answer'])), answerOption(options)];
    const result = out();
    if (answer === undefined) {
      check((error) => native().eidos_chat_new(struct, result, error));
      return new Chat(new Resource(handleIn(result), native().eidos_chat_free));
    }
    const model = await OwnModel.start(struct, result);
    const free = (pointer: Pointer): void => {
      native().eidos_chat_free(pointer);
      model.close();
    };
    const chat = new Chat(new Resource(handleIn(result), free));
    chat.#own = { answer, model };
    return chat;
  }

  /** What was spent since the object was made, and what is left. */
  get spent(): ChatSpending {
    const pointer = pointerOf(this, Chat);
    const struct: Partial<ChatSpendingStruct> = {};
    check((error) => native().eidos_chat_spent(pointer, struct, structs.eidos_chat_spending.size, error));
    const spent = struct as ChatSpendingStruct;
    return {
      requests: spent.requests,
      cached: spent.cached,
      promptTokens: spent.prompt_tokens,
      completionTokens: spent.completion_tokens,
      unreported: spent.unreported,
      requestsLeft: limit(spent.requests_left),
      tokensLeft: limit(spent.tokens_left),
    };
  }

  /** @internal */
  protected override summary(): object {
    return { spent: this.spent };
  }

  /** @internal Labels with a chat: what `Explainer.llmLabels` does. */
  static async label<T>(
    chat: Chat,
    call: { readonly explainer: Pointer; readonly activations: Pointer; readonly options: LlmLabelsOptionsStruct },
    options: CallOptions,
    uses: readonly Resource[],
    result: (out: Out) => T,
  ): Promise<T> {
    const pointer = pointerOf(chat, Chat);
    const all = [...uses, resourceOf(chat, Chat)];
    const [written, own] = [out(), chat.#own];
    const finish = (): T => result(written);
    if (own === undefined) {
      const { explainer, activations, options: labels } = call;
      const interpret = native().eidos_llm_labels_interpret;
      const start = (control: Pointer, error: Out) =>
        callOnPool(interpret, explainer, activations, pointer, labels, control, written, error);
      return runWithControl(options, all, start, finish);
    }
    const ownCall = new OwnModelCall(own.answer);
    try {
      const whole = { ...call, chat: pointer };
      return await runOnOwnThread(options, all, (control, error) => ownCall.run(own.model, whole, control, written, error), finish);
    } catch (error) {
      throw ownCall.explain(error);
    }
  }
}

/** A limit of C, where the largest number means no limit. */
function limit(number: number | bigint): number | null {
  return number > Number.MAX_SAFE_INTEGER ? null : Number(number);
}
