/** Questions to a function of the caller, and its answers. */
import { record, whole } from './arguments';
import type { Question } from './native';

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

/** A language model of the caller's own. */
export type Answer = (request: ChatRequest) => string | ChatAnswer | Promise<string | ChatAnswer>;

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
