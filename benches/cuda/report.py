"""The report of a run: report.json with everything, report.md for a person."""
import json
import statistics


def spread(times):
    """The median with the least and the most."""
    return f"{statistics.median(times):.3g} s [{min(times):.3g}, {max(times):.3g}]"


def ceiling(found):
    words = [f"{found['bf16_flops'] / 1e12:.3g} TFLOP/s in bf16", f"{found['f32_flops'] / 1e12:.3g} in f32"]
    return ", ".join(words + [f"copies of {found['copy_bytes_per_second'] / 1e9:.3g} GB/s"])


def flops(config, blocks, tokens, squared_lengths, causal):
    """Additions and multiplications of the blocks up to the split: those of products with weights, and those of attention."""
    width, inner = config["hidden_size"], config["intermediate_size"]
    queries = config["num_attention_heads"] * config["head_dim"]
    keys = config["num_key_value_heads"] * config["head_dim"]
    weights = width * (2 * queries + 2 * keys) + 3 * width * inner
    attention = 4 * queries * squared_lengths * (0.5 if causal else 1.0)
    return blocks * (2 * weights * tokens + attention)


def table(measured):
    """The rows of the table with both times, the ratio and its bar."""
    lines = ["| work | Eidos, median [least, most] | peer | ratio | at least | share of the ceiling |", "|---|---|---|---|---|---|"]
    for name, row in measured.items():
        if not isinstance(row, dict) or "at_least" not in row:
            continue
        ratio = statistics.median(row["peer"]) / statistics.median(row["eidos"])
        share = f"{row['share']:.0%}" if "share" in row else ""
        lines.append(f"| {name} | {spread(row['eidos'])} | {spread(row['peer'])} | {ratio:.2f} x | {row['at_least']} x | {share} |")
    return lines if len(lines) > 2 else ["No row of the table was measured."]


def devices(found):
    """A line for each GPU, and one for the libraries of CUDA that were found."""
    lines = []
    for one in found.get("devices", []):
        lines.append(f"{one['name']}, compute capability {one['compute_capability']}, {one['total_memory'] >> 20} MiB.")
    libraries = ", ".join(f"{name} {version or '(no version)'}" for name, version in found.get("libraries", []))
    return lines + ([f"Libraries: {libraries}."] if libraries else [])


def markdown(about, checks, measured):
    failed = [check for check in checks if not check["holds"]]
    lines = ["# Eidos on a GPU", ""]
    if about["dry_run"]:
        lines += ["**A dry run: the CPU plays the device. No number here is that of a GPU, and no time means anything.**", ""]
    lines.append(f"Commit {about['commit']}, {about['date']}, Python {about['python']}; {about['wall']:.0f} s in all.")
    lines += devices(measured.get("device", {}))
    if measured.get("nvidia-smi"):
        lines.append(f"nvidia-smi: {measured['nvidia-smi']}.")
    if about["host"]:
        lines.append(f"Host: {about['host']}.")
    if "ceiling" in measured and not about["dry_run"]:
        lines += ["", f"The ceiling, measured in this run with PyTorch {measured['ceiling']['torch']}: {ceiling(measured['ceiling'])}."]
    lines += ["", f"## {len(checks) - len(failed)} of {len(checks)} checks hold", ""]
    lines += [f"* FAILED {check['check']}: {check['said']}" for check in failed]
    if not about["dry_run"]:
        lines += ["", "## Times", "", *table(measured)]
    if "kernels" in measured:
        kernels = measured["kernels"]
        lines += ["", "## Kernels of one batch", "", "| kernel | launches | microseconds |", "|---|---|---|"]
        lines += [f"| `{name}` | {count} | {time / 1e3:.1f} |" for name, count, time in kernels["kernels"][:25]]
        share = kernels["busy_share"]
        lines += ["", f"{kernels['launches']} launches, {kernels['busy_seconds'] * 1e3:.2f} ms" + (f", {share:.0%} of the time of that batch." if share else ".")]
    if "profile" in measured and not about["dry_run"]:
        lines += ["", "## Stages, seconds", ""] + [f"* {name}: {value}" for name, value in measured["profile"].items()]
    lines += ["", "## Checks", ""] + [f"* {'ok' if check['holds'] else 'FAILED'} {check['check']}: {check['said']}" for check in checks]
    lines += ["", "## Seconds of each section", ""] + [f"* {name}: {seconds}" for name, seconds in about["seconds"].items()]
    return "\n".join(lines) + "\n"


def write(folder, about, checks, measured):
    if about["dry_run"]:
        # Times of a stand-in must not be taken for those of a device.
        measured = {name: value for name, value in measured.items() if name in ("device", "sizes")}
    (folder / "report.json").write_text(json.dumps({**about, "checks": checks, "measured": measured}, indent=1))
    (folder / "report.md").write_text(markdown(about, checks, measured))


def test():
    """Counts the operations of a model by hand, and names what was found as a person would."""
    config = dict(hidden_size=4, intermediate_size=8, num_attention_heads=2, num_key_value_heads=1, head_dim=2)
    found = flops(config, 3, 10, 60, False)
    expected = 3 * (2 * (4 * 4 + 4 * 2 + 4 * 2 + 4 * 4 + 3 * 4 * 8) * 10 + 4 * 4 * 60)
    if found != expected:
        raise AssertionError(found)
    gpu = {"name": "GPU", "compute_capability": "8.0", "total_memory": 3 << 20}
    said = devices({"devices": [gpu], "libraries": [["driver", "13.0"], ["cuBLAS", None]]})
    if said != ["GPU, compute capability 8.0, 3 MiB.", "Libraries: driver 13.0, cuBLAS (no version)."] or devices({}):
        raise AssertionError(said)
