"""interpreto's seven aggregations of token rows into one, and their inverse, on the worked rows and a few others."""
import torch
from interpreto.commons.granularity import GranularityAggregationStrategy as Strategy

from .common import folder, write_json


def cases():
    """(name, rows of tokens)."""
    yield "the worked rows", [[-1, 0, 1, 2], [-3, 1, -2, 0]]
    yield "one row", [[0.5, -1.5, 0.0, 3.25]]
    yield "signed maximum takes the first of equal magnitudes", [[2, -2, 0], [-2, 2, 0], [1, 1, 0]]
    generator = torch.Generator().manual_seed(0)
    yield "seven random rows", torch.randn(7, 5, generator=generator).tolist()
    yield "large offset", (1e4 + torch.randn(5, 3, generator=generator)).tolist()


def generate(_shared):
    results = []
    for name, rows in cases():
        tensor = torch.tensor(rows, dtype=torch.float32)
        entry = {"case": name, "rows": tensor.tolist()}
        for strategy in Strategy:
            entry[strategy.value] = strategy.aggregate(tensor, 0)[0].tolist()
        results.append(entry)
    vector = torch.tensor([[2.0, 4.0]])
    unfolded = {strategy.value: strategy.unfold(vector, 2).tolist() for strategy in Strategy}
    results.append({"case": "unfold of a vector to two tokens", "vector": vector[0].tolist(), **unfolded})
    write_json(folder("aggregation") / "cases.json", results)
    print("  ", results[0])
