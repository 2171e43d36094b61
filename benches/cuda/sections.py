"""The sections of the kit, in the order in which they run: what is worth most comes first."""
import array
import json
import math
import pathlib
import shutil
import statistics
import sys
import tempfile

import profile_kernels
import report

EUROBERT, LLAMA = "model.layers.10.mlp", "model.layers.14.mlp"


def shape(kit, name):
    """The configuration of a model that is measured."""
    file = {"eurobert": "benches/eurobert-210m.json", "llama": "benches/cuda/llama-1b.json"}[name]
    return json.loads((kit.root / file).read_text())


def split(kit, name):
    """Where it is split; a small model has fewer blocks."""
    return "model.layers.1.mlp" if kit.small else {"eurobert": EUROBERT, "llama": LLAMA}[name]


def data(kit, name):
    """A file or folder of data: beside the programs, or in a checkout's neighbour."""
    places = [kit.root / "data" / name, kit.root.parent / "shared/data" / name]
    return next((place for place in places if place.exists()), None)


def device(kit):
    if shutil.which("nvidia-smi") and not kit.small:
        query = "name,driver_version,memory.total,clocks.max.sm,power.limit,clocks_event_reasons.active"
        said = kit.run("nvidia-smi", f"--query-gpu={query}", "--format=csv,noheader")
        kit.measured["nvidia-smi"] = (said or "").strip()
        kit.say(f"       {kit.measured['nvidia-smi']}")
    kit.program("device")
    kit.measured["sizes"] = {path.name: path.stat().st_size for path in sorted(kit.bin.iterdir()) if path.is_file()}


def library(kit):
    """The library as it is shipped, through its C calls."""
    if not kit.library.exists():
        said = f"there is no library at {kit.library}"
        kit.say(f"       library: not run: {said}") if kit.small else kit.check("library", False, said)
        return
    where = "cpu" if kit.device == "reference" else "cuda"
    words = ["--library", kit.library, "--api", kit.root / "include/eidos.api.json", "--device", where]
    words += ["--model", "eidos:demo", "--split", "model.layers.1.mlp"]
    found = kit.python("library.py", *words)
    if found:
        kit.check("first activation", found["finite"] and found["rows"][0] > 0, f"{found['rows']} by version {found['version']}")
        kit.check("handles", found["live_handles"] == 0, f"{found['live_handles']} are left")


def models(kit):
    """Writes the models and the texts that are measured."""
    tokenizer, texts = data(kit, "eurobert-tokenizer"), data(kit, "rotten_tomatoes/train.jsonl")
    if kit.small or not tokenizer or not texts:
        if not kit.small:
            kit.check("data", False, "the tokenizer and the texts are missing: see docs/cuda.md")
        tokenizer = kit.root / "assets/demo-model"
        lines = (kit.root / "assets/demo-texts.txt").read_text(encoding="utf-8").splitlines()[:80]
        texts = kit.work / "texts.jsonl"
        texts.write_text("".join(json.dumps({"text": line}) + "\n" for line in lines if line.strip()), encoding="utf-8")
    kit.made.texts = texts
    kit.made.tokenizer = tokenizer
    tiny = ["--tiny"] if kit.small else []
    for name, config, kind in (
        ("eurobert-bf16", "benches/eurobert-210m.json", "bf16"), ("eurobert-f32", "benches/eurobert-210m.json", "f32"),
        ("llama-bf16", "benches/cuda/llama-1b.json", "bf16"),
    ):
        script = kit.root / "benches/cuda/models.py"
        kit.run(sys.executable, script, kit.work / name, kit.root / config, tokenizer, "--type", kind, *tiny, name=name)
        written = kit.work / name / "model.safetensors"
        kit.check(name, written.exists() and kit.code == 0, f"{written.stat().st_size if written.exists() else 0} bytes")
    long_texts(kit)


