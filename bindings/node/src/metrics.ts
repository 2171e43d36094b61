/** How good concepts are. */
import { Activations } from './activations';
import { wrongType } from './argument-errors';
import { knownOptions } from './arguments';
import { callOptionNames, runWithControl, type CallOptions } from './call';
import { Explainer } from './explainer';
import type * as c from './generated/options';
import { logitsOptions, metricsOptions } from './generated/options';
import { resourceOf, type Resource } from './handle';
import { withInputs, type InputsOrTexts } from './inputs';
import { Interpretation } from './interpretation';
import { pathOf } from './interventions';
import { callOnPool, native, out } from './native';
import { SplitModel } from './split-model';
import { onlyText } from './texts';

/** How concepts are measured, and what they mean. */
export interface MetricsOptions extends c.MetricsOptions, CallOptions {
  /** An interpretation for each explainer, `undefined` where there is none. By default none. */
  readonly interpretations?: readonly (Interpretation | undefined)[] | undefined;
}

/** What decoding the codes of rows gives back of them. */
export interface Reconstruction {
  readonly mean_squared_error: number;
  /** The norm of the error divided by the norm of the rows. */
  readonly relative_error: number;
  /** 1 for rows that are replaced by their mean. */
  readonly fraction_of_variance_unexplained: number;
  /** The mean cosine between a row and its reconstruction. */
  readonly cosine: number;
  /** Of each column; `null` for one that is constant. With `details`. */
  readonly explained_variance?: readonly (number | null)[];
}

/** How many concepts are active, which means that their code is not zero. */
export interface Sparsity {
  /** The mean number of active concepts of a row. */
  readonly l0: number;
  /** The mean sum of the magnitudes of a row's codes. */
  readonly l1: number;
  readonly dead: number;
  readonly dense: number;
  /** With `details`. */
  readonly density_histogram?: readonly { readonly from: number; readonly to: number; readonly count: number }[];
  /** The share of the rows on which each concept is active. With `details`. */
  readonly densities?: readonly number[];
  readonly has_negative: boolean;
}

/** What was measured of one explainer. */
export interface Metrics {
  readonly method: string;
  readonly concept_count: number;
  readonly input_width: number;
  /** `null` for a method that does not decode, and for a transcoder. */
  readonly reconstruction: Reconstruction | null;
  readonly sparsity: Sparsity;
  /** How much concepts repeat one another, by the largest cosine with another one; `null` without a dictionary. */
  readonly redundancy: {
    readonly mean_largest_cosine: number;
    readonly largest_cosine: number;
    readonly redundant: number;
  } | null;
  /** How alike the rows of a concept's inputs are, of each concept with `details`; `null` without an interpretation. */
  readonly coherence: { readonly mean: number | null; readonly concepts?: readonly (number | null)[] } | null;
}

/** How much of what one explainer found another one found, too. */
export interface Stability {
  readonly first: number;
  readonly second: number;
  /** The mean cosine of the best assignment of concepts to concepts; `null` for more than 4,096. */
  readonly assigned_cosine: number | null;
  readonly largest_cosine_of_first: number;
  readonly largest_cosine_of_second: number;
}

/** What was measured of several explainers on the same rows, with the names that it has in every language. */
export interface Comparison {
  readonly format: 'eidos.metrics';
  readonly version: number;
  readonly row_count: number;
  readonly explainers: readonly Metrics[];
  readonly stability: readonly Stability[];
}

/**
 * Measures how good the concepts of explainers are, on the same rows, which should not be those of the fit where others can be had.
 *
 * @throws {EidosError} `mismatch` for activations of another width or an interpretation of other rows, `invalid_argument` without
 *   explainers.
 */
