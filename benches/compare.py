"""Prints what benches/side_by_side.sh measured, each row beside its goal, and writes it to a file of results.

    python benches/compare.py FOLDER [RESULTS]

FOLDER holds the JSON objects that the programs printed. RESULTS is a Markdown file, by default in benches/results with the name of
the processor and the day; the raw numbers are in it as well.
"""
import datetime
import json
import pathlib
import platform
import re
import subprocess
import sys

FOLDER = pathlib.Path(sys.argv[1])
FLAGS = ("avx2", "avx512f", "avx512_bf16", "avx512_vnni", "amx_tile", "amx_bf16", "amx_int8")


def machine():
    """The processor, what it can do, its memory, the day and the commit."""
    cpu = pathlib.Path("/proc/cpuinfo").read_text()
    field = lambda name: re.search(rf"^{name}\s*:\s*(.*)$", cpu, re.MULTILINE)
    flags = field("flags").group(1).split() if field("flags") else []
    memory = int(re.search(r"MemTotal:\s+(\d+)", pathlib.Path("/proc/meminfo").read_text()).group(1)) / 2**20
    family = ", ".join(f"{name} {match.group(1)}" for name in ("cpu family", "model", "stepping") if (match := field(name)))
    git = lambda *words: subprocess.run(["git", *words], capture_output=True, text=True).stdout.strip()
    return {
        "processor": field("model name").group(1) if field("model name") else platform.processor(),
        "family": family,
        "cores": len(re.findall(r"^processor\s*:", cpu, re.MULTILINE)),
        "instructions": [flag for flag in FLAGS if flag in flags],
        "memory_gib": round(memory, 1),
        "date": datetime.date.today().isoformat(),
        "commit": git("rev-parse", "--short", "HEAD") + (" with changes" if git("status", "--porcelain", "src") else ""),
    }


RAW = {path.stem: json.loads(path.read_text()) for path in sorted(FOLDER.glob("*.json"))}


def seconds(name, step):
    """The seconds of a step in the object of a run, or nothing where that run or step is missing."""
    found = RAW.get(name, {}).get("steps", {}).get(step)
    return found["seconds"] if found else None


def peak(name):
    steps = RAW.get(name, {}).get("steps", {}).values()
    return max((step["peak_rss_mb"] for step in steps), default=None)


def total(name, steps):
    found = [seconds(name, step) for step in steps]
    return None if None in found else sum(found)


def speed(name):
    """Seconds of the activations, and the tokens a second in words."""
    took = seconds(name, "activations")
    return took, f" ({RAW[name]['tokens'] / took:.0f} tokens/s)" if took and "tokens" in RAW[name] else ""