def long_texts(kit):
    """Texts of 512 tokens, or a little less, of neighbouring texts; in a dry run a few of some hundred characters."""
    texts = [json.loads(line)["text"] for line in open(kit.made.texts, encoding="utf-8")]
    count, most, length = (4, 600, len) if kit.small else (256, 512, None)
    if length is None:
        import tokenizers

        tokenizer = tokenizers.Tokenizer.from_file(str(kit.made.tokenizer / "tokenizer.json"))
        lengths = {text: len(encoded.ids) for text, encoded in zip(texts, tokenizer.encode_batch(texts))}
        # Both special tokens of a text are counted, which the joined text has once: so it is never longer than that.
        length = lengths.__getitem__
    joined, parts, used = [], [], 0
    for text in texts:
        if parts and used + length(text) > most:
            joined.append(" ".join(parts))
            parts, used = [], 0
        parts.append(text)
        used += length(text)
    kit.made.long_texts = kit.work / "long.jsonl"
    kit.made.long_texts.write_text("".join(json.dumps({"text": text}) + "\n" for text in joined[:count]), encoding="utf-8")
    kit.check("long texts", len(joined) >= min(count, 1), f"{len(joined[:count])} texts")


def parity(kit):
    kit.program("parity")


def gradients(kit):
    kit.program("gradients")


def fits(kit):
    kit.program("fits")


def steady(kit):
    kit.program("steady")


def memory(kit):
    kit.program("memory")


# The unit tests that run on a device where there is one. The first are those of the operations, which a dry run runs too.
ON_A_DEVICE = ["model::ops::check", "model::whole::device", "concepts::device_tests", "collect::device", "rows::device", "ffi::dlpack"]


def operations(kit):
    """The unit tests of the operations, each against its reference, and those of other rooms that run on a device."""
    filters = ON_A_DEVICE[:1] if kit.device == "reference" else ON_A_DEVICE
    output = kit.run(kit.bin / "unit", "--test-threads", "1", "--show-output", *filters, name="operations")
    if output is None:
        return
    names = [line.split()[1] for line in output.splitlines() if line.startswith("test ") and line.endswith("... ok")]
    for line in output.splitlines():
        if line.startswith("test ") and line.endswith("FAILED"):
            kit.check(line.split()[1], False, "see log.txt")
    of_operations = [name for name in names if name.startswith(filters[0])]
    kit.check("operations", kit.code == 0 and len(of_operations) >= 8, f"{len(names)} tests, {len(of_operations)} of operations")
    if kit.device != "reference":
        missed = [line for line in (output + kit.complaints).splitlines() if "not tested on a" in line]
        kit.check("on the device", not missed, missed[0] if missed else "no test went without it")


def ceiling(kit):
    if kit.needs_torch():
        found = kit.python("ceiling.py", *(["--tiny"] if kit.small else []))
        if found:
            kit.measured["ceiling"] = found
            kit.check("ceiling", all(found[name] > 0 for name in ("bf16_flops", "f32_flops", "copy_bytes_per_second")), report.ceiling(found))


def rows_of(kit, name, model, kind, texts, bar, share_bar, all_rows=None):
    """A row of the table: word activations by Eidos and by the peer."""
    at = split(kit, model)
    folder, ours, theirs = kit.work / f"{model}-{kind}", kit.work / "ours.f32", kit.work / "theirs.f32"
    repeat, budgets = ("2", "256") if kit.small else ("5", "0,32768")
    words = ["--model", folder, "--split", at, "--type", kind, "--texts", texts]
    more = ["--all-rows", all_rows] if all_rows else []
    ran = kit.program("rows", *words, "--name", name, "--repeat", repeat, "--batch-tokens", budgets, "--rows", ours, *more)
    if not ran or not kit.needs_torch():
        return
    words[3] = at.removeprefix("model.")
    budgets = ["256"] if kit.small else ["8192", "32768"]
    peer = kit.python("peer_rows.py", *words, "--repeat", repeat, "--batch-tokens", *budgets, "--rows", theirs, name=f"peer of {name}")
    if peer is None:
        return
    eidos = kit.measured[name]
    kit.check(f"{name}: same work", eidos["rows"] == peer["rows"] and eidos["tokens"] == peer["tokens"], f"{eidos['rows']}, {eidos['tokens']} tokens")
    config = json.loads((folder / "config.json").read_text())
    blocks = int(at.split(".")[2]) + 1
    # In bf16 either side rounds about eight times a block, to 8 bits, and not at the same places.
    bound = {"f32": 1e-4, "bf16": 2**-8 * math.sqrt(8 * blocks)}[kind]
    distance = relative(ours, theirs)
    kit.check(f"{name}: same rows", distance <= bound, f"relative difference {distance:.1e}, at most {bound:.0e}")
    flops = report.flops(config, blocks, eidos["tokens"], eidos["squared_lengths"], model == "llama")
    row = {"eidos": eidos["seconds"], "peer": peer["seconds"], "tokens": eidos["tokens"], "flops": flops, "at_least": bar}
    kit.measured[name] = {**row, "eidos_more": eidos, "peer_more": peer}
    judge(kit, name, row, share_bar, f"{kind}_flops")


