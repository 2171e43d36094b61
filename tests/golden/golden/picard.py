"""Picard-O on problems of `ica.py`, by python-picard in float64, and scikit-learn's FastICA of them at a tight tolerance."""
import shutil

import numpy
from picard import picard
from safetensors.numpy import save_file

from .common import folder, write_json
from .ica import fit, problems

CASES = (("plain", 5), ("plain", 3), ("offset", 4), ("square", 4), ("constant_and_repeated", 3))


def generate(_shared):
    shutil.rmtree(folder("picard"))
    place, results, listing = folder("picard"), {}, []
    matrices = problems()
    for number, (problem, components) in enumerate(CASES):
        matrix = matrices[problem].astype(numpy.float64)
        whitening, unmixing, _, iterations = picard(
            matrix.T, n_components=components, ortho=True, extended=True, tol=1e-12, max_iter=1000, random_state=0,
            return_n_iter=True,
        )
        # Rows of the dictionary: what a unit of each concept adds to a row.
        results[f"{number}/picard"] = numpy.linalg.pinv(unmixing @ whitening).T
        options = dict(algorithm="parallel", fun="logcosh", tol=1e-14, max_iter=5000)
        model, *_ = fit(matrices[problem], components, options)
        results[f"{number}/fastica"] = model.mixing_.T
        ours, theirs = (numpy.array(results[f"{number}/{name}"]) for name in ("picard", "fastica"))
        cosines = numpy.abs(ours @ theirs.T) / numpy.linalg.norm(ours, axis=1)[:, None] / numpy.linalg.norm(theirs, axis=1)
        apart = 1 - cosines.max(axis=1).min()
        listing.append({"case": number, "problem": problem, "components": components, "iterations": int(iterations)})
        print(" ", listing[-1], f"FastICA: {model.n_iter_} iterations, {apart:.0e} apart")
    results = {name: numpy.ascontiguousarray(value, dtype=numpy.float64) for name, value in results.items()}
    save_file(results, place / "results.safetensors")
    write_json(place / "cases.json", listing)
