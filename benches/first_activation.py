"""Times the Python peer from its start to the rows of one text: import, load, activations of words. Prints one JSON object.

    python benches/first_activation.py MODEL SPLIT TEXT

The import counts, since every program pays it; it is a step of its own, so that it can be left out.
"""
import json
import sys
import time

model, split, text = sys.argv[1:]
steps, start = {}, time.perf_counter()


def step(name):
    global start
    steps[name], start = {"seconds": round(time.perf_counter() - start, 4)}, time.perf_counter()


import transformers
from interpreto import ModelWithSplitPoints as Split

step("import")
tokenizer = transformers.AutoTokenizer.from_pretrained(model)
loaded = transformers.AutoModel.from_pretrained(model).eval()
splitter = Split(loaded, split_point=split, tokenizer=tokenizer, batch_size=1)
step("load")
splitter.get_activations([text], activation_granularity=Split.activation_granularities.WORD)
step("activations")
print(json.dumps({"steps": steps}))
