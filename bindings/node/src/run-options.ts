/** Options of calls that run a model, which may be under interventions. */
import { callOptionNames, type CallOptions } from './call';
import type * as c from './generated/options';
import type { Interventions } from './interventions';
import type { UnitOptions } from './options';

/** Under which changes a model runs. */
export interface RunOptions {
  /** Changes to what modules of the model give while it runs: it goes on with what they make of it. By default none. */
  readonly interventions?: Interventions | undefined;
}

/** The names of the options of every long call that runs a model. */
export const runOptionNames: readonly string[] = [...callOptionNames, 'interventions'];

/** How activations are collected, as a long call. */
export interface ActivationsOptions extends UnitOptions, RunOptions, CallOptions {}

/** How activations of texts that come one after the other are collected. Interventions count tokens over all texts. */
export interface StreamOptions extends ActivationsOptions {}

/** How logits are computed. Results depend on the interventions alone. */
export interface LogitsOptions extends c.LogitsOptions, RunOptions, CallOptions {}
