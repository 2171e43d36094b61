"""The peer of the first activation: a fresh process that loads a model with transformers and reads one text.

    python peer_load.py --model FOLDER --split layers.10.mlp --type bf16

Prints one JSON object: seconds of the imports, of loading, of the first text, the first use of the device among them.
"""
import argparse
import json
import time

START = time.perf_counter()


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--model", required=True)
    arguments.add_argument("--split", required=True)
    arguments.add_argument("--type", choices=("bf16", "f32"), required=True)
    arguments = arguments.parse_args()
    import tokenizers
    import torch
    import transformers

    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    with open(f"{arguments.model}/config.json", encoding="utf-8") as config:
        kind_of_model = json.load(config)["model_type"]
    # Named here, because transformers imports the code of a model when its class is first used.
    model_class = getattr(transformers, {"eurobert": "EuroBertModel", "llama": "LlamaModel"}[kind_of_model])
    imported = time.perf_counter()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    kind = {"bf16": torch.bfloat16, "f32": torch.float32}[arguments.type]
    tokenizer = tokenizers.Tokenizer.from_file(f"{arguments.model}/tokenizer.json")
    model = model_class.from_pretrained(arguments.model, dtype=kind, attn_implementation="sdpa")
    model = model.eval().to(device)
    loaded = time.perf_counter()
    kept = []
    model.get_submodule(arguments.split).register_forward_hook(lambda module, inputs, output: kept.append(output))
    with torch.inference_mode():
        ids = torch.tensor([tokenizer.encode("What is a language model thinking about?").ids], device=device)
        model(input_ids=ids)
        kept[0].float().cpu().numpy()
    end = time.perf_counter()
    print(json.dumps({"import": imported - START, "load": loaded - imported, "first": end - loaded, "seconds": end - imported}))


main()
