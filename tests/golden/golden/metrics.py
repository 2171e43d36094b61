"""How good dictionaries are, measured by numpy, scikit-learn and scipy in float64."""
import numpy
from safetensors.numpy import save_file
from scipy.optimize import linear_sum_assignment
from sklearn.metrics import r2_score
from sklearn.metrics.pairwise import cosine_similarity

from .common import folder, write_json

COLUMNS = 8
# (concepts, whether negative codes become zero) of each dictionary; the first two are of the same rows with and without ReLU.
DICTIONARIES = [(12, True), (12, False), (5, True)]
DENSE_SHARE = 0.55
REDUNDANT_COSINE = 0.7


def measure(rows, dictionary, encoder, bias, offset, rectified):
    codes = (rows - offset) @ encoder.T + bias
    codes = numpy.maximum(codes, 0) if rectified else codes
    back = codes @ dictionary + offset
    densities = (codes != 0).mean(axis=0)
    cosines = cosine_similarity(dictionary)
    cosines = cosines if rectified else abs(cosines)
    numpy.fill_diagonal(cosines, -1)
    largest = cosines.max(axis=1)
    centred = rows - rows.mean(axis=0)
    top = [numpy.argsort(-codes[:, concept], kind="stable")[:4] for concept in range(len(dictionary))]
    coherence = [cosine_similarity(centred[index])[numpy.triu_indices(4, 1)].mean() for index in top]
    return {
        "mean_squared_error": ((rows - back) ** 2).mean(),
        "relative_error": numpy.linalg.norm(rows - back) / numpy.linalg.norm(rows),
        "fraction_of_variance_unexplained": 1 - r2_score(rows, back, multioutput="variance_weighted"),
        "cosine": numpy.diag(cosine_similarity(rows, back)).mean(),
        "explained_variance": r2_score(rows, back, multioutput="raw_values").tolist(),
        "l0": (codes != 0).sum(axis=1).mean(),
        "l1": abs(codes).sum(axis=1).mean(),
        "dead": int((densities == 0).sum()),
        "dense": int((densities > DENSE_SHARE).sum()),
        "densities": densities.tolist(),
        "mean_largest_cosine": largest.mean(),
        "largest_cosine": largest.max(),
        "redundant": int((largest >= REDUNDANT_COSINE).sum()),
        "top": [[int(row) for row in index] for index in top],
        "coherence": coherence,
    }


def stability(first, second, of_magnitudes):
    cosines = cosine_similarity(first, second)
    cosines = abs(cosines) if of_magnitudes else cosines
    pairs = linear_sum_assignment(cosines, maximize=True)
    return {
        "assigned_cosine": cosines[pairs].mean(),
        "largest_cosine_of_first": cosines.max(axis=1).mean(),
        "largest_cosine_of_second": cosines.max(axis=0).mean(),
    }


def generate(_shared):
    place = folder("metrics")
    random = numpy.random.default_rng(11)
    rows = random.normal(size=(300, COLUMNS)) * numpy.linspace(0.5, 3, COLUMNS) + numpy.linspace(-2, 2, COLUMNS)
    tensors = {"rows": rows.astype(numpy.float32)}
    rows = tensors["rows"].astype(numpy.float64)
    explainers, dictionaries = [], []
    for number, (concepts, rectified) in enumerate(DICTIONARIES):
        dictionary = random.normal(size=(concepts, COLUMNS))
        dictionary[1] = dictionary[0] + 0.05 * random.normal(size=COLUMNS)  # two that are nearly the same
        bias = random.normal(size=concepts)
        bias[-1] = -1000 if rectified else 0  # one that is dead
        parts = {
            "dictionary": dictionary,
            "encoder": dictionary / 8,
            "bias": bias,
            "offset": random.normal(size=COLUMNS),
        }
        parts = {name: value.astype(numpy.float32) for name, value in parts.items()}
        tensors.update({f"{number}/{name}": value for name, value in parts.items()})
        parts = {name: value.astype(numpy.float64) for name, value in parts.items()}
        explainers.append(measure(rows, rectified=rectified, **parts))
        dictionaries.append((parts["dictionary"], rectified))
    pairs = []
    for first, (one, of_codes) in enumerate(dictionaries):
        for second, (other, of_other) in list(enumerate(dictionaries))[first + 1 :]:
            pairs.append({"first": first, "second": second, **stability(one, other, not (of_codes and of_other))})
    save_file(tensors, place / "problem.safetensors")
    write_json(place / "expected.json", {
        "dense_share": DENSE_SHARE, "redundant_cosine": REDUNDANT_COSINE,
        "rectified": [rectified for _, rectified in DICTIONARIES], "explainers": explainers, "stability": pairs,
    })
