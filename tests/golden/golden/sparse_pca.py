"""Sparse principal components of the problems of `ica.py`, found by scikit-learn in float64."""
import shutil
import warnings

import numpy
import sklearn.linear_model._coordinate_descent as coordinate_descent
from safetensors.numpy import save_file
from sklearn.decomposition import SparsePCA, _dict_learning
from sklearn.exceptions import ConvergenceWarning

from .common import folder, write_json
from .ica import problems


class ToTheEnd(coordinate_descent.Lasso):
    """Its lasso stops at a tolerance of 1e-4, which SparsePCA cannot set: here it goes on, so that there is one right answer."""

    def fit(self, X, y, **others):
        self.tol, self.max_iter = 1e-14, 1_000_000
        return super().fit(X, y, **others)


def generate(_shared):
    warnings.simplefilter("ignore", ConvergenceWarning)
    shutil.rmtree(folder("sparse_pca"))
    place, results, listing = folder("sparse_pca"), {}, []
    matrices, theirs = problems(), _dict_learning.Lasso
    _dict_learning.Lasso = ToTheEnd
    try:
        for number, (problem, components, alpha, max_iter) in enumerate(
            (("plain", 4, 1.0, 3), ("plain", 4, 20.0, 5), ("square", 3, 5.0, 50), ("few_rows", 4, 2.0, 10), ("plain", 3, 20.0, 1000))
        ):
            matrix = matrices[problem].astype(numpy.float64)
            model = SparsePCA(n_components=components, alpha=alpha, max_iter=max_iter, tol=1e-8, method="cd", random_state=0).fit(matrix)
            results[f"{number}/components"] = model.components_
            results[f"{number}/first_codes"] = model.transform(matrix[:4])
            results[f"{number}/first_rows"] = model.inverse_transform(model.transform(matrix[:4]))
            listing.append({
                "case": number, "problem": problem, "components": components, "alpha": alpha, "max_iterations": max_iter,
                "iterations": model.n_iter_, "objective": model.error_[-1],
            })
    finally:
        _dict_learning.Lasso = theirs
    results = {name: numpy.ascontiguousarray(value) for name, value in results.items()}
    save_file(results, place / "results.safetensors")
    write_json(place / "cases.json", listing)
