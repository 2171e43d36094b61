"""Checks and measures Eidos on one GPU, once: what scripts/check-cuda.sh runs. Needs Python alone; the peers need PyTorch.

Each section runs in processes of its own and within its own time, so that what hangs or crashes costs itself and nothing else. On a
GPU those that measure neither time nor memory run at the same time. The report is report.md and report.json in the output folder, log.txt is all that was printed.
"""
import argparse
import copy
import datetime
import glob
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import types

import profile_kernels
import report
import sections


class Kit:
    """The run: where things are, how much time is left, and what was found."""

    def __init__(self, arguments):
        self.root, self.bin = arguments.root.resolve(), arguments.bin.resolve()
        self.library = arguments.library.resolve() if arguments.library else self.bin / "libeidos.so"
        self.small, self.device = arguments.dry_run, arguments.device
        self.out = arguments.out.resolve()
        self.out.mkdir(parents=True, exist_ok=True)
        self.work = pathlib.Path(tempfile.mkdtemp(prefix="eidos-cuda-"))
        self.start = time.monotonic()
        self.end = self.start + arguments.limit * (5 if self.small else 1)
        self.log = open(self.out / "log.txt", "w", encoding="utf-8")
        self.checks, self.measured, self.times, self.section = [], {}, {}, ""
        self.until = self.end
        self.wanted = arguments.sections or sections.NAMES
        # What a section makes for later ones.
        self.made = types.SimpleNamespace()
        self.environment = self.prepare()

    def prepare(self):
        """The environment of the programs: no network, and the CUDA libraries of PyTorch's packages where no others are."""
        environment = dict(os.environ, HF_HUB_OFFLINE="1", TOKENIZERS_PARALLELISM="true", PYTHONUNBUFFERED="1")
        environment["EIDOS_GOLDEN_DATA"] = str(self.root / "tests/golden/data")
        environment.pop("RUST_BACKTRACE", None)
        if self.small:
            environment["CUDA_VISIBLE_DEVICES"] = ""
        else:
            folders = [folder for path in sys.path for folder in sorted(glob.glob(f"{path}/nvidia/*/lib"))]
            known = environment.get("LD_LIBRARY_PATH")
            environment["LD_LIBRARY_PATH"] = ":".join(([known] if known else []) + folders)
        return environment

    def say(self, text):
        print(text, flush=True)
        print(text, file=self.log, flush=True)

    def check(self, name, holds, said):
        """Notes whether something holds, as the program of Eidos does."""
        self.say(f"{'ok    ' if holds else 'FAILED'} {self.section}/{name}: {said}")
        self.checks.append({"check": f"{self.section}/{name}", "holds": bool(holds), "said": str(said)})

    def run(self, *command, name=None):
        """Runs a program within the time of its section. Returns its output, or nothing where it failed, which is noted."""
        name = name or pathlib.Path(str(command[0])).name
        left = min(self.until, self.end) - time.monotonic()
        if left <= 0:
            self.check(name, False, "there was no time left for it")
            return None
        self.log.write("$ " + " ".join(map(str, command)) + "\n")
        process = subprocess.Popen(
            [str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=self.environment,
            start_new_session=True, errors="replace",
        )
        try:
            output, complaints = process.communicate(timeout=left)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            output, complaints = process.communicate()
            self.log.write(output + complaints)
            self.check(name, False, f"ended after {left:.0f} s, the time of its section")
            return None
        self.log.write(output + complaints)
        self.log.flush()
        self.code, self.complaints = process.returncode, complaints
        return output

    def program(self, section, *words):
        """Runs a section of the program of checks: takes over what it found, also where it did not come to its end."""
        found = self.work / f"found-{self.section.replace(' ', '-')}.jsonl"
        found.unlink(missing_ok=True)
        small = ["--small"] if self.small else []
        command = [self.bin / "cuda", section, "--device", self.device, "--report", found, *small]
        output = self.run(*command, *words, name=section)
        lines = found.read_text().splitlines() if found.exists() else []
        checks = 0
        for line in map(json.loads, lines):
            if "check" in line:
                checks += 1
                self.checks.append(line)
                if not line["holds"] or not self.small:
                    self.say(f"{'ok    ' if line['holds'] else 'FAILED'} {line['check']}: {line['said']}")
            else:
                self.measured[line["measured"]] = line["value"]
        if output is not None:
            holds = self.code == 0
            said = f"{checks} checks" if holds else f"exit code {self.code}; {' '.join(self.complaints.split())[-300:]}"
            self.check(section, holds, said)
        return output is not None and self.code == 0

    def python(self, script, *words, name=None):
        """Runs a script beside this one, which prints one JSON object; gives that object."""
        output = self.run(sys.executable, self.root / "benches/cuda" / script, *words, name=name or script)
        if output is None:
            return None
        try:
            if self.code != 0:
                raise ValueError
            return json.loads(output.strip().splitlines()[-1])
        except (ValueError, IndexError):
            self.check(name or script, False, f"exit code {self.code}; {' '.join(self.complaints.split())[-300:]}")
            return None

    def has_torch(self):
        """Whether the peers can run: a run for numbers needs them, a dry run does not."""
        if not hasattr(self.made, "torch"):
            code = "import torch, transformers, tokenizers, numpy"
            self.made.torch = subprocess.run([sys.executable, "-c", code], capture_output=True, env=self.environment).returncode == 0
        return self.made.torch

    def needs_torch(self):
        """As above; where it is missing, that is noted."""
        if self.has_torch():
            return True
        said = "not run: this Python has no PyTorch, transformers, tokenizers and numpy"
        self.say(f"       {self.section}: {said}") if self.small else self.check("PyTorch", False, said)
        return False

    def all(self):
        for group in sections.GROUPS:
            group = [section for section in group if section[0] in self.wanted]
            if self.small:
                for section in group:
                    self.one(*section)
            else:
                threads = [threading.Thread(target=self.one, args=section) for section in group]
                for thread in threads:
                    thread.start()
                for thread in threads:
                    thread.join()
            self.write()

    def one(self, name, seconds, work):
        """Runs a section, whose name and time are its own; what it finds goes to the report of all."""
        kit, start = copy.copy(self), time.monotonic()
        # A GPU that is emulated takes its time.
        kit.section, kit.until = name, start + seconds * (5 if self.small else 1)
        if start >= self.end:
            kit.check("time", False, "not run: the time of the whole run is over")
            return
        try:
            work(kit)
        except Exception as error:  # One section must not take the others with it.
            kit.check("section", False, f"{type(error).__name__}: {error}")
        self.times[name] = round(time.monotonic() - start, 1)

    def write(self):
        """Writes the report of what is known so far."""
        commit = self.root / "COMMIT"
        about = {
            "dry_run": self.small,
            "date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
            "commit": commit.read_text().strip() if commit.exists() else git(self.root),
            "python": sys.version.split()[0],
            "host": host(),
            "wall": round(time.monotonic() - self.start, 1),
            "seconds": self.times,
        }
        report.write(self.out, about, self.checks, self.measured)


def host():
    """The processor beside the GPU."""
    try:
        lines = open("/proc/cpuinfo", encoding="utf-8").read().splitlines()
    except OSError:
        return ""
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return f"{len(os.sched_getaffinity(0))} cores of {names[0]}" if names else ""


def git(root):
    command = ["git", "-C", str(root), "describe", "--always", "--dirty", "--abbrev=12"]
    try:
        return subprocess.run(command, capture_output=True, text=True).stdout.strip() or "unknown"
    except OSError:
        return "unknown"


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--root", type=pathlib.Path, required=True)
    arguments.add_argument("--bin", type=pathlib.Path, required=True, help="the folder with the programs: cuda, unit")
    arguments.add_argument("--library", type=pathlib.Path)
    arguments.add_argument("--out", type=pathlib.Path, required=True)
    arguments.add_argument("--device", default="cuda:0")
    arguments.add_argument("--dry-run", action="store_true")
    names = ", ".join(sections.NAMES)
    arguments.add_argument("--sections", type=lambda words: words.split(","), help=f"some of them alone: {names}")
    arguments.add_argument("--limit", type=float, default=470, help="seconds for everything")
    arguments = arguments.parse_args()
    unknown = [name for name in arguments.sections or [] if name not in sections.NAMES]
    if unknown:
        sys.exit(f"there is no section {unknown[0]!r}: name some of {names}")
    profile_kernels.test()
    report.test()
    sections.test()
    kit = Kit(arguments)
    try:
        kit.all()
    finally:
        shutil.rmtree(kit.work, ignore_errors=True)
    failed = [check for check in kit.checks if not check["holds"]]
    kit.say(f"{len(kit.checks) - len(failed)} of {len(kit.checks)} checks hold; the report is {kit.out}/report.md")
    for check in failed:
        kit.say(f"FAILED {check['check']}: {check['said']}")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
