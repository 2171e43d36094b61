"""The kernels of one batch, by name, from Nsight Compute's log."""
import csv
import glob
import io
import shutil

NANOSECONDS = {"ns": 1, "nsecond": 1, "us": 1e3, "usecond": 1e3, "ms": 1e6, "msecond": 1e6, "s": 1e9, "second": 1e9}


def find():
    """The profiler, where it is usually installed."""
    places = ["/usr/local/cuda*/bin/ncu", "/opt/nvidia/nsight-compute/*/ncu"]
    return shutil.which("ncu") or next((path for place in places for path in sorted(glob.glob(place))), None)


def parse(text):
    """Kernel names with how often each ran and for how many nanoseconds, the longest first."""
    lines = [line for line in text.splitlines() if line.startswith('"')]
    kernels = {}
    for row in csv.DictReader(io.StringIO("\n".join(lines))):
        if row.get("Metric Name") != "gpu__time_duration.sum":
            continue
        time = float(row["Metric Value"].replace(",", "")) * NANOSECONDS[row["Metric Unit"]]
        name = row["Kernel Name"].split("(")[0].split("<")[0].removeprefix("void ").strip()
        count, total = kernels.get(name, (0, 0.0))
        kernels[name] = (count + 1, total + time)
    return sorted(([name, *values] for name, values in kernels.items()), key=lambda kernel: -kernel[2])


def run(kit, words):
    """Profiles the batch that the program puts between its marks."""
    profiler = find()
    if profiler is None:
        kit.say("       profile: no ncu here, so no times of kernels")
        return
    log = kit.work / "ncu.csv"
    command = [profiler, "--profile-from-start", "off", "--clock-control", "none", "--metrics", "gpu__time_duration.sum", "--csv"]
    program = [kit.bin / "cuda", "profile", "--device", kit.device, "--one-batch", *words]
    kit.run(*command, "--log-file", log, *program, name="ncu")
    kernels = parse(log.read_text(errors="replace")) if log.exists() else []
    if not kernels:
        kit.say("       profile: ncu gave no kernels; see log.txt")
        return
    busy = sum(kernel[2] for kernel in kernels) / 1e9
    # The time of the same batch without the profiler, from the run before.
    one = kit.measured.get("profile", {}).get("one_batch")
    kit.measured["kernels"] = {"kernels": kernels, "launches": sum(kernel[1] for kernel in kernels), "busy_seconds": busy, "busy_share": busy / one if one else None}
    for name, count, time in kernels[:20]:
        kit.say(f"       {time / 1e3:10.1f} us  {count:5d} x  {name}")


def test():
    """Reads a log as the profiler writes it."""
    log = (
        '==PROF== Connected\n"ID","Kernel Name","Metric Name","Metric Unit","Metric Value"\n'
        '"0","void norm_bf16<4>(float*)","gpu__time_duration.sum","ns","1,500"\n'
        '"1","gemm(int)","gpu__time_duration.sum","us","2.5"\n"2","norm_bf16","gpu__time_duration.sum","ns","500"\n'
    )
    found = parse(log)
    if found != [["gemm", 1, 2500.0], ["norm_bf16", 2, 2000.0]]:
        raise AssertionError(found)
