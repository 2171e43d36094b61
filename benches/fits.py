"""Times scikit-learn's FastICA on activations that Eidos saved, with both of its solvers for whitening. Prints one JSON object.

    python benches/fits.py FOLDER [CONCEPTS]
"""
import json
import pathlib
import sys
import time
import warnings

import numpy
from safetensors.numpy import load_file
from sklearn.decomposition import FastICA

warnings.simplefilter("ignore")
shards = sorted(pathlib.Path(sys.argv[1]).glob("rows-*.safetensors"))
rows = numpy.concatenate([matrix for shard in shards for matrix in load_file(shard).values() if matrix.ndim == 2])
result = {"rows": rows.shape}
for solver in ("svd", "eigh"):
    start = time.perf_counter()
    model = FastICA(n_components=int((sys.argv[2:] or [50])[0]), random_state=0, whiten_solver=solver).fit(rows)
    result[solver] = {"seconds": round(time.perf_counter() - start, 3), "iterations": int(model.n_iter_)}
print(json.dumps(result))
