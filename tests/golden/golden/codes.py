"""Codes as NumPy and SciPy write them: what `numpy.load` and `scipy.sparse.load_npz` read."""
import io
import pathlib
import zipfile

import numpy
import scipy.sparse

DATA = pathlib.Path(__file__).parent.parent / "data" / "codes"


def matrix():
    """Seven rows of four concepts, of which some codes are zero, and all of the third row; tests/codes.rs has the same."""
    rows, concepts = numpy.indices((7, 4))
    values = (rows * 5 + concepts * 3) % 7 - 3
    return numpy.where(rows == 2, 0, values / 2).astype(numpy.float32)


def generate(_shared):
    DATA.mkdir(parents=True, exist_ok=True)
    numpy.save(DATA / "dense.npy", matrix())
    archive = io.BytesIO()
    scipy.sparse.save_npz(archive, scipy.sparse.csr_matrix(matrix()), compressed=False)
    # The archive says when it was written; its files do not.
    with zipfile.ZipFile(archive) as files:
        for name in files.namelist():
            (DATA / name).write_bytes(files.read(name))
