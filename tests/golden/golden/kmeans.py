"""Centres of the problems of `ica.py`, found by scikit-learn in float64 from given first centres."""
import shutil

import numpy
from safetensors.numpy import save_file
from sklearn.cluster import KMeans
from sklearn.metrics.pairwise import euclidean_distances

from .common import folder, write_json
from .ica import problems


def cases():
    """(problem, centres, tolerance, most iterations, whether a first centre is so far away that no row is near to it)."""
    yield "plain", 5, 0.0, 300, False
    yield "plain", 12, 1e-4, 300, False
    yield "plain", 7, 0.0, 3, False
    yield "plain", 6, 0.0, 300, True
    yield "offset", 4, 0.0, 300, False
    yield "few_rows", 6, 0.0, 300, False
    yield "constant_and_repeated", 3, 1e-4, 300, True


def generate(_shared):
    shutil.rmtree(folder("kmeans"))
    place, results, listing = folder("kmeans"), {}, []
    matrices = problems()
    for number, (problem, centres, tol, max_iter, lonely) in enumerate(cases()):
        matrix = matrices[problem].astype(numpy.float64)
        start = matrix[:: len(matrix) // centres][:centres].astype(numpy.float32)
        if lonely:
            start[centres // 2] += 1000
        model = KMeans(n_clusters=centres, init=start.astype(numpy.float64), n_init=1, tol=tol, max_iter=max_iter).fit(matrix)
        results[f"{number}/start"] = start
        results[f"{number}/centres"] = model.cluster_centers_
        results[f"{number}/distances"] = euclidean_distances(matrix[:4], model.cluster_centers_)
        sizes = numpy.bincount(model.labels_, minlength=centres)
        listing.append({
            "case": number, "problem": problem, "tolerance": tol, "max_iterations": max_iter, "iterations": model.n_iter_,
            "inertia": model.inertia_, "sizes": sizes.tolist(), "first_labels": model.labels_[:4].tolist(),
        })
    results = {name: numpy.ascontiguousarray(value) for name, value in results.items()}
    save_file(results, place / "results.safetensors")
    write_json(place / "cases.json", listing)
