"""Factorisations by scikit-learn, SciPy and the formulas of papers, in float64: codes for a given dictionary, and how well fits end."""
import shutil
import warnings

import numpy
from safetensors.numpy import save_file
from scipy.optimize import nnls
from sklearn.decomposition import NMF, DictionaryLearning
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import Lasso

from .common import folder, write_json

PENALTY = 0.7


def planted(seed, rows, columns, parts, noise):
    """Rows that are sums of few parts, without negative numbers. Each part has a column of its own, and some rows are one part alone."""
    random = numpy.random.default_rng(seed)
    dictionary = random.gamma(2.0, size=(parts, columns)) * (random.uniform(size=(parts, columns)) < 0.4)
    for part in range(parts):
        dictionary[:, part] = 0
        dictionary[part, part] = 2.0
    codes = random.gamma(2.0, size=(rows, parts)) * (random.uniform(size=(rows, parts)) < 0.35)
    codes[: 3 * parts] = numpy.tile(numpy.eye(parts), (3, 1)) * random.uniform(1, 2, size=(3 * parts, 1))
    matrix = codes @ dictionary + noise * numpy.abs(random.normal(size=(rows, columns)))
    return matrix.astype(numpy.float32), dictionary


def codes(dictionary, rows):
    """The codes of rows by other algorithms: Lawson and Hanson's, and scikit-learn's coordinate descent to the end."""
    columns = dictionary.shape[1]
    found = {"nonnegative": numpy.stack([nnls(dictionary.T, row)[0] for row in rows])}
    for name, positive in (("lasso_positive", True), ("lasso", False)):
        model = Lasso(alpha=PENALTY / columns, positive=positive, fit_intercept=False, tol=1e-15, max_iter=1_000_000)
        found[name] = numpy.stack([model.fit(dictionary.T, row).coef_ for row in rows])
    return found


def semi_nmf(matrix, start, steps):
    """Ding, Li and Jordan's multiplicative updates (2010), equations 10 and 11, from codes."""
    codes = start
    for _ in range(steps):
        atoms = numpy.linalg.pinv(codes.T @ codes) @ codes.T @ matrix
        products, gram = matrix @ atoms.T, atoms @ atoms.T
        up = numpy.maximum(products, 0) + codes @ numpy.maximum(-gram, 0)
        down = numpy.maximum(-products, 0) + codes @ numpy.maximum(gram, 0)
        codes = codes * numpy.sqrt(up / numpy.maximum(down, 1e-300))
    atoms = numpy.linalg.pinv(codes.T @ codes) @ codes.T @ matrix
    return numpy.linalg.norm(matrix - codes @ atoms)


def generate(_shared):
    warnings.simplefilter("ignore", ConvergenceWarning)
    shutil.rmtree(folder("factors"))
    random = numpy.random.default_rng(9)
    results, listing = {}, {"penalty": PENALTY}
    for name, atoms, columns, shift in (("few", 6, 10, 0.0), ("many", 24, 12, 0.0), ("alike", 10, 16, 3.0)):
        dictionary = (random.normal(size=(atoms, columns)) + shift).astype(numpy.float32).astype(numpy.float64)
        rows = (random.normal(size=(30, columns)) * 2).astype(numpy.float32).astype(numpy.float64)
        results[f"{name}/dictionary"], results[f"{name}/rows"] = dictionary, rows
        for kind, value in codes(dictionary, rows).items():
            results[f"{name}/{kind}"] = value

    exact, dictionary = planted(1, 120, 12, 4, 0.0)
    noisy, _ = planted(2, 150, 12, 5, 0.3)
    results["exact"], results["noisy"] = exact, noisy
    results["exact_parts"] = dictionary / numpy.linalg.norm(dictionary, axis=1, keepdims=True)
    wide = noisy.astype(numpy.float64)
    model = NMF(n_components=5, init="nndsvda", solver="cd", tol=1e-12, max_iter=100_000).fit(wide)
    listing["nmf_error"] = model.reconstruction_err_
    model = NMF(n_components=5, init="nndsvda", solver="mu", tol=1e-14, max_iter=100_000).fit(wide)
    listing["nmf_error_mu"] = model.reconstruction_err_

    centred = (noisy - noisy.mean(axis=0)).astype(numpy.float32)
    results["centred"] = centred
    starts = [numpy.abs(numpy.random.default_rng(seed).normal(size=(len(centred), 5))) for seed in range(5)]
    listing["semi_nmf_errors"] = sorted(semi_nmf(centred.astype(numpy.float64), start, 20_000) for start in starts)

    for positive in (True, False):
        model = DictionaryLearning(
            n_components=8, alpha=PENALTY, fit_algorithm="cd", transform_algorithm="lasso_cd", positive_code=positive,
            tol=1e-10, max_iter=3000, transform_max_iter=100_000, random_state=0,
        ).fit(centred.astype(numpy.float64))
        listing["dictionary_learning_positive" if positive else "dictionary_learning"] = model.error_[-1]
    results = {name: numpy.ascontiguousarray(value) for name, value in results.items()}
    save_file(results, folder("factors") / "results.safetensors")
    write_json(folder("factors") / "expected.json", listing)
