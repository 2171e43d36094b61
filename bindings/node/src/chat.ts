/** Language models that label concepts: behind a server, or a function of the caller. */
import { real, record, text, whole, whole32 } from './arguments';
import { native, structs, type ChatOptionsStruct, type Question } from './native';
import { translator } from './options';

/** A question to a language model. */
export interface ChatRequest extends Question {
  /** What the model is to do: its system prompt. */
  readonly system: string;
  /** What it is to do it with: the message of the user. */
  readonly user: string;
  /** The JSON schema of the answer, for models that can be held to one. Answers that follow it roughly are read too. */
  readonly schema: string;
  /** How many tokens the answer should have at most. */
  readonly maxTokens: number;
  /** Is aborted when the call is cancelled; nobody waits for the answer any more. */
  readonly signal: AbortSignal;
}

/** An answer of a language model, and what it cost. */
export interface ChatAnswer {
  /** What the model said. */
  readonly text: string;
  /** What it cost, for the usage and the token budget. An answer without it counts with the most that it can have cost. */
  readonly usage?: { readonly promptTokens: number; readonly completionTokens: number } | undefined;
}

/** Which language model is asked, and how. */
export interface ChatOptions {
  /** The name of the model, as its server knows it. With `answer` it is needed for the cache only. */
  readonly model?: string | undefined;
  /** The address that `/chat/completions` is appended to. By default `OPENAI_BASE_URL`, else `https://api.openai.com/v1`. */
  readonly baseUrl?: string | undefined;
  /**
   * The key of the account. By default `OPENAI_API_KEY`, which is sent over https and to this very machine only; an empty
   * string sends none. It appears in no error and in no cache.
   */
  readonly apiKey?: string | undefined;
  /**
   * A folder that keeps every answer, so that the same question is paid for once and an interrupted run goes on where it
   * stopped. It is made if it is not there. By default no cache.
   */
  readonly cacheFolder?: string | undefined;
  /** How many seconds one request may take, with its answer. By default 120. For servers. */
  readonly timeoutSeconds?: number | undefined;
  /** How often a request is repeated that failed for a reason that may pass. By default 4. For servers. */
  readonly retries?: number | undefined;
  /** How many requests may be on their way at the same time. By default 4. For servers. */
  readonly parallelRequests?: number | undefined;
  /** How many tokens one answer may have. By default 1024; models that think first need some thousands. */
  readonly maxTokens?: number | undefined;
  /** How much chance there is in the answers; `null` leaves it to the server. By default 0. For servers. */
  readonly temperature?: number | null | undefined;
  /** The most requests that may be sent, repetitions counted. By default there is no limit. */
  readonly requestBudget?: number | undefined;
  /**
   * The most tokens that may be spent, of questions and answers together. A request that could exceed it is not sent. By
   * default there is no limit.
   */
  readonly tokenBudget?: number | undefined;
  /**
   * A language model of your own, which is asked instead of a server: one question at a time, on the thread of the caller.
   * When it throws or rejects, the concept has an error instead of a label, with the code of an `EidosError` and
   * `unusable_answer` otherwise. An `EidosError` with `access_denied`, `not_found` or `budget_exhausted` ends the asking.
   */
  readonly answer?: ((request: ChatRequest) => string | ChatAnswer | Promise<string | ChatAnswer>) | undefined;
}

export type Answer = NonNullable<ChatOptions['answer']>;

export const chatOptions = translator<ChatOptions, ChatOptionsStruct>(
  () => native().eidos_chat_options_init,
  structs.eidos_chat_options.size,
  {
    model: ['model', text],
    base_url: ['baseUrl', text],
    api_key: ['apiKey', text],
    cache_folder: ['cacheFolder', text],
    timeout_seconds: ['timeoutSeconds', whole32],
    retries: ['retries', whole32],
    parallel_requests: ['parallelRequests', whole32],
    max_tokens: ['maxTokens', whole32],
    temperature: ['temperature', (name, value) => (value === null ? -1 : real(name, value))],
    request_budget: ['requestBudget', whole],
    token_budget: ['tokenBudget', whole],
  },
);

/** The caller's own model, where there is one. */
export function answerOption({ answer }: ChatOptions): Answer | undefined {
  if (answer !== undefined && typeof answer !== 'function') throw new TypeError('answer must be a function');
  return answer;
}

/** What a function of the caller returned, which must be an answer. */
export function checkedAnswer(value: unknown): ChatAnswer {
  if (typeof value === 'string') return { text: value };
  const { text: said, usage } = record('the answer', value as ChatAnswer);
  if (typeof said !== 'string') throw new TypeError('the answer must be a string, or an object with the string `text`');
  if (usage === undefined) return { text: said };
  const { promptTokens, completionTokens } = record('usage', usage);
  return {
    text: said,
    usage: { promptTokens: whole('promptTokens', promptTokens), completionTokens: whole('completionTokens', completionTokens) },
  };
}
