"""Random directions from NumPy's stream: the orthonormal rows nearest to normal numbers, by SciPy, and unit rows with the way back."""
import shutil

import numpy
import scipy.linalg
from safetensors.numpy import save_file

from .common import folder


def generate(_shared):
    shutil.rmtree(folder("random_directions"))
    results = {}
    for seed, concepts, columns in ((0, 5, 12), (3, 12, 12), (7, 20, 12)):
        drawn = numpy.random.RandomState(seed).normal(size=(concepts, columns))
        if concepts <= columns:
            directions = scipy.linalg.polar(drawn)[0]
        else:
            directions = drawn / numpy.linalg.norm(drawn, axis=1, keepdims=True)
        results[f"{seed}/directions"] = directions
        results[f"{seed}/dictionary"] = scipy.linalg.pinv(directions).T
    results = {name: numpy.ascontiguousarray(value) for name, value in results.items()}
    save_file(results, folder("random_directions") / "results.safetensors")
