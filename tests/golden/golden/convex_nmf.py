"""Convex NMF by the multiplicative updates of its authors (Ding, Li and Jordan, 2010, equations 25 and 28), in float64.

`convex_nmf/expected.json`: the norms of what is left of `noisy` and `centred` of `factors` after many updates from several random starts,
smallest first. Needs the data of `factors`.
"""
import numpy
from safetensors.numpy import load_file

from .common import DATA, folder, write_json


def convex_nmf(matrix, concepts, steps, seed):
    """The weights (rows, concepts) and the codes (rows, concepts): `matrix ~ codes weights^T matrix`."""
    random = numpy.random.default_rng(seed)
    weights, codes = numpy.abs(random.normal(size=(2, len(matrix), concepts)))
    weights /= weights.sum(axis=0)
    products = matrix @ matrix.T
    plus, minus = numpy.maximum(products, 0), numpy.maximum(-products, 0)
    for _ in range(steps):
        up = plus @ weights + codes @ (weights.T @ minus @ weights)
        down = minus @ weights + codes @ (weights.T @ plus @ weights)
        codes = codes * numpy.sqrt(up / numpy.maximum(down, 1e-300))
        gram = codes.T @ codes
        up = plus @ codes + minus @ weights @ gram
        down = minus @ codes + plus @ weights @ gram
        weights = weights * numpy.sqrt(up / numpy.maximum(down, 1e-300))
    return weights, codes


def generate(_shared):
    matrices = load_file(DATA / "factors" / "results.safetensors")
    listing = {}
    for name in ("noisy", "centred"):
        matrix, errors = matrices[name].astype(numpy.float64), []
        for seed in range(5):
            weights, codes = convex_nmf(matrix, 5, 4000, seed)
            errors.append(numpy.linalg.norm(matrix - codes @ weights.T @ matrix))
        listing[name] = sorted(errors)
        print(f"  {name}: {listing[name]}")
    write_json(folder("convex_nmf") / "expected.json", listing)
