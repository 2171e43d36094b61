"""Times a decomposition by Eidos or by scikit-learn on the same rows, each in a process of its own. Prints one JSON object.

    python benches/decompositions.py collect MODEL SPLIT TEXTS.jsonl ROWS.npy   # the word activations of texts
    python benches/decompositions.py eidos METHOD ROWS.npy [CONCEPTS]
    python benches/decompositions.py sklearn METHOD ROWS.npy [CONCEPTS]
    python benches/decompositions.py wide COUNT COLUMNS ROWS.npy                # rows whose variances fall slowly, to time PCA on
    python benches/decompositions.py angle ROWS.npy CONCEPTS                    # between exact and randomised components

METHOD is pca, svd, kmeans, nmf, semi_nmf, convex_nmf, dictionary_learning, sparse_pca, neurons or random_directions (the last two, semi_nmf and
convex_nmf: Eidos alone); kmeans_batches and pca_randomised are options of both, and minibatch_nmf and minibatch_dictionary_learning what
scikit-learn has for many rows. NMF takes negative values for zero. `lost` is the share of the variance that is left between rows and what their
codes decode to; `norm_lost` the same of the squared values that the method was given. EIDOS_LIBRARY is the library to time.
"""
import ctypes
import json
import os
import pathlib
import resource
import sys
import time
import warnings

import numpy

ROOT = pathlib.Path(__file__).resolve().parent.parent
OPTIONS = {
    "nmf": {"rectify": 1}, "sparse_pca": {"penalty": 50.0, "tolerance": 1e-4}, "dictionary_learning": {"penalty": 0.2},
    "kmeans_batches": {"batch_size": 4096}, "pca_randomised": {"randomised": 1},
}


class Library:
    """The C calls that this needs; structs are filled as `include/eidos.api.json` says."""

    def __init__(self):
        self.c = ctypes.CDLL(os.environ.get("EIDOS_LIBRARY", str(ROOT / "target/release/libeidos.so")))
        api = json.loads((ROOT / "include/eidos.api.json").read_text())
        self.structs = {struct["name"]: struct for struct in api["structs"]}
        for name in ("eidos_error_message", "eidos_error_hint", "eidos_explainer_dictionary"):
            getattr(self.c, name).restype = ctypes.c_void_p
        for name in ("row_count", "column_count"):
            getattr(self.c, f"eidos_activations_{name}").restype = ctypes.c_size_t
        self.c.eidos_explainer_concept_count.restype = ctypes.c_size_t
        self.c.eidos_explainer_step_count.restype = ctypes.c_size_t

    def options(self, name, **values):
        struct = self.structs[name]
        memory = ctypes.create_string_buffer(struct["size"])
        getattr(self.c, name + "_init")(memory, ctypes.c_size_t(struct["size"]))
        for field, value in values.items():
            found = next(entry for entry in struct["fields"] if entry["name"] == field)
            kind = {"uint32_t": ctypes.c_uint32, "double": ctypes.c_double}[found["type"]]
            kind.from_buffer(memory, found["offset"]).value = value
        return memory

    def call(self, name, *arguments):
        """Calls a function whose last parameters are a handle to give and an error."""
        out, error = ctypes.c_void_p(), ctypes.c_void_p()
        if getattr(self.c, name)(*arguments, ctypes.byref(out), ctypes.byref(error)):
            raise RuntimeError(ctypes.string_at(self.c.eidos_error_message(error, None)).decode())
        return out

    def activations(self, rows):
        pointer = rows.ctypes.data_as(ctypes.c_void_p)
        sizes = map(ctypes.c_size_t, rows.shape)
        return self.call("eidos_activations_from_rows", pointer, *sizes, None, ctypes.c_size_t(0))


