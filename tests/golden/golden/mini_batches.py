"""Centres that scikit-learn's `MiniBatchKMeans` moves in float64, for the batches that Eidos makes of the rows.

`mini_batches/cases.json` and `results.safetensors`: the first centres and those after some passes over `plain` of `ica`. A row's batch is
that of a hash of its values: a fold over the bits of its float32 values, and the last step of splitmix64. There are fewer than ten
batches, since after as many that lower too little Eidos ends.
"""
import numpy
from safetensors.numpy import save_file
from sklearn.cluster import MiniBatchKMeans

from .common import folder, write_json
from .ica import problems

MASK = (1 << 64) - 1


def mix(value):
    value = (value + 0x9E3779B97F4A7C15) & MASK
    value = ((value ^ value >> 30) * 0xBF58476D1CE4E5B9) & MASK
    value = ((value ^ value >> 27) * 0x94D049BB133111EB) & MASK
    return value ^ value >> 31


def row_hash(row, seed):
    found = mix(seed)
    for bits in (row + numpy.float32(0)).view(numpy.uint32):
        found = ((found << 23 | found >> 41) & MASK ^ int(bits)) * 0x9E3779B97F4A7C15 & MASK
    return mix(found)


def generate(_shared):
    place, results, listing = folder("mini_batches"), {}, []
    rows = problems()["plain"].astype(numpy.float32)
    for number, (centres, size, passes, seed) in enumerate([(5, 64, 1, 0), (5, 100, 2, 3), (8, 1000, 2, 1)]):
        count = -(-len(rows) // size)
        batch_of = numpy.array([row_hash(row, seed) * count >> 64 for row in rows])
        start = rows[:: len(rows) // centres][:centres]
        model = MiniBatchKMeans(centres, init=start.astype(numpy.float64), n_init=1, reassignment_ratio=0)
        steps = 0
        for _ in range(passes):
            for batch in range(count):
                if (batch_of == batch).any():
                    model.partial_fit(rows[batch_of == batch].astype(numpy.float64))
                    steps += 1
        results[f"{number}/start"], results[f"{number}/centres"] = start, model.cluster_centers_
        listing.append({"case": number, "batch_size": size, "passes": passes, "seed": seed, "steps": steps})
    save_file({name: numpy.ascontiguousarray(value) for name, value in results.items()}, place / "results.safetensors")
    write_json(place / "cases.json", listing)
