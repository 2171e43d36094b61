/** Requests to a language model of the caller's own, and its answers. */
import { wrongType } from './argument-errors';
import { record, whole } from './arguments';
import type { PlainRequest } from './native';

/** A request to a language model. */
export interface ChatRequest extends PlainRequest {
  /** The system message: the instructions. */
  readonly system: string;
  /** The user message: what the instructions are about. */
  readonly user: string;
  /** The JSON schema of the answer, for models with structured output. Answers that follow it only roughly are parsed too. */
  readonly schema: string;
  /** The most tokens that the answer should have. */
  readonly maxTokens: number;
  /** Aborts when the call is cancelled; the answer is not needed any more. */
  readonly signal: AbortSignal;
}

/** An answer of a language model, and what it cost. */
export interface ChatAnswer {
  /** The text of the answer. */
  readonly text: string;
  /** What the answer cost, for the usage and the token budget. Without it, the largest possible cost is counted. */
  readonly usage?: { readonly promptTokens: number; readonly completionTokens: number } | undefined;
}

/** A language model of the caller's own. */
export type Answer = (request: ChatRequest) => string | ChatAnswer | Promise<string | ChatAnswer>;

/** Checks that the function of the caller returned an answer. */
export function checkedAnswer(value: unknown): ChatAnswer {
  if (typeof value === 'string') return { text: value };
  const { text: said, usage } = record('the answer', value as ChatAnswer);
  if (typeof said !== 'string') throw wrongType('the answer must be a string, or an object with the string `text`');
  if (usage === undefined) return { text: said };
  const { promptTokens, completionTokens } = record('usage', usage);
  return {
    text: said,
    usage: { promptTokens: whole('promptTokens', promptTokens), completionTokens: whole('completionTokens', completionTokens) },
  };
}