def collect(model, split, texts, out):
    library = Library()
    lines = [json.loads(line)["text"] for line in pathlib.Path(texts).read_text(encoding="utf-8").split("\n") if line]
    splits = (ctypes.c_char_p * 1)(split.encode())
    loaded = library.call("eidos_split_model_load", model.encode(), splits, ctypes.c_size_t(1), None, None)
    strings = (ctypes.c_char_p * len(lines))(*[line.encode() for line in lines])
    inputs = library.call("eidos_inputs_from_texts", loaded, strings, None, ctypes.c_size_t(len(lines)), None, None)
    words, error = ctypes.c_void_p(), ctypes.c_void_p()
    run = library.c.eidos_split_model_activations
    if run(loaded, inputs, None, None, None, ctypes.byref(words), ctypes.c_size_t(1), ctypes.byref(error)):
        raise RuntimeError(ctypes.string_at(library.c.eidos_error_message(error, None)).decode())
    shape = library.c.eidos_activations_row_count(words), library.c.eidos_activations_column_count(words)
    rows = numpy.empty(shape, numpy.float32)
    count = ctypes.c_size_t(rows.shape[0])
    pointer = rows.ctypes.data_as(ctypes.c_void_p)
    library.c.eidos_activations_copy_rows(words, ctypes.c_size_t(0), count, pointer, ctypes.c_size_t(rows.size), None)
    numpy.save(out, rows)
    return {"rows": rows.shape}


def by_eidos(method, rows, concepts):
    library = Library()
    activations = library.activations(rows)
    counted = {} if method == "neurons" else {"concept_count": concepts}
    before, name = peak_megabytes(), method.removesuffix("_batches").removesuffix("_randomised")
    options = library.options(f"eidos_{name}_options", **counted, **OPTIONS.get(method, {}))
    start = time.perf_counter()
    explainer = library.call(f"eidos_{name}_fit", activations, options, None)
    seconds = time.perf_counter() - start
    peak = peak_megabytes()
    count = library.c.eidos_explainer_concept_count(explainer)

    def decoded(tile):
        size, codes, back = ctypes.c_size_t, numpy.empty((len(tile), count), numpy.float32), numpy.empty_like(tile)
        pointers = [array.ctypes.data_as(ctypes.c_void_p) for array in (tile, codes, back)]
        error = ctypes.c_void_p()
        library.c.eidos_explainer_encode(
            explainer, pointers[0], *map(size, tile.shape), pointers[1], size(codes.size), ctypes.byref(error))
        library.c.eidos_explainer_decode(
            explainer, pointers[1], *map(size, codes.shape), pointers[2], size(back.size), ctypes.byref(error))
        return back, numpy.count_nonzero(codes)

    return seconds, peak - before, decoded, {"iterations": library.c.eidos_explainer_step_count(explainer)}


def wide(count, columns, out):
    """Rows whose variance along direction `i` of `columns` random ones falls as `1 / (i + 1)`, which is slower than that of models."""
    random = numpy.random.default_rng(0)
    mix = random.normal(size=(columns, columns), scale=columns**-0.5).astype(numpy.float32)
    mix *= (numpy.arange(1, columns + 1)[:, None] ** -0.5).astype(numpy.float32)
    rows = numpy.empty((count, columns), numpy.float32)
    for first in range(0, count, 2048):
        some = rows[first : first + 2048]
        some[:] = random.normal(size=some.shape).astype(numpy.float32) @ mix
    numpy.save(out, rows)
    return {"rows": rows.shape}


def angle(rows, concepts):
    """The largest angle between the plane of exact components and that of randomised ones, in degrees, for some numbers of passes."""
    library = Library()
    activations = library.activations(rows)

    def components(**values):
        options = library.options("eidos_pca_options", concept_count=concepts, **values)
        explainer = library.call("eidos_pca_fit", activations, options, None)
        pointer = ctypes.cast(library.c.eidos_explainer_dictionary(explainer, None), ctypes.POINTER(ctypes.c_float))
        return numpy.ctypeslib.as_array(pointer, (concepts, rows.shape[1])).astype(numpy.float64)

    exact, found = components(), {}
    for passes in (2, 5, 10):
        cosines = numpy.linalg.svd(exact @ components(randomised=1, power_iterations=passes).T, compute_uv=False)
        found[passes] = {"degrees": round(float(numpy.degrees(numpy.arccos(min(cosines.min(), 1)))), 2),
                         "kept": round(float((cosines**2).mean()), 5)}
    return {"angle": found}


