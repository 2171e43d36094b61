#!/usr/bin/env python3
"""Runs the code of the guide, docs/guide: guide.py c | cpp | julia | node

Each block of code in a language is a whole program. It must print what the next block of text says. The blocks in Rust are run by rustdoc,
and those of the console by the tests of the command. EIDOS_LIBRARY is the libeidos.so to test.
"""

import os
import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
LIBRARY = pathlib.Path(os.environ.get("EIDOS_LIBRARY", ROOT / "target/release/libeidos.so")).resolve()
FENCES = {"c": "c", "cpp": "cpp", "julia": "julia", "node": "js"}
STRICT = ["-Wall", "-Wextra", "-Wpedantic", "-Werror", f"-I{ROOT}/include", f"-I{ROOT}/bindings/cpp/include"]
LINKED = [str(LIBRARY), f"-Wl,-rpath,{LIBRARY.parent}", "-ldl"]


def programs(fence):
    """The programs in a language: chapter and line, code, and what it prints."""
    for chapter in sorted((ROOT / "docs/guide").glob("*.md")):
        text = chapter.read_text(encoding="utf-8")
        for block in re.finditer(rf"^```{fence}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
            printed = re.search(r"^```text\n(.*?)^```$", text[block.end():], re.MULTILINE | re.DOTALL)
            if printed is None:
                sys.exit(f"{chapter.name}: a program in {fence} is not followed by what it prints")
            yield f"{chapter.name}:{text.count(chr(10), 0, block.start()) + 1}", block[1], printed[1]


def command(language, folder, code):
    """What runs a program in a folder."""
    if language == "julia":
        return ["julia", "-O1", "--startup-file=no", f"--project={ROOT}/bindings/julia/Eidos", "-e", code]
    if language == "node":
        (folder / "node_modules/@eidos").mkdir(parents=True)
        (folder / "node_modules/@eidos/eidos").symlink_to(ROOT / "bindings/node")
        (folder / "program.mjs").write_text(code, encoding="utf-8")
        return ["node", "program.mjs"]
    source = folder / f"program.{language}"
    source.write_text(code, encoding="utf-8")
    compiler = ["gcc", "-std=c11"] if language == "c" else ["g++", "-std=c++20"]
    subprocess.run([*compiler, *STRICT, str(source), "-o", str(folder / "program"), *LINKED], check=True)
    return [str(folder / "program")]


def main(language):
    count = 0
    environment = {**os.environ, "EIDOS_LIBRARY": str(LIBRARY), "LD_LIBRARY_PATH": str(LIBRARY.parent)}
    for place, code, expected in programs(FENCES[language]):
        with tempfile.TemporaryDirectory() as name:
            folder = pathlib.Path(name)
            (folder / "assets").symlink_to(ROOT / "assets")
            run = subprocess.run(command(language, folder, code), cwd=folder, env=environment, stdout=subprocess.PIPE, text=True)
        if run.returncode != 0 or run.stdout != expected:
            sys.exit(f"{place}: the program ended with {run.returncode} and printed\n{run.stdout}instead of\n{expected}")
        count += 1
    if count == 0:
        sys.exit(f"the guide has no program in {language}")


if __name__ == "__main__":
    main(sys.argv[1])
