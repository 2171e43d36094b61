// The ES module: the same classes as those of `require`, so that there is one of each in a process.
export {
  Activations,
  Chat,
  compare,
  ConceptModel,
  debugLiveHandles,
  DLPackTensor,
  EidosError,
  Explainer,
  Explanation,
  features,
  Inputs,
  Interpretation,
  Interventions,
  listDevices,
  readTexts,
  SplitModel,
  version,
} from './index.js';
export type * from './index.js';