def judge(kit, name, row, share_bar, ceiling_name):
    """Holds a row of the table against its bars; in a dry run times mean nothing."""
    if kit.small:
        return
    medians = statistics.median(row["eidos"]), statistics.median(row["peer"])
    ratio = medians[1] / medians[0]
    said = f"{ratio:.2f} x, {report.spread(row['eidos'])} against {report.spread(row['peer'])}; at least {row['at_least']} x"
    kit.check(f"{name}: against the peer", ratio >= row["at_least"], said)
    most = kit.measured.get("ceiling", {}).get(ceiling_name)
    if most and "flops" in row:
        share = row["flops"] / medians[0] / most
        kit.measured[name]["share"] = share
        if share_bar:
            kit.check(f"{name}: share of the ceiling", share >= share_bar, f"{share:.0%} of {most / 1e12:.0f} TFLOP/s; at least {share_bar:.0%}")


def relative(ours, theirs):
    """The norm of the difference of two files of f32, over the norm of the second."""
    left, right = array.array("f"), array.array("f")
    left.frombytes(ours.read_bytes())
    right.frombytes(theirs.read_bytes())
    if len(left) != len(right) or not right:
        return math.inf
    size = math.fsum(value * value for value in right)
    return math.sqrt(math.fsum((a - b) ** 2 for a, b in zip(left, right)) / size) if size else math.inf


def test():
    """Finds rows and directions that are not the same."""
    with tempfile.TemporaryDirectory() as folder:
        files = [pathlib.Path(folder) / name for name in ("one", "two", "short")]
        for file, values in zip(files, ([1.0, 2.0, 2.0, 0.0], [1.0, 2.0, 2.0, 0.3], [1.0])):
            file.write_bytes(array.array("f", values).tobytes())
        one, two, short = files
        found = [relative(one, one), round(relative(two, one), 4), relative(one, short), least_cosine(one, one, 2)]
        wrong = least_cosine(one, two, 2)
    if found != [0.0, 0.1, math.inf, 1.0] or not 0.98 < wrong < 0.99:
        raise AssertionError((found, wrong))


def rows_bf16(kit):
    rows_of(kit, "EuroBERT-210m shape, bf16", "eurobert", "bf16", kit.made.texts, 1.5, 0.5)


def rows_f32(kit):
    kit.made.all_rows = kit.work / "rows.f32"
    rows_of(kit, "EuroBERT-210m shape, f32", "eurobert", "f32", kit.made.texts, 1.2, None, kit.made.all_rows)


def rows_llama(kit):
    rows_of(kit, "Llama of 1B, bf16", "llama", "bf16", kit.made.long_texts, 1.2, None)


