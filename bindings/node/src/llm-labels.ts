/** Labels of concepts by a language model. */
import type { ErrorCode } from './errors';

/** The label of one pole of a concept. */
export interface ConceptLabel {
  /** The label; missing when there is none, and then `error` says why. */
  readonly text?: string;
  /**
   * How well the label tells unseen passages apart: the balanced accuracy from 0 to 1, where 0.5 is chance. Missing when it
   * was not scored. The JSON of the interpretation has the counts.
   */
  readonly score?: number;
  /** Why there is no label, or a label without a score. */
  readonly error?: { readonly code: ErrorCode; readonly message: string };
  /** The prompt that would be sent, as the user message; only in a dry run. */
  readonly prompt?: string;
}

/** What the labels of one interpretation cost. */
export interface LabelUsage {
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
  /** Whether this was a dry run: nothing was sent, and the numbers are an estimate. */
  readonly dryRun: boolean;
}