def by_scikit_learn(method, rows, concepts):
    from sklearn.cluster import KMeans, MiniBatchKMeans
    from sklearn.decomposition import (
        NMF, PCA, DictionaryLearning, MiniBatchDictionaryLearning, MiniBatchNMF, SparsePCA, TruncatedSVD,
    )

    warnings.simplefilter("ignore")
    models = {
        "pca": lambda: PCA(concepts, random_state=0),
        "svd": lambda: TruncatedSVD(concepts, random_state=0),
        "kmeans": lambda: KMeans(concepts, random_state=0),
        "kmeans_batches": lambda: MiniBatchKMeans(concepts, batch_size=4096, random_state=0),
        "pca_randomised": lambda: PCA(concepts, svd_solver="randomized", random_state=0),
        "nmf": lambda: NMF(concepts, init="nndsvda", random_state=0),
        "minibatch_nmf": lambda: MiniBatchNMF(concepts, init="nndsvda", batch_size=4096, random_state=0),
        "minibatch_dictionary_learning": lambda: MiniBatchDictionaryLearning(
            concepts, alpha=0.2, positive_code=True, fit_algorithm="cd", transform_algorithm="lasso_cd", batch_size=4096, random_state=0),
        "sparse_pca": lambda: SparsePCA(concepts, alpha=50.0, tol=1e-4, method="cd", random_state=0),
        "dictionary_learning": lambda: DictionaryLearning(
            concepts, alpha=0.2, positive_code=True, fit_algorithm="cd", transform_algorithm="lasso_cd", tol=1e-4, max_iter=200,
            random_state=0),
    }
    taken = numpy.maximum(rows, 0) if method.endswith("nmf") else rows
    before = peak_megabytes()
    start = time.perf_counter()
    model = models[method]().fit(taken)
    seconds = time.perf_counter() - start
    peak = peak_megabytes()

    def decoded(tile):
        tile = numpy.maximum(tile, 0) if method.endswith("nmf") else tile
        if method.startswith("kmeans"):
            return model.cluster_centers_[model.predict(tile)], len(tile)
        codes = model.transform(tile)
        back = model.inverse_transform(codes) if hasattr(model, "inverse_transform") else codes @ model.components_
        return back, numpy.count_nonzero(codes)

    return seconds, peak - before, decoded, {"iterations": int(getattr(model, "n_iter_", 0) or 0)}


def peak_megabytes():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def main(what, *arguments):
    if what == "collect":
        return collect(*arguments)
    if what == "wide":
        return wide(int(arguments[0]), int(arguments[1]), arguments[2])
    if what == "angle":
        return angle(numpy.load(arguments[0]), int(arguments[1]))
    method, path, *more = arguments
    rows, concepts = numpy.load(path), int((more or [50])[0])
    seconds, megabytes, decoded, others = (by_eidos if what == "eidos" else by_scikit_learn)(method, rows, concepts)
    mean, variance, lost, used, squares, missing = rows.mean(axis=0, dtype=numpy.float64), 0.0, 0.0, 0, 0.0, 0.0
    # Some of the rows say it as well.
    some = numpy.ascontiguousarray(rows[:: max(1, len(rows) // 20000)])
    for tile in numpy.array_split(some, max(1, len(some) // 4096)):
        tile = numpy.ascontiguousarray(tile)
        back, count = decoded(tile)
        variance += ((tile - mean) ** 2).sum()
        lost += ((tile.astype(numpy.float64) - back) ** 2).sum()
        used += count
        given = numpy.maximum(tile, 0) if method in ("nmf", "minibatch_nmf") else tile
        squares += (given.astype(numpy.float64) ** 2).sum()
        missing += ((given.astype(numpy.float64) - back) ** 2).sum()
    return {
        "by": what, "method": method, "concepts": concepts, "rows": rows.shape, "seconds": round(seconds, 3),
        "megabytes_beside_the_rows": megabytes, "lost": round(lost / variance, 4), "norm_lost": round(missing / squares, 5),
        "codes": round(used / len(some), 2), **others,
    }


if __name__ == "__main__":
    print(json.dumps(main(*sys.argv[1:])))