def ica(kit):
    """ICA on the rows of the section before: Eidos, PyTorch on the same device, scikit-learn on the CPU."""
    if not getattr(kit.made, "all_rows", None) or not kit.made.all_rows.exists():
        kit.check("rows", False, "not run: the section that makes the rows gave none")
        return
    config = json.loads((kit.work / "eurobert-f32/config.json").read_text())
    concepts = "8" if kit.small else "50"
    words = ["--rows", kit.made.all_rows, "--columns", config["hidden_size"], "--concepts", concepts]
    ours = kit.work / "directions"
    if not kit.program("ica", *words, "--directions", ours) or not kit.needs_torch():
        return
    peer = kit.python("peer_ica.py", *words, "--directions", ours)
    if peer is None:
        return
    found = kit.measured.pop("ica")
    for name in ("torch", "sklearn"):
        file = ours.with_name(f"directions.{name}")
        if file.exists():
            cosine = least_cosine(ours, file, int(concepts))
            iterations = f"{found['iterations']} iterations, theirs {peer[name]['iterations']}"
            # Not judged: noise of random weights has components that are not determined.
            kit.say(f"       ica: |cos| to {name} of at least {cosine:.6f}; {iterations}")
            title = {"torch": "ICA 50, against PyTorch on the GPU", "sklearn": "ICA 50, against scikit-learn"}[name]
            row = {"eidos": found["seconds"], "peer": peer[name]["seconds"], "at_least": 1.0, "cosine": cosine}
            kit.measured[title] = row
            judge(kit, title, row, None, "f32_flops")
    if not kit.small:
        seconds = statistics.median(found["seconds"])
        kit.check("under a second", seconds < 1, f"{seconds:.2f} s")


def least_cosine(ours, theirs, count):
    """The smallest absolute cosine of directions in their places."""
    matrices = []
    for file in (ours, theirs):
        values = array.array("f")
        values.frombytes(file.read_bytes())
        matrices.append(values)
    columns = len(matrices[0]) // count
    least = 1.0
    for first in range(0, len(matrices[0]), columns):
        left, right = (matrix[first : first + columns] for matrix in matrices)
        dot = math.fsum(a * b for a, b in zip(left, right))
        sizes = math.fsum(a * a for a in left) * math.fsum(b * b for b in right)
        least = min(least, abs(dot) / math.sqrt(sizes)) if sizes else 0.0
    return least


def load(kit):
    """From nothing to the first activation, each time in a process of its own; imports are listed beside."""
    if not kit.library.exists():
        said = f"not run: there is no library at {kit.library}"
        kit.say(f"       load: {said}") if kit.small else kit.check("library", False, said)
        return
    where = "cpu" if kit.device == "reference" else "cuda"
    model = ["--model", kit.work / "eurobert-bf16", "--type", "bf16"]
    words = ["--library", kit.library, "--api", kit.root / "include/eidos.api.json", "--device", where]
    at = split(kit, "eurobert")
    repeat = 1 if kit.small else 3
    ours = [kit.python("library.py", *words, *model, "--split", at) for _ in range(repeat)]
    if not all(ours) or not kit.needs_torch():
        return
    theirs = [kit.python("peer_load.py", *model, "--split", at.removeprefix("model.")) for _ in range(repeat)]
    if all(theirs):
        row = {"eidos": [run["seconds"] for run in ours], "peer": [run["seconds"] for run in theirs], "at_least": 2.0}
        row.update(eidos_import=[run["import"] for run in ours], peer_import=[run["import"] for run in theirs])
        kit.measured["load to first activation"] = row
        judge(kit, "load to first activation", row, None, "")


def profile(kit):
    """Where the time goes, for the next step: stages, then kernels by name where a profiler is there."""
    words = ["--model", kit.work / "eurobert-bf16", "--split", split(kit, "eurobert"), "--type", "bf16", "--texts", kit.made.texts]
    words += ["--batch-tokens", "256" if kit.small else "8192"]
    if kit.program("profile", *words) and not kit.small:
        profile_kernels.run(kit, words)


# Sections of one group run at the same time: those that measure neither time nor memory.
GROUPS = [
    [("device", 30, device)],
    [
        ("models", 60, models), ("library", 40, library), ("parity", 100, parity), ("operations", 120, operations),
        ("gradients", 60, gradients), ("fits", 30, fits), ("steady", 60, steady),
    ],
    [("ceiling", 30, ceiling)], [("rows bf16", 60, rows_bf16)], [("profile", 50, profile)], [("rows f32", 70, rows_f32)],
    [("ica", 60, ica)], [("rows llama", 60, rows_llama)], [("load", 60, load)], [("memory", 90, memory)],
]
NAMES = [name for group in GROUPS for name, _, _ in group]
