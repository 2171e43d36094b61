/** How concepts are labelled by a language model, and what that gives. */
import { flag, real, text, whole32, word } from './arguments';
import type { CallOptions } from './call';
import type { ErrorCode } from './errors';
import { native, structs, type LlmLabelsOptionsStruct } from './native';
import { indices, samplings, translator } from './options';

/**
 * How the examples are chosen that the model sees: the strongest (`top`), any that excite the concept (`random`), or equally
 * many of each quantile of activation (`quantile`).
 */
export type Sampling = keyof typeof samplings;

/** How concepts are labelled. */
export interface LlmLabelsOptions extends CallOptions {
  /** Which concepts, in the order wanted. By default all. */
  readonly concepts?: readonly number[] | undefined;
  /** Also label what the most negative activations mean. */
  readonly negativePole?: boolean | undefined;
  /** How the examples are chosen. By default the strongest. */
  readonly sampling?: Sampling | undefined;
  /** How many examples the model sees of each concept; fewer where there are fewer. By default 30. */
  readonly exampleCount?: number | undefined;
  /**
   * How many units of context an example has on each side, as far as its text goes. By default 10; 0 shows the units alone.
   * Whole texts, vocabularies and rows of your own have no context.
   */
  readonly context?: number | undefined;
  /** Into how many quantiles the sampling `quantile` cuts. By default 5. */
  readonly quantileCount?: number | undefined;
  /** The seed of everything that is drawn at random. By default 0. */
  readonly seed?: number | undefined;
  /**
   * On how many unseen passages that excite the concept, and on as many that do not, the label is scored; 20 is a good
   * number. By default labels are not scored.
   */
  readonly scorePassages?: number | undefined;
  /** How many of them one request holds. By default 10: more are cheaper and judged worse. */
  readonly scorePassagesPerRequest?: number | undefined;
  /**
   * From which part of the concept's strongest activation on a passage counts as exciting when labels are scored, up to 1;
   * below half of that it is quiet. By default 0.5.
   */
  readonly scoreThreshold?: number | undefined;
  /** Ask nothing: the interpretation has the prompts instead of labels, and its `labelUsage` is an estimate. */
  readonly dryRun?: boolean | undefined;
  /** Instructions to use instead of those of Eidos. They should ask for `{"label": "..."}`. */
  readonly systemPrompt?: string | undefined;
}

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

/** What labels have cost. */
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

const fields = translator<LlmLabelsOptions, LlmLabelsOptionsStruct>(
  () => native().eidos_llm_labels_options_init,
  structs.eidos_llm_labels_options.size,
  {
    negative_pole: ['negativePole', flag],
    concepts: ['concepts', indices],
    sampling: ['sampling', word(samplings)],
    example_count: ['exampleCount', whole32],
    context: ['context', whole32],
    quantile_count: ['quantileCount', whole32],
    seed: ['seed', whole32],
    score_passages: ['scorePassages', whole32],
    score_passages_per_request: ['scorePassagesPerRequest', whole32],
    dry_run: ['dryRun', flag],
    score_threshold: ['scoreThreshold', real],
    system_prompt: ['systemPrompt', text],
  },
);

/** The options for C; an array brings its own length. */
export function llmLabelsOptions(options: LlmLabelsOptions): LlmLabelsOptionsStruct {
  const struct = fields(options);
  return { ...struct, concept_count: struct.concepts?.length ?? 0 };
}
