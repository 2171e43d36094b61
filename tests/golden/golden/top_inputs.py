"""interpreto's TopKInputs on small cases made by hand: duplicates, ties, zeros, negatives, odd strings."""
import json
import pathlib
import tempfile
import warnings

import shutil
import torch
import transformers

from .common import DATA, folder, write_json

WORDS = "all every each none some few many most one two three four five six seven eight nine ten last first".split()


def shuffled(seed, rows, columns):
    """Whole-number activations, so that nothing depends on rounding: many ties, many repeated strings."""
    generator = torch.Generator().manual_seed(seed)
    strings = [WORDS[int(i)] for i in torch.randint(len(WORDS), (rows,), generator=generator)]
    return strings, torch.randint(-40, 60, (rows, columns), generator=generator).float().tolist()


def cases():
    """(name, strings, one row of concept activations per string, k, concepts)."""
    example = [[1, 0, -1, 0], [3, 0, -2, 0], [3, 0, -0.5, 2], [2, 0, 0, 2], [1, 0, -3, 0]]
    yield "the worked example", list("abcda"), example, 3, [0, 1, 2, 3]
    yield "k of one", list("abcda"), example, 1, [0, 3]
    yield "concepts in the order asked", list("abcda"), example, 2, [3, 0]
    yield "more asked for than there are", list("abcda"), example, 10, [0, 1, 2, 3]
    negatives = [[-1, -1, 5], [-3, -2, -1], [-2, 0, -4], [-0.5, -3, -2]]
    yield "all negative, and negatives with a zero or a positive", list("abcd"), negatives, 4, [0, 1, 2]
    yield "the largest occurrence counts", list("xyxyx"), [[-5, 0], [1, -1], [2, 3], [-7, -2], [0, 1]], 2, [0, 1]
    yield "ties in first-occurrence order", list("dcbadcba"), [[1, 7]] * 8, 3, [0, 1]
    yield "negative zero is zero", list("abc"), [[-0.0], [-1.0], [-2.0]], 3, [0]
    odd = ["", " ", " film", "film", "Film", "e\u0301", "é", "film "]
    yield "strings are taken as they are", odd, [[8], [7], [6], [5], [4], [3], [2], [1]], 8, [0]
    yield "one string only", ["same"] * 4, [[1, -1], [4, -4], [2, 0], [3, -3]], 1, [0, 1]
    yield "many repeated strings", *shuffled(0, 80, 5), 6, [0, 1, 2, 3, 4]
    yield "as many as there are", *shuffled(1, 300, 4), len(WORDS), [0, 1, 2, 3]


def explainer():
    """The peer wants a model to be there, though nothing is run: the tiny BERT of the model fixtures."""
    from interpreto import ModelWithSplitPoints
    from interpreto.concepts import NeuronsAsConcepts

    family = DATA / "models" / "bert"
    with tempfile.TemporaryDirectory() as place:
        for file in (family / "base" / "config.json", *(family / "weights").iterdir(), *(family / "tokenizer").iterdir()):
            shutil.copy(file, place)
        model = transformers.BertModel.from_pretrained(place).eval()
        tokenizer = transformers.AutoTokenizer.from_pretrained(place)
    return NeuronsAsConcepts(ModelWithSplitPoints(model, split_point="encoder.layer.1", tokenizer=tokenizer))


def by_first_occurrence(strings, activations, k, concept):
    """The meaning in a few lines, to notice if torch.topk ever orders ties otherwise."""
    best = {}
    for string, row in zip(strings, activations):
        best[string] = max(best.get(string, float("-inf")), row[concept])
    found = sorted(best.items(), key=lambda entry: -entry[1])[:k]
    stop = next((i for i, (_, value) in enumerate(found) if value == 0), len(found))
    return [[string, value] for string, value in found[:stop]] or None


def generate(_shared):
    from interpreto.concepts import TopKInputs

    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    warnings.filterwarnings("ignore")
    peer = explainer()
    sample = TopKInputs.activation_granularities.SAMPLE
    results = []
    for name, strings, activations, k, concepts in cases():
        rows = torch.tensor(activations, dtype=torch.float32)
        entry = {"case": name, "strings": strings, "activations": activations, "k": k, "concepts": concepts}

        def interpret(k):
            method = TopKInputs(concept_explainer=peer, activation_granularity=sample, k=k)
            return method.interpret(concepts, inputs=strings, concepts_activations=rows)

        try:
            found = interpret(k)
        except RuntimeError:
            entry["peer_refuses"] = "k is larger than the number of unique strings"
            found = interpret(len(set(strings)))
        entry["result"] = [[list(item) for item in found[c].items()] if found[c] else None for c in concepts]
        plain = [by_first_occurrence(strings, activations, k, c) for c in concepts]
        if entry["result"] != plain:
            entry["by_first_occurrence"] = plain
        print(f"  {name}: {json.dumps(entry['result'], ensure_ascii=False)[:110]}", "" if entry["result"] == plain else "TIES DIFFER")
        results.append(entry)
    write_json(folder("top_inputs") / "cases.json", results)
