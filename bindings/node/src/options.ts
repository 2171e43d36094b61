/** Options of calls: those of C, and what only JavaScript has. */
import type { CallOptions } from './call';
import type * as c from './generated/options';
import type { Interpretation } from './interpretation';

/** How a model is loaded. */
export interface LoadOptions extends c.LoadOptions, CallOptions {
  /**
   * Module paths as the checkpoint names them (`model.layers.10.mlp`), or numbers (10 is the eleventh block). Only the
   * weights up to the last of them are read. By default none: nothing but the tree of modules is loaded, to choose from.
   */
  readonly splitPoints?: readonly (string | number)[] | undefined;
}

/** How a folder of activations is opened. */
export interface OpenOptions {
  /** Read the rows into memory (4 bytes a value) instead of mapping them, so that what happens to the files does not matter. */
  readonly copy?: boolean | undefined;
}

/** How activations are collected. Results do not depend on `threads` and `batchTokens`. */
export type UnitOptions = c.ActivationsOptions;

/** How texts become inputs, as a long call. */
export interface InputsOptions extends c.InputsOptions, CallOptions {}

/** Where activations are encoded, and how codes are written. */
export interface EncodeOptions extends c.EncodeOptions, CallOptions {}

/** What the files of a published dictionary do not say, and how they are fetched. */
export interface PublishedOptions extends c.PublishedOptions, CallOptions {}

/** How principal components are found. */
export interface PcaOptions extends c.PcaOptions, CallOptions {}

/** How singular vectors are found. */
export interface SvdOptions extends c.SvdOptions, CallOptions {}

/** How k-means finds centres. */
export interface KmeansOptions extends c.KmeansOptions, CallOptions {}

/** How neurons become concepts. */
export interface NeuronsOptions extends c.NeuronsOptions, CallOptions {}

/** Which random directions are drawn. */
export interface RandomDirectionsOptions extends c.RandomDirectionsOptions, CallOptions {}

/** How sparse principal components are found. */
export interface SparsePcaOptions extends c.SparsePcaOptions, CallOptions {}

/** How non-negative parts are found. */
export interface NmfOptions extends c.NmfOptions, CallOptions {}

/** How atoms of codes that are not negative are found. */
export interface SemiNmfOptions extends c.SemiNmfOptions, CallOptions {}

/** How atoms that are sums of rows are found. */
export interface ConvexNmfOptions extends c.ConvexNmfOptions, CallOptions {}

/** How a dictionary is learned. */
export interface DictionaryLearningOptions extends c.DictionaryLearningOptions, CallOptions {}

/** How a sparse autoencoder is trained. */
export interface SaeOptions extends c.SaeOptions, CallOptions {}

/** How a sparse autoencoder is trained on texts. */
export interface SaeOnTextsOptions extends SaeOptions {
  /** How the activations of the texts are collected. */
  readonly activations?: UnitOptions | undefined;
  /** The number of the model's split point. By default 0. */
  readonly splitPoint?: number | undefined;
  /** For a transcoder, the number of the split point whose rows it gives. */
  readonly outputSplitPoint?: number | undefined;
}

/** How independent components are fitted. */
export interface IcaOptions extends c.IcaOptions, CallOptions {}

/** Which inputs to list. */
export interface TopInputsOptions extends c.TopInputsOptions, CallOptions {}

/** Which inputs to list, and how the activations of new texts are collected. */
export interface TopInputsOfOptions extends TopInputsOptions, UnitOptions {}

/** Which concepts fire, and who names them. */
export interface ExplainOptions extends c.ExplainOptions, CallOptions {
  /** The interpretation of the explainer that names the concepts. By default they have no names. */
  readonly interpretation?: Interpretation | undefined;
}

/** How concepts are labelled. */
export interface LlmLabelsOptions extends c.LlmLabelsOptions, CallOptions {}
