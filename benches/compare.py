"""Prints what benches/side_by_side.sh measured: each step of Eidos beside the peer's, and the ratio."""
import json
import pathlib
import sys

STEPS = {"load": "load", "activations": "activations", "ica_fit": "ICA, 50 concepts", "top_inputs": "top 10 inputs"}
VARIANTS = {"peer": "interpreto", "peer-eigh": "interpreto, eigh", "peer-tuned": "transformers, tuned", "candle": "candle-transformers"}


def read(folder, name):
    path = folder / f"{name}.json"
    return json.loads(path.read_text()) if path.exists() else None


def main():
    folder = pathlib.Path(sys.argv[1])
    print("| job | step | Eidos | against | theirs | ratio | memory, MB |")
    print("|---|---|---|---|---|---|---|")
    for job in ("minilm", "eurobert"):
        ours = read(folder, f"{job}.eidos")
        for variant, label in VARIANTS.items():
            theirs = read(folder, f"{job}.{variant}")
            if theirs is None:
                continue
            for step, name in STEPS.items():
                if step not in theirs["steps"] or (variant == "peer-eigh" and step != "ica_fit"):
                    continue
                mine, other = ours["steps"][step], theirs["steps"][step]
                seconds = mine["seconds"], other["seconds"]
                extra = ""
                if step == "activations":
                    extra = f" ({ours['tokens'] / seconds[0]:.0f} tokens/s)"
                if step == "ica_fit":
                    extra = f" ({ours['ica_iterations']} iterations; theirs {theirs['ica_iterations']})"
                memory = f"{mine['peak_rss_mb']} / {other.get('peak_rss_mb', '-')}"
                ratio = seconds[1] / max(seconds[0], 1e-3)
                print(f"| {job} | {name}{extra} | {seconds[0]:.2f} s | {label} | {seconds[1]:.2f} s | {ratio:.1f} x | {memory} |")
        peak = max(step["peak_rss_mb"] for step in ours["steps"].values())
        theirs = read(folder, f"{job}.peer")
        print(f"| {job} | peak memory of the job | {peak} MB | interpreto | {max(s['peak_rss_mb'] for s in theirs['steps'].values())} MB | | |")


main()
