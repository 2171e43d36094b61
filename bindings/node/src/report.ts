/** Something to look at: what was found, as a page. */
import { Activations } from './activations';
import { real, record, text, whole } from './arguments';
import { runWithControl, type CallOptions } from './call';
import { Explainer } from './explainer';
import { Explanation } from './explanation';
import { reportOptions } from './generated/options';
import type * as c from './generated/options';
import { resourceOf, type Resource } from './handle';
import { Interpretation } from './interpretation';
import { callOnPool, handleIn, native, out, readText, type Out, type Pointer } from './native';

/** What a report is about beside the explainer, and how much it says. */
export interface ReportOptions extends c.ReportOptions, CallOptions {
  /** What the concepts mean. The report has its concepts; without one it has all, and finds their inputs among the activations. */
  readonly interpretation?: Interpretation | undefined;
  /** The rows that passages are taken from. */
  readonly activations?: Activations | undefined;
  /** The texts that are shown; by default the first of the activations, which needs an explainer that was fitted or calibrated. */
  readonly explanation?: Explanation | undefined;
}

/**
 * Makes a report on the concepts of an explainer: one HTML page that loads nothing, with a list of concepts to search and sort, and for
 * each its inputs and labels, the passages in which it is strongest with every unit coloured, its histogram and its nearest concepts;
 * the fit, a map of the concepts, and texts with what fires on their units. What texts, models and labels say is text on it, never
 * markup. With the default options 1,000 concepts take less than 2 MB.
 *
 * @throws {EidosError} `mismatch` for an interpretation or activations that are not of the explainer.
 */
export async function reportHtml(explainer: Explainer, options: ReportOptions = {}): Promise<string> {
  const { pointers, resources } = parts(explainer, options);
  const struct = reportOptions(options);
  const result = out();
  return runWithControl(
    options,
    resources,
    (control, error) => callOnPool(native().eidos_report_html, ...pointers, struct, control, result, error),
    () => onlyText(result),
  );
}

/** Writes the page of `reportHtml()` to a file, whole or not at all. */
export async function saveReport(file: string, explainer: Explainer, options: ReportOptions = {}): Promise<void> {
  const path = text('file', file);
  const { pointers, resources } = parts(explainer, options);
  const struct = reportOptions(options);
  return runWithControl(
    options,
    resources,
    (control, error) => callOnPool(native().eidos_report_save, ...pointers, path, struct, control, error),
    () => undefined,
  );
}

/** What names the concepts of a figure or a table: all of the explainer, or those of the interpretation. */
export interface FigureOptions extends CallOptions {
  readonly interpretation?: Interpretation | undefined;
}

/** What a heat map shows. */
export interface HeatMapOptions extends FigureOptions {
  /** How many concepts there are down the map. By default 20. */
  readonly concepts?: number | undefined;
}

/** Which activations a table has. */
export interface CodesCsvOptions extends FigureOptions {
  /** How many of the concept's standard deviations an activation lies from its mean at least. By default 0: all that are not 0. */
  readonly leastDeviations?: number | undefined;
}

/**
 * The map of a report as an SVG file: a point for each concept, along the two principal axes of the directions of the dictionary.
 *
 * @throws {EidosError} `invalid_argument` where there are no two axes.
 */
export async function mapSvg(explainer: Explainer, options: FigureOptions = {}): Promise<string> {
  const { pointers, resources } = parts(explainer, record('options', options));
  const result = out();
  return runWithControl(
    options,
    resources,
    (control, error) => callOnPool(native().eidos_report_map_svg, pointers[0], pointers[1], control, result, error),
    () => onlyText(result),
  );
}

/**
 * A heat map of a text of activations as an SVG file: its units across, at most 200, and down the concepts that fire most in it, coloured
 * by standard deviations from their means.
 */
export async function heatMapSvg(
  explainer: Explainer, activations: Activations, textIndex: number, options: HeatMapOptions = {},
): Promise<string> {
  const { resources, pointers: [owner, meaning] } = parts(explainer, record('options', options));
  const rows = resourceOf(activations, Activations);
  const pointer = rows.pointer('Activations');
  const [text_, count] = [whole('textIndex', textIndex), whole('concepts', options.concepts ?? 20)];
  const result = out();
  return runWithControl(
    options,
    [...resources, rows],
    (control, error) =>
      callOnPool(native().eidos_report_heat_map_svg, owner, meaning, pointer, text_, count, control, result, error),
    () => onlyText(result),
  );
}

/**
 * Writes the activations of concepts to a CSV file, whole or not at all: a line for each unit and each concept that is active there.
 * `interpretation.saveCsv()` writes what concepts mean.
 */
export async function saveCodesCsv(
  file: string, explainer: Explainer, activations: Activations, options: CodesCsvOptions = {},
): Promise<void> {
  const path = text('file', file);
  const { resources, pointers: [owner, meaning] } = parts(explainer, record('options', options));
  const rows = resourceOf(activations, Activations);
  const pointer = rows.pointer('Activations');
  const least = real('leastDeviations', options.leastDeviations ?? 0);
  return runWithControl(
    options,
    [...resources, rows],
    (control, error) =>
      callOnPool(native().eidos_report_save_codes_csv, owner, meaning, pointer, path, least, control, error),
    () => undefined,
  );
}

/**
 * Writes what Neuronpedia imports of concepts to a JSON file, whole or not at all: a batch as SAEDashboard writes it, with passages of the
 * positive pole of each concept. The activations are among the options.
 */
export async function saveNeuronpedia(file: string, explainer: Explainer, options: ReportOptions): Promise<void> {
  const path = text('file', file);
  const { resources, pointers: [owner, meaning, rows] } = parts(explainer, options);
  const struct = reportOptions(options);
  if (rows === null) throw new TypeError('the option `activations` is missing');
  return runWithControl(
    options,
    resources,
    (control, error) =>
      callOnPool(native().eidos_report_save_neuronpedia, owner, meaning, rows, path, struct, control, error),
    () => undefined,
  );
}

function onlyText(result: Out): string {
  const texts = handleIn(result);
  try {
    return readText((length) => native().eidos_texts_get(texts, 0, length)) ?? '';
  } finally {
    native().eidos_texts_free(texts);
  }
}

/** What a report is about, for C and to be kept alive. */
function parts(explainer: Explainer, options: ReportOptions) {
  const owner = resourceOf(explainer, Explainer);
  const resources: Resource[] = [owner];
  const pointer = (resource: Resource | undefined, name: string): Pointer | null => {
    if (resource === undefined) return null;
    resources.push(resource);
    return resource.pointer(name);
  };
  const { interpretation, activations, explanation } = options;
  const pointers: [Pointer, Pointer | null, Pointer | null, Pointer | null] = [
    owner.pointer('Explainer'),
    pointer(interpretation && resourceOf(interpretation, Interpretation), 'Interpretation'),
    pointer(activations && resourceOf(activations, Activations), 'Activations'),
    pointer(explanation && resourceOf(explanation, Explanation), 'Explanation'),
  ];
  return { pointers, resources };
}