def rows(amx):
    """(step, against, ours, theirs, goal, unit); the ratio is theirs over ours."""
    for label, job, other, against, goal in (
        ("EuroBERT-210m's shape, activations in f32", "eurobert.eidos", "eurobert.peer-tuned", "transformers, tuned, f32", 1.7),
        ("the same", "eurobert.eidos", "eurobert.peer", "interpreto", None),
        ("the same from bf16 weights, f32 values", "eurobert-bf16.eidos", "eurobert-bf16.peer-tuned", "transformers, tuned, f32", 2.2 if amx else 1.7),
        ("the same, precision bf16", "eurobert.eidos-bf16", "eurobert.peer-tuned-bf16", "transformers, tuned, bf16", 1.3),
        ("the same, precision int8", "eurobert.eidos-int8", "eurobert.peer-tuned-bf16", "transformers, tuned, bf16", None),
        ("MiniLM, activations in f32", "minilm.eidos", "minilm.peer", "interpreto", 5.0),
        ("the same", "minilm.eidos", "minilm.peer-tuned", "transformers, tuned, f32", 2.5),
        ("the same", "minilm.eidos", "minilm.candle", "candle-transformers", 3.0),
        ("the same, precision bf16", "minilm.eidos-bf16", "minilm.peer-tuned-bf16", "transformers, tuned, bf16", 1.3),
        ("the same, precision int8", "minilm.eidos-int8", "minilm.peer-tuned-bf16", "transformers, tuned, bf16", None),
    ):
        (ours, more), (theirs, _) = speed(job), speed(other)
        yield label + more, against, ours, theirs, goal, "s"
    for tokens, times in RAW.get("latency", {}).items():
        for against, goal in (("onnxruntime", 1.0), ("PyTorch", 4.0)):
            yield f"MiniLM, one text of {tokens} tokens, warm, to its rows", against, times["Eidos"], times[against], goal, "ms"
    for name in ("minilm", "eurobert"):
        ours, theirs = RAW.get(f"fits-{name}.eidos", {}), RAW.get(f"fits-{name}.peer", {})
        label = f"FastICA, 50 concepts of {' x '.join(map(str, ours.get('rows', ['rows of', name])))}"
        for solver, goal in (("svd", 20.0), ("eigh", 5.0)):
            yield label, f"scikit-learn, {solver}", ours.get("seconds"), theirs.get(solver, {}).get("seconds"), goal, "s"
    yield "top 10 words of 50 concepts", "interpreto", seconds("minilm.eidos", "top_inputs"), seconds("minilm.peer", "top_inputs"), 40.0, "s"
    ours = total("first.eidos", ["load", "activations"])
    yield "load to the first activation", "interpreto, with its import", ours, total("first.peer", ["import", "load", "activations"]), 10.0, "s"
    yield "the same", "interpreto, imported", ours, total("first.peer", ["load", "activations"]), None, "s"
    yield "peak memory of the whole job, MiniLM", "interpreto", peak("minilm.eidos"), peak("minilm.peer"), 3.0, "MB"
    yield "peak memory of the whole job, EuroBERT-210m's shape", "interpreto", peak("eurobert.eidos"), peak("eurobert.peer"), 3.0, "MB"


def number(value, unit):
    return f"{value:.{0 if unit == 'MB' or value >= 100 else 1 if value >= 10 else 3 if value < 0.1 else 2}f} {unit}"


def table(amx):
    yield "| step | Eidos | against | theirs | ratio | at least | |"
    yield "|---|---|---|---|---|---|---|"
    for label, against, ours, theirs, goal, unit in rows(amx):
        bar = f"{goal:g} x" if goal else ""
        if ours is None or theirs is None:
            missing = "not measured" if ours is None and theirs is None else "one side was not measured"
            yield f"| {label} | | {against} | | | {bar} | {missing} |"
            continue
        ratio = theirs / max(ours, 1e-6)
        verdict = "" if not goal else "reached" if ratio >= goal else f"{100 * (1 - ratio / goal):.0f} % short"
        yield f"| {label} | {number(ours, unit)} | {against} | {number(theirs, unit)} | {ratio:.2f} x | {bar} | {verdict} |"


def estimates():
    """What `estimate` said before each run, from a sample of a second, and what the run took."""
    yield "| run | estimated | took | off by | at most | |"
    yield "|---|---|---|---|---|---|"
    for name, job in RAW.items():
        if said := job.get("estimated_seconds") if isinstance(job, dict) else None:
            took = seconds(name, "activations")
            off = 100 * (said / took - 1)
            yield f"| {name} | {number(said, 's')} | {number(took, 's')} | {off:+.0f} % | 25 % | {'reached' if abs(off) <= 25 else 'missed'} |"


def main():
    here = machine()
    lines = [
        f"# Side by side, {here['date']}",
        "",
        f"{here['cores']} cores of {here['processor']} ({here['family']}), with {', '.join(here['instructions']) or 'none of the instructions looked for'}; "
        f"{here['memory_gib']} GiB; commit {here['commit']}. Made by `make bench`: one program after the other, each alone.",
        "",
        *table("amx_bf16" in here["instructions"]),
        "",
        *estimates(),
    ]
    print("\n".join(lines))
    name = re.sub(r"[^a-z0-9]+", "-", f"{here['processor']} {here['family']}".lower()).strip("-")
    results = pathlib.Path(sys.argv[2]) if len(sys.argv) > 2 else pathlib.Path("benches/results") / f"{here['date']}-{name}.md"
    results.parent.mkdir(parents=True, exist_ok=True)
    raw = json.dumps({"machine": here, **RAW}, ensure_ascii=False, indent=1)
    results.write_text("\n".join([*lines, "", "## Raw numbers", "", "```json", raw, "```", ""]))
    print(f"\nwritten to {results}")


main()
