"""Which rows are longer than a multiple of the median norm, by NumPy, as dictionary_learning (`max_activation_norm_multiple`) has
it with PyTorch's median, which is the smaller of the two in the middle. The test draws the same rows."""
import numpy

from .common import folder, write_json


def rows(count):
    """Normal rows of six columns, each scaled by a factor of a log-normal distribution."""
    state = numpy.random.RandomState(11)
    values = state.normal(size=(count, 6)).astype(numpy.float32)
    return values * numpy.exp(2 * state.normal(size=(count, 1))).astype(numpy.float32)


def generate(_shared):
    cases = []
    for count in (2000, 2001):
        norms = numpy.linalg.norm(rows(count).astype(numpy.float64), axis=1).astype(numpy.float32)
        median = numpy.percentile(norms, 50, method="lower")
        for multiple in (2.5, 10.0):
            left_out = numpy.flatnonzero(norms.astype(numpy.float64) > multiple * numpy.float64(median))
            cases.append({"rows": count, "multiple": multiple, "median": float(median), "left_out": left_out.tolist()})
    write_json(folder("norms") / "cases.json", cases)
