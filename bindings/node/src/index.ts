/**
 * Eidos: what is a language model thinking about? Open a model at a named module, collect the activations of texts word by
 * word, learn the concepts that they are made of, and get the inputs that excite each concept most, and labels for it.
 */
import { native } from './native';

export { Activations, type Filters, type FromRowsOptions, type UnitSpan } from './activations';
export type { CallOptions, LogMessage, Progress, Stage } from './call';
export { Chat, type ChatOptions, type ChatSpending } from './chat';
export type { ChatAnswer, ChatRequest } from './chat-answer';
export { ConceptModel, type FitReport, type Moments } from './concept-model';
export { features, listDevices, type DeviceInfo, type DeviceLibrary, type Devices } from './devices';
export { DLPackTensor } from './dlpack';
export { EidosError, type ErrorCode } from './errors';
export { Explainer, type AutoencoderOptions, type DictionaryOptions, type SparseCodes } from './explainer';
export { Explanation, type ExplainedUnit, type Firing } from './explanation';
export type { Activation, Aggregation, CodesFormat, Contrast, Device, DictionaryFormat, Granularity, Head, IcaAlgorithm, KmeansCode, LogLevel, Network, Pole, Precision, Sampling, WordRule } from './generated/abi';
export { Inputs, type InputsOrTexts, type TokenIds } from './inputs';
export { Interpretation, type ConceptInputs, type TopInput } from './interpretation';
export { Interventions, type TokenChoice } from './interventions';
export type { ConceptLabel, LabelUsage } from './llm-labels';
export type * from './options';
export type { ReadonlyFloat32Array } from './readonly-float32-array';
export type * from './run-options';
export {
  heatMapSvg, mapSvg, reportHtml, saveCodesCsv, saveNeuronpedia, saveReport,
  type CodesCsvOptions, type FigureOptions, type HeatMapOptions, type ReportOptions,
} from './report';
export { SplitModel, type Estimate, type Module, type SplitPoint, type Token } from './split-model';
export type { Reduce } from './spread-fit';
export {
  compare, compareThroughModel, type Ablations, type Comparison, type Metrics, type MetricsOptions, type ModelMetrics, type ModelMetricsOptions,
  type Reconstruction, type Sparsity, type Spliced, type Stability,
} from './metrics';
export { readTexts, type TextsOptions } from './texts';

/** The version of the library that was loaded (`0.1.0`). */
export function version(): string {
  return native().eidos_version();
}

/** How many handles of the library exist in this process, of all threads: for leak checks in tests. */
export function debugLiveHandles(): number {
  return native().eidos_debug_live_handles();
}