export async function compare(
  explainers: readonly Explainer[],
  activations: Activations,
  options: MetricsOptions = {},
): Promise<Comparison> {
  if (!Array.isArray(explainers)) throw wrongType('explainers must be an array of explainers');
  const { interpretations } = knownOptions(options, metricsOptions.names, callOptionNames, ['interpretations']);
  if (interpretations !== undefined && (!Array.isArray(interpretations) || interpretations.length !== explainers.length)) {
    throw wrongType('interpretations must be an array with one for each explainer, or undefined where there is none');
  }
  const own = explainers.map((explainer) => resourceOf(explainer, Explainer));
  const meanings = own.map((_, index): Resource | undefined => {
    const meaning: Interpretation | undefined = interpretations?.[index];
    return meaning === undefined ? undefined : resourceOf(meaning, Interpretation);
  });
  const rows = resourceOf(activations, Activations);
  const pointers = BigUint64Array.from(own, (resource) => resource.pointer('Explainer'));
  const ofMeanings = BigUint64Array.from(meanings, (resource) => resource?.pointer('Interpretation') ?? 0n);
  const pointer = rows.pointer('Activations');
  const struct = metricsOptions(options);
  const result = out();
  return runWithControl(
    options,
    [rows, ...own, ...meanings.filter((resource) => resource !== undefined)],
    (control, error) =>
      callOnPool(
        native().eidos_metrics_compare, pointers, ofMeanings, own.length, pointer, struct, control, result, error,
      ),
    () => JSON.parse(onlyText(result)) as Comparison,
  );
}

/** How a model is measured, and what it should say. */
export interface ModelMetricsOptions extends c.LogitsOptions, CallOptions {
  /** The label of each text, where the model classifies texts. By default what it says as it is. */
  readonly labels?: readonly number[] | undefined;
}

/** A number of the model as it is, and while all rows of a module are their mean or zero. */
export interface Ablations {
  readonly original: number;
  readonly mean: number;
  readonly zero: number;
}

/** What the model gives while the rows of a module are what an explainer reconstructs of them. */
export interface Spliced {
  readonly method: string;
  readonly concept_count: number;
  /** The cross-entropy of what is predicted. */
  readonly loss: number;
  /** The part of the loss that zeros cost and the reconstruction does not: 1 is nothing lost. `null` where zeros cost nothing. */
  readonly loss_recovered: number | null;
  /** The same against the mean row. */
  readonly loss_recovered_from_mean: number | null;
  /** From the model's own distribution, in nats (Kullback and Leibler). */
  readonly divergence: number;
  readonly divergence_recovered: number | null;
  /** The share of the rows of logits whose largest is the one that it was. */
  readonly same_prediction: number;
  /** The norm of what centred logits differ by, divided by that of the model's own. */
  readonly logit_error: number | null;
}

/** What a model loses through explainers, with the names that it has in every language. */
export interface ModelMetrics {
  readonly format: 'eidos.model_metrics';
  readonly version: number;
  readonly split_point: string;
  readonly text_count: number;
  readonly prediction_count: number;
  readonly predicted: 'next_token' | 'token' | 'label' | 'own_prediction';
  readonly loss: Ablations;
  readonly divergence: Ablations;
  readonly explainers: readonly Spliced[];
}

/**
 * Measures what a model loses when the rows of the module `splitPoint`, one of its split points, are what explainers reconstruct of them,
 * beside what zeros and the mean row in their place cost it. The model must have been loaded with `whole`.
 *
 * @throws {EidosError} `invalid_argument` without explainers, or for a module that is no split point of the model, `unsupported` for an
 *   explainer that does not decode.
 */
export async function compareThroughModel(
  model: SplitModel,
  inputs: InputsOrTexts,
  splitPoint: string | number,
  explainers: readonly Explainer[],
  options: ModelMetricsOptions = {},
): Promise<ModelMetrics> {
  if (!Array.isArray(explainers)) throw wrongType('explainers must be an array of explainers');
  const { labels = [] } = knownOptions(options, logitsOptions.names, callOptionNames, ['labels']);
  if (!Array.isArray(labels) || !labels.every((label) => Number.isInteger(label) && label >= 0 && label < 2 ** 32)) {
    throw wrongType('labels must be an array of numbers from 0 on, one for each text');
  }
  const own = explainers.map((explainer) => resourceOf(explainer, Explainer));
  const whole = resourceOf(model, SplitModel);
  const pointer = whole.pointer('SplitModel');
  const pointers = BigUint64Array.from(own, (resource) => resource.pointer('Explainer'));
  const path = pathOf(splitPoint);
  const ofTexts = Uint32Array.from(labels);
  const struct = logitsOptions(options);
  const result = out();
  return withInputs(whole, inputs, options, (made, read) =>
    runWithControl(
      options,
      [whole, made, ...own],
      (control, error) =>
        callOnPool(
          native().eidos_metrics_compare_through_model, pointer, read, path, pointers, own.length, ofTexts, ofTexts.length,
          struct, control, result, error,
        ),
      () => JSON.parse(onlyText(result)) as ModelMetrics,
    ),
  );
}
