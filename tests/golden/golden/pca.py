"""Principal components of the problems of `ica.py`, found by scikit-learn in float64."""
import shutil

import numpy
from safetensors.numpy import save_file
from sklearn.decomposition import PCA

from .common import folder, write_json
from .ica import problems


def cases():
    """(problem, components, whiten) of every fit. Where components are as many as columns, nothing is left for noise."""
    for whiten in (False, True):
        for problem, components in (
            ("plain", 5), ("plain", 12), ("offset", 4), ("square", 4), ("few_rows", 6), ("constant_and_repeated", 3),
        ):
            yield problem, components, whiten


def generate(_shared):
    shutil.rmtree(folder("pca"))
    place, results, listing = folder("pca"), {}, []
    matrices = problems()
    for number, (problem, components, whiten) in enumerate(cases()):
        matrix = matrices[problem].astype(numpy.float64)
        model = PCA(n_components=components, whiten=whiten, svd_solver="full").fit(matrix)
        results[f"{number}/components"] = model.components_
        results[f"{number}/explained_variance"] = model.explained_variance_
        results[f"{number}/explained_variance_ratio"] = model.explained_variance_ratio_
        results[f"{number}/noise_variance"] = numpy.array([model.noise_variance_])
        results[f"{number}/first_codes"] = model.transform(matrix[:4])
        results[f"{number}/first_rows"] = model.inverse_transform(model.transform(matrix[:4]))
        listing.append({"case": number, "problem": problem, "components": components, "whiten": whiten})
    results = {name: numpy.ascontiguousarray(value, dtype=numpy.float64) for name, value in results.items()}
    save_file(results, place / "results.safetensors")
    write_json(place / "cases.json", listing)
