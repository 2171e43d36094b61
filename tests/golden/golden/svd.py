"""Singular vectors of the problems of `ica.py`, found by scikit-learn in float64."""
import shutil

import numpy
from safetensors.numpy import save_file
from sklearn.decomposition import TruncatedSVD

from .common import folder, write_json
from .ica import problems


def generate(_shared):
    shutil.rmtree(folder("svd"))
    place, results, listing = folder("svd"), {}, []
    matrices = problems()
    for number, (problem, components) in enumerate(
        (("plain", 5), ("offset", 4), ("square", 3), ("few_rows", 6), ("constant_and_repeated", 3))
    ):
        matrix = matrices[problem].astype(numpy.float64)
        # ARPACK iterates to the end; its start does not matter.
        model = TruncatedSVD(n_components=components, algorithm="arpack", tol=0, random_state=0).fit(matrix)
        results[f"{number}/components"] = model.components_
        for name in ("singular_values", "explained_variance", "explained_variance_ratio"):
            results[f"{number}/{name}"] = getattr(model, name + "_")
        results[f"{number}/first_codes"] = model.transform(matrix[:4])
        results[f"{number}/first_rows"] = model.inverse_transform(model.transform(matrix[:4]))
        listing.append({"case": number, "problem": problem, "components": components})
    results = {name: numpy.ascontiguousarray(value, dtype=numpy.float64) for name, value in results.items()}
    save_file(results, place / "results.safetensors")
    write_json(place / "cases.json", listing)
