/** What labelling concepts by a language model gives. */
import type { ErrorCode } from './errors';

/** What a language model calls a concept. */
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
  /** What the model would be asked: the message of the user. Of a dry run only. */
  readonly prompt?: string;
}

/** What the labels of one interpretation have cost. */
export interface LabelUsage {
  /** Requests that were sent; a repetition counts. */
  readonly requests: number;
  /** Questions that the cache answered. */
  readonly cached: number;
  /** Tokens of the questions. */
  readonly promptTokens: number;
  /** Tokens of the answers. */
  readonly completionTokens: number;
  /** Answers of which nobody said what they cost. */
  readonly unreported: number;
  /** Whether nothing was asked and the numbers are an estimate. */
  readonly dryRun: boolean;
}
