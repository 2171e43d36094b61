/** Explainers: fitted concepts, and what excites them. */
import { Activations } from './activations';
import { outOfRange } from './argument-errors';
import { flag, floats, knownOptions, text, whole, word } from './arguments';
import { callOptionNames, runOnOwnThread, runOnPool, runWithControl, withPinned, type CallOptions } from './call';
import { Chat, type ChatOptions } from './chat';
import { ConceptModel } from './concept-model';
import { check } from './errors';
import { explanationIn, type Explanation } from './explanation';
import { activations, dictionaryFormats, type Activation, type DictionaryFormat } from './generated/abi';
import {
  activationsOptions,
  convexNmfOptions,
  dictionaryLearningOptions,
  encodeOptions,
  explainOptions,
  icaOptions,
  kmeansOptions,
  llmLabelsOptions,
  neuronsOptions,
  nmfOptions,
  pcaOptions,
  publishedOptions,
  randomDirectionsOptions,
  saeOptions,
  semiNmfOptions,
  sparsePcaOptions,
  svdOptions,
  topInputsOptions,
} from './generated/options';
import { pointerOf, Resource, resourceOf } from './handle';
import { withInputs, type InputsOrTexts } from './inputs';
import { Interpretation, interpretationIn } from './interpretation';
import { callOnPool, handleIn, native, out, sizeIn } from './native';
import type { Fit, FitName, Out, Pointer } from './native';
import type {
  ConvexNmfOptions,
  DictionaryLearningOptions,
  EncodeOptions,
  ExplainOptions,
  IcaOptions,
  KmeansOptions,
  LlmLabelsOptions,
  NeuronsOptions,
  NmfOptions,
  PcaOptions,
  PublishedOptions,
  RandomDirectionsOptions,
  SaeOnTextsOptions,
  SaeOptions,
  SemiNmfOptions,
  SparsePcaOptions,
  SvdOptions,
  TopInputsOfOptions,
  TopInputsOptions,
} from './options';
import { SplitModel } from './split-model';
import { SpreadFit } from './spread-fit';

/** Concepts that were found elsewhere. Matrices have one row of `inputWidth` values per concept, one after the other. */
export interface DictionaryOptions {
  /** What one unit of each concept adds to a row. */
  readonly dictionary: Float32Array;
  /** The weights that compute the code of each concept from a row. By default the dictionary itself. */
  readonly encoder?: Float32Array | undefined;
  /** The bias of each code. By default zero. */
  readonly bias?: Float32Array | undefined;
  /** The offset that is subtracted from a row before it is encoded, and added after it is decoded. By default zero. */
  readonly offset?: Float32Array | undefined;
  /** How many columns the rows have. */
  readonly inputWidth: number;
  /** Whether negative codes become zero (ReLU). By default false. */
  readonly rectified?: boolean | undefined;
}

/** Codes that are not zero, as a sparse matrix of rows and concepts in CSR form. */
export interface SparseCodes {
  /** Where the entries of each row begin, and where the last one ends. */
  readonly starts: Float64Array;
  /** The concept of each entry, ascending within a row. */
  readonly concepts: Uint32Array;
  /** The code of each entry. */
  readonly values: Float32Array;
}

/** The names of the options that every caller's own concepts have. */
const DICTIONARY_OPTIONS: readonly (keyof DictionaryOptions)[] = ['dictionary', 'encoder', 'bias', 'offset', 'inputWidth'];

/** A sparse autoencoder that was trained elsewhere. Matrices have one row of `inputWidth` values per concept, one after the other. */
export interface AutoencoderOptions extends Omit<DictionaryOptions, 'rectified'> {
  /** What of the pre-activations of a row becomes codes. */
  readonly activation: Activation;
  /** How many codes a row keeps, for `top_k` and `abs_top_k`. */
  readonly k?: number | undefined;
  /** The threshold of each concept, for `jump_relu`. */
  readonly thresholds?: Float32Array | undefined;
}

function part(name: string, values: Float32Array | undefined, length: number): Float32Array | null {
  if (values === undefined) return null;
  if (floats(name, values).length === length) return values;
  throw outOfRange(`${name} must have ${length} values, not ${values.length}`);
}

