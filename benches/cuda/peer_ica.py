"""The peers of FastICA: scikit-learn on the CPU, and the same steps in PyTorch on the device.

    python peer_ica.py --rows rows.f32 --columns 768 --concepts 50 --directions FILE [--repeat 3]

Both find components by symmetric FastICA with the log cosh contrast, whitened by eigenvectors of the covariance, from the same
start. Rows begin on the host. Prints one JSON object; the directions of both (what one unit of a component adds to a row) go to files (.sklearn, .torch), as f32.
"""
import argparse
import json
import time

import numpy
import torch

try:
    from sklearn.decomposition import FastICA
except ImportError:
    FastICA = None

TOLERANCE, ITERATIONS = 1e-4, 200


def fit(rows, count, device):
    """The directions that scikit-learn calls `components_`, and the number of iterations."""
    x = torch.from_numpy(rows).to(device, non_blocking=True)
    n, columns = x.shape
    # Sums over all rows in f64, of products of tiles in f32.
    mean = sum(tile.sum(0, dtype=torch.float64) for tile in x.split(16384)) / n
    x = x - mean.float()
    covariance = torch.zeros(columns, columns, dtype=torch.float64, device=device)
    for tile in x.split(16384):
        covariance += (tile.T @ tile).double()
    values, vectors = torch.linalg.eigh(covariance)
    values, vectors = values.flip(0)[:count], vectors.flip(1)[:, :count]
    # Signs as scikit-learn has them, so that the same start leads to the same components.
    whitening = (vectors * vectors[0].sign() / values.sqrt()).T
    white = (x @ (whitening * n**0.5).T.float()).T.contiguous()

    def decorrelate(w):
        s, u = torch.linalg.eigh(w @ w.T)
        return (u * s.clamp(min=torch.finfo(torch.float64).tiny).rsqrt()) @ u.T @ w

    start = numpy.random.RandomState(0).normal(size=(count, count))
    w = decorrelate(torch.from_numpy(start).to(device))
    for iteration in range(1, ITERATIONS + 1):
        g = torch.tanh(w.float() @ white)
        slope = (1 - g**2).mean(1, dtype=torch.float64)
        moved = decorrelate((g @ white.T).double() / n - slope[:, None] * w)
        change = ((moved * w).sum(1).abs() - 1).abs().max()
        w = moved
        if change.item() < TOLERANCE:
            break
    sources = w.float() @ white
    deviation = sources.std(1, correction=0).double()
    return ((w / deviation[:, None]) @ whitening * n**0.5).float().cpu().numpy(), iteration


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--rows", required=True)
    arguments.add_argument("--columns", type=int, required=True)
    arguments.add_argument("--concepts", type=int, default=50)
    arguments.add_argument("--directions", required=True)
    arguments.add_argument("--repeat", type=int, default=3)
    arguments = arguments.parse_args()
    torch.backends.cuda.matmul.allow_tf32 = False
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    rows = numpy.fromfile(arguments.rows, dtype=numpy.float32).reshape(-1, arguments.columns)
    found = {"rows": list(rows.shape)}

    times = []
    for repeat in range(arguments.repeat + 1):
        start = time.perf_counter()
        directions, iterations = fit(rows, arguments.concepts, device)
        if repeat > 0:
            times.append(time.perf_counter() - start)
    numpy.linalg.pinv(directions).T.astype(numpy.float32).tofile(arguments.directions + ".torch")
    found["torch"] = {"seconds": times, "iterations": iterations}

    if FastICA is not None:
        model = FastICA(
            arguments.concepts, whiten="unit-variance", whiten_solver="eigh", random_state=0, tol=TOLERANCE, max_iter=ITERATIONS
        )
        start = time.perf_counter()
        model.fit(rows)
        found["sklearn"] = {"seconds": [time.perf_counter() - start], "iterations": int(model.n_iter_)}
        model.mixing_.T.astype(numpy.float32).tofile(arguments.directions + ".sklearn")
    print(json.dumps(found))


main()
