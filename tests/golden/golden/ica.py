"""Small ICA problems solved by scikit-learn in float64, and NumPy's legacy normal stream that FastICA starts from."""
import shutil
import struct
import warnings

import numpy
from safetensors.numpy import save_file
from sklearn.decomposition import FastICA
from sklearn.exceptions import ConvergenceWarning

from .common import folder, write_json

ALGORITHMS = ("parallel", "deflation")
NONLINEARITIES = ("logcosh", "exp", "cube")


def mixture(seed, rows, columns, sources, noise=0.1, offset=0.0):
    """Rows that are a random mixture of sources of different shapes, plus noise, stored as float32."""
    random = numpy.random.default_rng(seed)
    shapes = [
        lambda: random.laplace(size=rows),
        lambda: random.uniform(-1.7, 1.7, size=rows),
        lambda: random.exponential(size=rows) - 1,
        lambda: random.standard_t(5, size=rows),
        lambda: random.choice([-1.0, 1.0], size=rows),
        lambda: random.gamma(2.0, size=rows) - 2,
    ]
    signal = numpy.stack([shapes[i % len(shapes)]() for i in range(sources)], axis=1)
    mixed = signal @ random.normal(size=(sources, columns)) + noise * random.normal(size=(rows, columns))
    return (mixed + offset).astype(numpy.float32)


def problems():
    """Name -> matrix. The offset one has features of mean 1e4 and deviation about 1, where float32 sums go wrong."""
    plain = mixture(1, 400, 12, 5)
    offset = mixture(2, 400, 8, 4, noise=0.2)
    offset = (offset / offset.std(axis=0) + 1e4).astype(numpy.float32)
    constant = mixture(5, 200, 6, 3)
    constant[:, 2] = 3.25
    constant[:, 5] = constant[:, 0]
    return {
        "plain": plain,
        "offset": offset,
        "square": mixture(3, 300, 4, 4, noise=0.0),
        "few_rows": mixture(4, 20, 30, 4),
        "constant_and_repeated": constant,
    }


def cases():
    """(problem, components, options) of every fit."""
    for algorithm in ALGORITHMS:
        for fun in NONLINEARITIES:
            for tol, max_iter in ((1e-4, 200), (1e-8, 2000)):
                yield "plain", 5, dict(algorithm=algorithm, fun=fun, tol=tol, max_iter=max_iter)
    for seed in (1, 42):
        yield "plain", 3, dict(algorithm="parallel", fun="logcosh", tol=1e-8, max_iter=2000, random_state=seed)
    yield "plain", 5, dict(algorithm="parallel", fun="logcosh", tol=1e-4, max_iter=1)
    yield "plain", 5, dict(algorithm="parallel", fun="logcosh", tol=1e-4, max_iter=3)
    yield "plain", 5, dict(algorithm="parallel", fun="logcosh", fun_args={"alpha": 1.5}, tol=1e-8, max_iter=2000)
    for problem, components in (("offset", 4), ("square", 4), ("few_rows", 4), ("constant_and_repeated", 3)):
        for algorithm in ALGORITHMS:
            yield problem, components, dict(algorithm=algorithm, fun="logcosh", tol=1e-8, max_iter=2000)
    yield "offset", 4, dict(algorithm="parallel", fun="logcosh", tol=1e-4, max_iter=200)


def fit(matrix, components, options):
    options = {"random_state": 0, **options}
    model = FastICA(n_components=components, whiten="unit-variance", whiten_solver="eigh", **options)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        sources = model.fit_transform(matrix.astype(numpy.float64))
    converged = not any(issubclass(warning.category, ConvergenceWarning) for warning in caught)
    return model, sources, converged, [str(w.message).splitlines()[0] for w in caught]


def steadiness(matrix, components, options, model):
    """Least |cosine| between the components and those of a matrix 1e-10 away: how much a reimplementation may differ."""
    noise = numpy.random.default_rng(0).normal(size=matrix.shape)
    moved, *_ = fit(matrix + 1e-10 * matrix.std() * noise, components, options)
    ours, theirs = model.components_, moved.components_
    norms = numpy.linalg.norm(ours, axis=1) * numpy.linalg.norm(theirs, axis=1)
    return float((numpy.abs((ours * theirs).sum(axis=1)) / norms).min())


def normal_stream(place):
    """The first values of RandomState(seed).normal for a few seeds, as exact bits, and the last of 2500."""
    streams = []
    for seed in (0, 1, 42, 2**32 - 1):
        values = numpy.random.RandomState(seed).normal(size=2500)
        assert (values == numpy.random.RandomState(seed).normal(size=(50, 50)).ravel()).all()
        chosen = [*range(20), 2498, 2499]
        bits = [struct.pack(">d", values[i]).hex() for i in chosen]
        streams.append({"seed": seed, "index": chosen, "value": [float(values[i]) for i in chosen], "bits": bits})
    write_json(place / "numpy_normal.json", streams)


def generate(_shared):
    shutil.rmtree(folder("ica"))
    place = folder("ica")
    normal_stream(place)
    matrices = problems()
    save_file(matrices, place / "problems.safetensors")
    results, listing = {}, []
    for number, (problem, components, options) in enumerate(cases()):
        model, sources, converged, messages = fit(matrices[problem], components, options)
        for name in ("components_", "mixing_", "mean_"):
            results[f"{number}/{name}"] = numpy.ascontiguousarray(getattr(model, name), dtype=numpy.float64)
        results[f"{number}/first_sources"] = numpy.ascontiguousarray(sources[:4])
        entry = {"case": number, "problem": problem, "components": components, "random_state": 0, **options}
        away = 1 - steadiness(matrices[problem].astype(numpy.float64), components, options, model)
        entry |= {"iterations": int(model.n_iter_), "converged": converged, "steady_to": float(f"{max(away, 0):.0e}")}
        listing.append(entry)
        print(" ", listing[-1], *messages)
    save_file(results, place / "results.safetensors")
    write_json(place / "cases.json", listing)