/** The matrices of a caller, checked, and their sizes. */
function partsOf(options: Omit<DictionaryOptions, 'rectified'>, known: readonly string[]) {
  const { dictionary, encoder, bias, offset } = knownOptions(options, DICTIONARY_OPTIONS, known);
  const width = whole('inputWidth', options.inputWidth);
  const concepts = width === 0 ? 0 : floats('dictionary', dictionary).length / width;
  const count = whole('dictionary.length / inputWidth', concepts);
  return {
    dictionary,
    encoder: part('encoder', encoder, dictionary.length),
    bias: part('bias', bias, count),
    offset: part('offset', offset, width),
    count,
    width,
  };
}

/** A concept model that was fitted on activations. It never changes: any number of calls may use it at the same time. */
export class Explainer extends ConceptModel {
  static async #fit<Options extends CallOptions, Struct extends object>(
    name: FitName,
    activations: Activations,
    translate: ((options: Options) => Struct) & { readonly names: readonly string[] },
    options: Options,
  ): Promise<Explainer> {
    const struct = translate(knownOptions(options, translate.names, callOptionNames));
    const rows = resourceOf(activations, Activations);
    const pointer = rows.pointer('Activations');
    const result = out();
    const finish = (): Explainer => Explainer.#own(result);
    const reduce = Activations.reduceOf(activations);
    if (reduce === undefined) {
      const fit = native()[name] as Fit<Struct>;
      return runWithControl(options, [rows], (control, error) => callOnPool(fit, pointer, struct, control, result, error), finish);
    }
    const spread = new SpreadFit(reduce);
    const call = { activations: pointer, fit: name, options: struct };
    try {
      return await runOnOwnThread(options, [rows], (control, error) => spread.run(call, control, result, error), finish);
    } catch (error) {
      throw spread.explain(error);
    }
  }

  /**
   * Finds the independent components of activations with FastICA (Hyvarinen, 1999): directions along which the activations
   * have heavy tails. A fit that does not converge is not an error, see `fitReport`.
   *
   * @throws {EidosError} `invalid_argument` for more concepts than columns or rows, `invalid_data` for unusable numbers.
   */
  static async fitIca(activations: Activations, options: IcaOptions): Promise<Explainer> {
    return Explainer.#fit('eidos_ica_fit', activations, icaOptions, options);
  }

  /**
   * Finds the principal components of activations: the orthogonal directions along which they vary most, each with its entry
   * of largest magnitude positive. `fitReport.measures` has the variance that each explains.
   *
   * @throws {EidosError} `invalid_argument` for more concepts than columns or rows, `invalid_data` for unusable numbers.
   */
  static async fitPca(activations: Activations, options: PcaOptions): Promise<Explainer> {
    return Explainer.#fit('eidos_pca_fit', activations, pcaOptions, options);
  }

  /**
   * Finds the right singular vectors of activations with the largest singular values: principal components of activations that
   * are not centred. `fitReport.measures` has the singular values, and the variance that each explains.
   *
   * @throws {EidosError} `invalid_argument` for more concepts than columns or rows, `invalid_data` for unusable numbers.
   */
  static async fitSvd(activations: Activations, options: SvdOptions): Promise<Explainer> {
    return Explainer.#fit('eidos_svd_fit', activations, svdOptions, options);
  }

  /**
   * Finds centres of activations with k-means, each the mean of the rows that are nearest to it. Codes are 1 for the nearest
   * centre, shares, or proximities: see `codes`. A fit that does not converge is not an error, see `fitReport`.
   *
   * @throws {EidosError} `invalid_argument` for more concepts than rows, `invalid_data` for unusable numbers.
   */
  static async fitKmeans(activations: Activations, options: KmeansOptions): Promise<Explainer> {
    return Explainer.#fit('eidos_kmeans_fit', activations, kmeansOptions, options);
  }

  /**
   * Takes each neuron of the module, a column of its rows, for a concept: codes are the rows themselves.
   *
   * @throws {EidosError} `invalid_data` for unusable numbers.
   */
  static async fitNeurons(activations: Activations, options: NeuronsOptions = {}): Promise<Explainer> {
    return Explainer.#fit('eidos_neurons_fit', activations, neuronsOptions, options);
  }

  /**
   * Draws directions at random, the baseline that concepts of any method must beat. Up to as many as columns are orthonormal;
   * more have length 1.
   *
   * @throws {EidosError} `invalid_argument` for no concepts, `invalid_data` for unusable numbers.
   */
  static async fitRandomDirections(activations: Activations, options: RandomDirectionsOptions): Promise<Explainer> {
    return Explainer.#fit('eidos_random_directions_fit', activations, randomDirectionsOptions, options);
  }

  /**
   * Finds directions that have few columns, from which sums come near to the centred activations, as scikit-learn's SparsePCA.
   *
   * @throws {EidosError} `invalid_argument` for more concepts than columns or rows, `invalid_data` for unusable numbers.
   */
  static async fitSparsePca(activations: Activations, options: SparsePcaOptions): Promise<Explainer> {
    return Explainer.#fit('eidos_sparse_pca_fit', activations, sparsePcaOptions, options);
  }

  /**
   * Finds parts whose sums approximate activations that have no negative values (NMF). Codes are never negative.
   *
   * @throws {EidosError} `invalid_data` for negative or unusable numbers, naming the first; see `rectify`.
   */
  static async fitNmf(activations: Activations, options: NmfOptions): Promise<Explainer> {
    return Explainer.#fit('eidos_nmf_fit', activations, nmfOptions, options);
  }

  /**
   * Finds atoms whose sums approximate any activations, with codes that are not negative (semi-NMF).
   *
   * @throws {EidosError} `invalid_argument` for more concepts than rows, `invalid_data` for unusable numbers.
   */
  static async fitSemiNmf(activations: Activations, options: SemiNmfOptions): Promise<Explainer> {
    return Explainer.#fit('eidos_semi_nmf_fit', activations, semiNmfOptions, options);
  }

  /**
   * Finds atoms that are sums of rows, and whose sums approximate rows, both without negative weights (convex NMF).
   * `fitReport.measures` has `rows_per_concept`, a number for each.
   *
   * @throws {EidosError} `invalid_argument` for more concepts than rows or candidates, `invalid_data` for unusable numbers.
   */
  static async fitConvexNmf(activations: Activations, options: ConvexNmfOptions): Promise<Explainer> {
    return Explainer.#fit('eidos_convex_nmf_fit', activations, convexNmfOptions, options);
  }

  /**
   * Finds atoms of which each row of activations needs few (dictionary learning).
   *
   * @throws {EidosError} `invalid_argument` for a penalty that is not above 0, `invalid_data` for unusable numbers.
   */
  static async fitDictionaryLearning(activations: Activations, options: DictionaryLearningOptions): Promise<Explainer> {
    return Explainer.#fit('eidos_dictionary_learning_fit', activations, dictionaryLearningOptions, options);
  }

  /**
   * Trains a sparse autoencoder: many concepts, of which each row has few, that reconstruct the rows. `fitReport.measures` has
   * `fvu`, `l0`, `loss`, `dead` and `dense`. A training that is cancelled goes on from the `checkpoint` of its options.
   *
   * @throws {EidosError} `invalid_argument` for options that make no sense, `invalid_data` for unusable numbers, `mismatch` for the
   *   checkpoint of another training, `unsupported` for rows that are spread over processes.
   */
  static async fitSae(activations: Activations, options: SaeOptions): Promise<Explainer> {
    return Explainer.#fit('eidos_sae_fit', activations, saeOptions, options);
  }

  /**
   * Trains a sparse autoencoder on the rows that a model gives for inputs or texts at a split point. Nobody keeps the rows: the model
   * makes those that are shuffled together when they are read, in each pass again. The result has the bits of `fitSae()` on
   * activations that were collected with the same options. With `outputSplitPoint` it is a transcoder, which gives the rows of that
   * split point; the model runs for each of the two.
   *
   * @throws {EidosError} as `fitSae()` and `SplitModel.activations()`.
   */
  static async fitSaeOnTexts(model: SplitModel, inputs: InputsOrTexts, options: SaeOnTextsOptions): Promise<Explainer> {
    const resource = resourceOf(model, SplitModel);
    const pointer = resource.pointer('SplitModel');
    knownOptions(options, saeOptions.names, callOptionNames, ['activations', 'splitPoint', 'outputSplitPoint']);
    const { activations = {}, splitPoint = 0, outputSplitPoint, ...training } = options;
    const struct = saeOptions(training);
    const collect = activationsOptions(knownOptions(activations, activationsOptions.names));
    const point = whole('splitPoint', splitPoint);
    const given = outputSplitPoint === undefined ? undefined : whole('outputSplitPoint', outputSplitPoint);
    const { eidos_sae_fit_texts: fit, eidos_sae_fit_transcoder_texts: fitTranscoder } = native();
    const result = out();
    return withInputs(resource, inputs, options, (made, read) =>
      runWithControl(
        options,
        [resource, made],
        (control, error) =>
          given === undefined
            ? callOnPool(fit, pointer, read, point, collect, struct, control, result, error)
            : callOnPool(fitTranscoder, pointer, read, point, given, collect, struct, control, result, error),
        () => Explainer.#own(result),
      ),
    );
  }

  /**
   * Trains a transcoder: as `fitSae()`, but what it gives are the rows of another module, such as the output of an MLP whose input
   * it reads. Both have the same units, row by row.
   *
   * @throws {EidosError} as `fitSae()`, and `mismatch` for rows of other units.
   */
  static async fitTranscoder(inputs: Activations, outputs: Activations, options: SaeOptions): Promise<Explainer> {
    const resources = [resourceOf(inputs, Activations), resourceOf(outputs, Activations)] as const;
    const [read, given] = [resources[0].pointer('Activations'), resources[1].pointer('Activations')];
    const struct = saeOptions(knownOptions(options, saeOptions.names, callOptionNames));
    const result = out();
    return runWithControl(
      options,
      [...resources],
      (control, error) => callOnPool(native().eidos_sae_fit_transcoder, read, given, struct, control, result, error),
      () => Explainer.#own(result),
    );
  }

  /**
   * Makes an explainer from concepts that were found elsewhere, such as those of a sparse autoencoder or a probe:
   * `codes = (row - offset) encoder^T + bias`, and `row = codes dictionary + offset`. The arrays are copied.
   */
  static fromDictionary(options: DictionaryOptions): Explainer {
    const { dictionary, encoder, bias, offset, count, width } = partsOf(options, ['rectified']);
    const relu = flag('rectified', options.rectified ?? false);
    const result = out();
    check((error) =>
      native().eidos_explainer_from_dictionary(dictionary, encoder, bias, offset, count, width, relu, result, error),
    );
    return Explainer.#own(result);
  }

  /**
   * Makes an explainer of a sparse autoencoder that was trained elsewhere: `codes = activation((row - offset) encoder^T + bias)`,
   * and `row = codes dictionary + offset`. The arrays are copied.
   */
  static fromAutoencoder(options: AutoencoderOptions): Explainer {
    const { dictionary, encoder, bias, offset, count, width } = partsOf(options, ['activation', 'k', 'thresholds']);
    const thresholds = part('thresholds', options.thresholds, count);
    const kind = word(activations)('activation', options.activation);
    const k = whole('k', options.k ?? 0);
    const result = out();
    check((error) =>
      native().eidos_explainer_from_autoencoder(
        dictionary, encoder, bias, offset, thresholds, count, width, kind, k, result, error,
      ),
    );
    return Explainer.#own(result);
  }

  /**
   * Opens a dictionary that somebody trained and published: its folder or a file of it on this machine, or a folder in a
   * repository of a hub, `google/gemma-scope-2b-pt-res/layer_20/width_16k/average_l0_71`. The formats are those of SAELens, Gemma
   * Scope, Llama Scope, sparsify and dictionary_learning. What may be wrong with the codes is in `fitReport.warnings`.
   *
   * @throws {EidosError} `not_found`, `invalid_file`, `unsupported`, `network`, `access_denied`, ...
   */
  static async openPublished(idOrPath: string, options: PublishedOptions = {}): Promise<Explainer> {
    const id = text('idOrPath', idOrPath);
    const struct = publishedOptions(knownOptions(options, publishedOptions.names, callOptionNames));
    const result = out();
    return runWithControl(
      options,
      [],
      (control, error) => callOnPool(native().eidos_explainer_open_published, id, struct, control, result, error),
      () => Explainer.#own(result),
    );
  }

  /** Writes the dictionary for other programs: as a folder of SAELens (`sae_lens`), or as one file of the same tensors (`safetensors`). */
  async saveAs(path: string, format: DictionaryFormat): Promise<void> {
    const explainer = this.#pointer;
    const name = text('path', path);
    const number = word(dictionaryFormats)('format', format);
    return runOnPool(
      [resourceOf(this, Explainer)],
      (error) => callOnPool(native().eidos_explainer_save_as, explainer, name, number, error),
      () => undefined,
    );
  }

  /** Opens a file that `save()` wrote, or a published dictionary by its folder or a file of it. */
  static async open(file: string): Promise<Explainer> {
    const path = text('file', file);
    const result = out();
    return runOnPool(
      [],
      (error) => callOnPool(native().eidos_explainer_open, path, result, error),
      () => Explainer.#own(result),
    );
  }

  /**
   * Opens what `open()` opens, and what its concepts mean where the file says it. `Interpretation.open()` opens that alone.
   */
  static async openInterpreted(file: string): Promise<{ explainer: Explainer; interpretation: Interpretation | undefined }> {
    const path = text('file', file);
    const [explainer, meaning] = [out(), out()];
    return runOnPool(
      [],
      (error) => callOnPool(native().eidos_explainer_open_interpreted, path, explainer, meaning, error),
      () => ({
        explainer: Explainer.#own(explainer),
        interpretation: meaning[0] ? interpretationIn(meaning) : undefined,
      }),
    );
  }

  /** Writes the explainer and what its concepts mean, labels and all, to one file, completely or not at all. */
  async saveInterpreted(file: string, interpretation: Interpretation): Promise<void> {
    const explainer = this.#pointer;
    const path = text('file', file);
    const meaning = resourceOf(interpretation, Interpretation);
    const pointer = meaning.pointer('Interpretation');
    return runOnPool(
      [resourceOf(this, Explainer), meaning],
      (error) => callOnPool(native().eidos_explainer_save_interpreted, explainer, pointer, path, error),
      () => undefined,
    );
  }

  /** Encodes activations, wherever their rows lie: `conceptCount` values per row, one row after the other. */
  async encodeActivations(activations: Activations, options: Omit<EncodeOptions, 'format'> = {}): Promise<Float32Array> {
    const explainer = this.#pointer;
    const rows = resourceOf(activations, Activations);
    const pointer = rows.pointer('Activations');
    const struct = encodeOptions(knownOptions(options, encodeOptions.names, callOptionNames));
    const codes = new Float32Array(activations.rowCount * this.conceptCount);
    return runWithControl(
      options,
      [resourceOf(this, Explainer), rows],
      (control, error) =>
        callOnPool(
          native().eidos_explainer_encode_activations, explainer, pointer, struct, control, codes, codes.length, error,
        ),
      () => codes,
    );
  }

  /** Encodes activations into the codes that are not zero, as a sparse matrix. */
  async encodeSparse(activations: Activations, options: Omit<EncodeOptions, 'format'> = {}): Promise<SparseCodes> {
    const explainer = this.#pointer;
    const rows = resourceOf(activations, Activations);
    const pointer = rows.pointer('Activations');
    const struct = encodeOptions(knownOptions(options, encodeOptions.names, callOptionNames));
    const starts = out(activations.rowCount + 1);
    const read = async (room: number): Promise<SparseCodes> => {
      const [concepts, values, count] = [new Uint32Array(room), new Float32Array(room), out()];
      const found = await runWithControl(
        options,
        [resourceOf(this, Explainer), rows],
        (control, error) =>
          callOnPool(
            native().eidos_explainer_encode_sparse, explainer, pointer, struct, control, starts, concepts, values, room, count, error,
          ),
        () => sizeIn(count),
      );
      if (found > room) return read(found);
      const [entries, numbers] = [concepts.slice(0, found), values.slice(0, found)];
      return { starts: Float64Array.from(starts, Number), concepts: entries, values: numbers };
    };
    // Most sparse codes have fewer entries a row; where there are more, the call says how many.
    return read(activations.rowCount * Math.min(this.conceptCount, 64));
  }

  /**
   * Encodes activations into a file that other programs read, completely or not at all: `.npy` for `numpy.load`, `.npz` for
   * `scipy.sparse.load_npz`, `.safetensors` or `.parquet`. Memory does not grow with the number of rows.
   *
   * @throws {EidosError} `mismatch` for activations of another width, `invalid_argument` for a file of another name without a `format`,
   *   `unsupported` for Parquet where the library was built without it.
   */
  async saveCodes(file: string, activations: Activations, options: EncodeOptions = {}): Promise<void> {
    const explainer = this.#pointer;
    const path = text('file', file);
    const rows = resourceOf(activations, Activations);
    const pointer = rows.pointer('Activations');
    const struct = encodeOptions(knownOptions(options, encodeOptions.names, callOptionNames));
    return runWithControl(
      options,
      [resourceOf(this, Explainer), rows],
      (control, error) => callOnPool(native().eidos_explainer_save_codes, explainer, pointer, path, struct, control, error),
      () => undefined,
    );
  }

  static #own(result: Out): Explainer {
    return new Explainer(new Resource(handleIn(result), native().eidos_explainer_free));
  }

  /**
   * The inputs that excite each concept most, among activations that are there already. Occurrences of the same text count
   * once, with their strongest activation; a list ends before the first activation that is exactly zero.
   *
   * @throws {EidosError} `mismatch` for activations of another width, `invalid_argument` for k = 0 or an unknown concept.
   */
  async topInputs(activations: Activations, options: TopInputsOptions = {}): Promise<Interpretation> {
    const explainer = this.#pointer;
    const rows = resourceOf(activations, Activations);
    const pointer = rows.pointer('Activations');
    const top = topInputsOptions(knownOptions(options, topInputsOptions.names, callOptionNames));
    return this.#interpret(options, [rows], (control, result, error) =>
      callOnPool(native().eidos_top_inputs_interpret, explainer, pointer, top, control, result, error),
    );
  }

  /**
   * The inputs that excite each concept most, among the units of new inputs or texts, or among the entries of the vocabulary:
   * `model.inputsFromVocabulary()`. The model must have the split point.
   */
  async topInputsOf(model: SplitModel, inputs: InputsOrTexts, options: TopInputsOfOptions = {}): Promise<Interpretation> {
    const explainer = this.#pointer;
    const resource = resourceOf(model, SplitModel);
    const pointer = resource.pointer('SplitModel');
    knownOptions(options, topInputsOptions.names, activationsOptions.names, callOptionNames);
    const [top, collect] = [topInputsOptions(options), activationsOptions(options)];
    return withInputs(resource, inputs, options, (made, read) =>
      this.#interpret(options, [resource, made], (control, result, error) =>
        callOnPool(
          native().eidos_top_inputs_interpret_inputs,
          explainer, pointer, read, top, collect, control, result, error,
        ),
      ),
    );
  }

  #interpret(
    options: TopInputsOptions,
    others: readonly Resource[],
    start: (control: Pointer, result: Out, error: Out) => Promise<number>,
  ): Promise<Interpretation> {
    const result = out();
    return runWithControl(
      options,
      [resourceOf(this, Explainer), ...others],
      (control, error) => start(control, result, error),
      () => interpretationIn(result),
    );
  }

  /**
   * Says which concepts fire on each unit of new inputs or texts, the strongest first. The model must have the explainer's split
   * point; units and the other options of the rows are those that the explainer was fitted on. Concepts have the names that
   * `interpretation` gives them.
   *
   * A concept fires where its activation lies far from its mean over the rows of the fit, in its own standard deviations. An
   * explainer that was not fitted needs `calibrate()` first.
   *
   * @throws {EidosError} `mismatch` for a model without the split point or an interpretation of other concepts,
   *   `invalid_argument` for k = 0 or an explainer that must be calibrated.
   */
  async explain(model: SplitModel, inputs: InputsOrTexts, options: ExplainOptions = {}): Promise<Explanation> {
    const explainer = this.#pointer;
    const resource = resourceOf(model, SplitModel);
    const pointer = resource.pointer('SplitModel');
    const struct = explainOptions(knownOptions(options, explainOptions.names, callOptionNames, ['interpretation']));
    const [meaning, names] = Explainer.#names(options);
    return withPinned([resourceOf(this, Explainer), ...names], () =>
      withInputs(resource, inputs, options, (made, read) => {
        const result = out();
        return runWithControl(
          options,
          [resource, made],
          (control, error) =>
            callOnPool(native().eidos_explain_inputs, explainer, meaning, pointer, read, struct, control, result, error),
          () => explanationIn(result),
        );
      }),
    );
  }

  /** Says which concepts fire on each row of activations that are there already, as `explain()` does for new texts. */
  async explainActivations(activations: Activations, options: ExplainOptions = {}): Promise<Explanation> {
    const explainer = this.#pointer;
    const rows = resourceOf(activations, Activations);
    const pointer = rows.pointer('Activations');
    const struct = explainOptions(knownOptions(options, explainOptions.names, callOptionNames, ['interpretation']));
    const [meaning, names] = Explainer.#names(options);
    const result = out();
    return runWithControl(
      options,
      [resourceOf(this, Explainer), rows, ...names],
      (control, error) =>
        callOnPool(native().eidos_explain_activations, explainer, meaning, pointer, struct, control, result, error),
      () => explanationIn(result),
    );
  }

  /** The interpretation that names concepts, for C and to be kept alive. */
  static #names({ interpretation }: ExplainOptions): [Pointer | null, Resource[]] {
    if (interpretation === undefined) return [null, []];
    const resource = resourceOf(interpretation, Interpretation);
    return [resource.pointer('Interpretation'), [resource]];
  }

  /**
   * An explainer with the same concepts that knows how their activations are distributed over these rows, by which `explain()`
   * judges new ones. A fit does so with its own rows; `fromDictionary()` and files from before Eidos kept the distributions have
   * none.
   *
   * @throws {EidosError} `mismatch` for activations of another width.
   * @throws {Error} for rows that are spread over processes: calibrate on all rows in one process.
   */
  async calibrate(activations: Activations, options: CallOptions = {}): Promise<Explainer> {
    const explainer = this.#pointer;
    const rows = resourceOf(activations, Activations);
    const pointer = rows.pointer('Activations');
    if (Activations.reduceOf(activations) !== undefined) {
      throw new Error('rows that are spread over processes cannot calibrate an explainer; a fit on them does so by itself');
    }
    const result = out();
    return runWithControl(
      knownOptions(options, callOptionNames),
      [resourceOf(this, Explainer), rows],
      (control, error) => callOnPool(native().eidos_explainer_calibrate, explainer, pointer, control, result, error),
      () => Explainer.#own(result),
    );
  }

  /**
   * Requests a label of each concept from a language model, which sees the units that excite the concept and the text around
   * them. The inputs of the interpretation are the examples that the model saw.
   *
   * A concept that cannot be labelled does not affect the others: its label has an `error` instead of a text. So have concepts
   * for which no request was sent, because the call was cancelled, the budget was exhausted or the key was refused; with a
   * `cacheFolder`, a later call continues from there. The promise rejects only when no concept could be labelled; when a
   * function of yours threw first, that error is the `cause`.
   *
   * @param chat the language model; or options for one that is made for this call alone, with a budget of its own.
   * @throws {EidosError} `mismatch` for activations of another width, `invalid_argument` for invalid options, `network`,
   *   `access_denied`, `not_found`, `unusable_answer` or `budget_exhausted` when there is no label at all.
   */
  async llmLabels(activations: Activations, chat: Chat | ChatOptions, options: LlmLabelsOptions = {}): Promise<Interpretation> {
    const explainer = this.#pointer;
    const rows = resourceOf(activations, Activations);
    knownOptions(options, llmLabelsOptions.names, callOptionNames);
    const call = { explainer, activations: rows.pointer('Activations'), options: llmLabelsOptions(options) };
    const uses = [resourceOf(this, Explainer), rows];
    const label = (chat: Chat) => Chat.label(chat, call, options, uses, interpretationIn);
    if (chat instanceof Chat) return label(chat);
    return withPinned(uses, async () => {
      const own = await Chat.open(chat);
      try {
        return await label(own);
      } finally {
        own.close();
      }
    });
  }

  get #pointer(): Pointer {
    return pointerOf(this, Explainer);
  }
}
