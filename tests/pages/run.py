#!/usr/bin/env python3
"""Runs the blocks of code of every page in a language: run.py c | cpp | julia | node | rust | sh

`blocks.py` says what is a program. In Julia a comment behind an expression that is `true`, a string or a tuple is its value. Programs run
in a folder with `assets`, a corpus and a dictionary; a chat server, and a hub's cache with tiny files, stand in for the network, and what
is built stands in for cargo. EIDOS_LIBRARY is the libeidos.so to test.
"""

import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

import stand_ins
from blocks import HERE, LANGUAGES, ROOT, compose, pages, programs, template_of

LIBRARY = pathlib.Path(os.environ.get("EIDOS_LIBRARY", ROOT / "target/release/libeidos.so")).resolve()
CLAIM = re.compile(r"^(\S.*?)\s+# (true|\".*\"|\(.*\))(, .*)?$")
STRICT = ["-Wall", "-Wextra", "-Wpedantic", "-Werror", f"-I{ROOT}/include", f"-I{ROOT}/bindings/cpp/include"]
LINKED = [str(LIBRARY), f"-Wl,-rpath,{LIBRARY.parent}", "-ldl"]


def furnish(folder):
    """Puts into a folder what programs and commands of the pages find there."""
    if not (folder / "assets").exists():
        (folder / "assets").symlink_to(ROOT / "assets")
    texts = (ROOT / "assets/demo-texts.txt").read_text(encoding="utf-8").splitlines(keepends=True)
    (folder / "corpus.txt").write_text("".join(texts[:40]), encoding="utf-8")
    shutil.copytree(ROOT / "tests/golden/data/dictionaries/sae_lens_standard", folder / "downloads/my_sae")
    shutil.copy(ROOT / "bindings/cpp/tests/installed/app.c", folder / "program.c")


def call(program, command, folder, environment):
    run = subprocess.run(command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    program.compare(run.stdout, run.returncode, run.stderr)


def compiled(program, command, folder, environment):
    run = subprocess.run(command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if run.returncode != 0:
        sys.exit(f"{program.place}: it does not compile\n{program.located(run.stdout)}")


def unused(program, option):
    """What a compiler is told of blocks that declare something for their reader, and do not use it."""
    return [] if program.blocks[0].is_whole else [option]


def run_c(program, folder, environment):
    (folder / "program.c").write_text(program.code, encoding="utf-8")
    compiled(program, ["gcc", "-std=c11", *STRICT, "program.c", "-o", "program", *LINKED], folder, environment)
    call(program, ["./program"], folder, environment)


def run_cpp(program, folder, environment):
    (folder / "program.cpp").write_text(program.code, encoding="utf-8")
    strict = [*STRICT, *unused(program, "-Wno-unused-variable")]
    compiled(program, ["g++", "-std=c++20", *strict, "program.cpp", "-o", "program", *LINKED], folder, environment)
    call(program, ["./program"], folder, environment)


def run_rust(program, folder, environment):
    (folder / "program.rs").write_text(program.code, encoding="utf-8")
    found = [f"--extern=eidos={LIBRARY.parent}/libeidos.rlib", f"-Ldependency={LIBRARY.parent}/deps"]
    compiled(program, ["rustc", "--edition=2024", "-Dwarnings", *unused(program, "-Aunused"), *found, "program.rs"], folder, environment)
    call(program, ["./program"], folder, environment)


def run_node(program, folder, environment):
    """Runs a program with the package beside it. One in TypeScript is checked as strictly as the package."""
    package = ROOT / "bindings/node"
    (folder / "node_modules/@eidos").mkdir(parents=True)
    (folder / "node_modules/@eidos/eidos").symlink_to(package)
    typed = program.blocks[0].language == "ts"
    (folder / ("program.mts" if typed else "program.mjs")).write_text(program.code, encoding="utf-8")
    if typed:
        (folder / "node_modules/@types").symlink_to(package / "node_modules/@types")
        checks = ["--strict", "--exactOptionalPropertyTypes", "--noUncheckedIndexedAccess", "--noPropertyAccessFromIndexSignature"]
        made = ["--target", "es2022", "--module", "nodenext", "--types", "node", "program.mts"]
        compiled(program, ["node", str(package / "node_modules/typescript/lib/tsc.js"), *checks, *made], folder, environment)
    call(program, ["node", "program.mjs"], folder, environment)


def julia_text(text):
    return json.dumps(text, ensure_ascii=False).replace("$", "\\$")


def run_julia(all_programs, folder, environment):
    """Runs the pages in one process, since Julia compiles what a program uses: each page is a module. Its blocks are files of their
    own, whose lines have the numbers that they have on the page."""
    code = [
        "function claim(page, expression, claimed, place)",
        "    found = repr(include_string(page, expression))",
        '    found == claimed || error("$place: $expression is $found instead of $claimed")',
        "end",
    ]

    def include(number, name, text):
        file = folder / (name.replace("/", "-") + ".jl")
        file.write_text(text, encoding="utf-8")
        code.append(f'Base.include(Page{number}, "{file}")')

    furnish(folder)
    claims = 0
    for number, program in enumerate(all_programs):
        code.append(f"module Page{number} end")
        template = template_of(program.blocks[0])
        around = template.read_text(encoding="utf-8") if template.exists() else ""
        before, _, after = around.partition("# BLOCKS\n")
        include(number, f"before-{program.page}", before)
        for block in program.blocks:
            include(number, block.place, "\n" * (block.line - 1) + block.code)
            for offset, line in enumerate(block.code.splitlines()):
                if found := CLAIM.match(line):
                    claims += 1
                    place = f"{block.page}:{block.line + offset}"
                    code.append(f"claim(Page{number}, {julia_text(found[1])}, {julia_text(found[2])}, {julia_text(place)})")
        include(number, f"after-{program.page}", after)
        code.append(r'print("\x1e")')
    (folder / "program.jl").write_text("\n".join(code), encoding="utf-8")
    command = ["julia", "-O1", "--startup-file=no", f"--project={ROOT}/bindings/julia/Eidos", "program.jl"]
    run = subprocess.run(command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    printed = run.stdout.split("\x1e")
    for program, text in zip(all_programs, printed):
        whole = run.returncode == 0 or text is not printed[-1]
        program.compare(text, 0 if whole else run.returncode, "" if whole else run.stderr)
    if run.returncode != 0:
        sys.exit(f"Julia ended with {run.returncode} behind the last page\n{run.stderr}")
    if claims < 3:
        sys.exit("the pages in Julia claim no values")


def clone(folder, home):
    """A folder that looks like a clone which is built, with what stands in for cargo and sudo in its home."""
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout.split()
    for name in {name.split("/")[0] for name in listed}:
        (folder / name).symlink_to(ROOT / name)
    (home / "bin").mkdir()
    for name in ("cargo", "sudo"):
        (home / "bin" / name).symlink_to(HERE / f"{name}.sh")


def run_sh(all_programs, folder, environment):
    """Runs the commands of the pages and their projects for CMake, in one home. Nothing is compiled but the programs of the pages."""
    home = folder / "home"
    (folder / "clone").mkdir()
    home.mkdir()
    clone(folder / "clone", home)
    furnish(folder / "clone")
    environment = {**environment, "HOME": str(home), "PATH": f"{home}/bin:{os.environ['PATH']}", "CMAKE_PREFIX_PATH": f"{home}/eidos"}
    environment["STAND_IN_LIBRARY"] = environment.pop("EIDOS_LIBRARY")
    environment.pop("LD_LIBRARY_PATH")
    # The commands of a page come first: they install what its projects find.
    for program in sorted(all_programs, key=lambda program: (program.page, program.blocks[0].language != "sh")):
        if program.blocks[0].language == "sh":
            call(program, ["bash", "-euo", "pipefail", "-c", program.code], folder / "clone", environment)
            continue
        project = folder / f"project-{program.blocks[0].line}"
        project.mkdir()
        (project / "eidos").symlink_to(folder / "clone")
        furnish(project)
        template = template_of(program.blocks[0]).read_text(encoding="utf-8")
        (project / "CMakeLists.txt").write_text(template.replace("# BLOCKS", program.code), encoding="utf-8")
        compiled(program, ["cmake", "-S", str(project), "-B", str(project / "build")], project, environment)
        compiled(program, ["cmake", "--build", str(project / "build")], project, environment)
        call(program, [str(project / "build/my-program")], project, environment)


RUNNERS = {"c": run_c, "cpp": run_cpp, "rust": run_rust, "node": run_node}
TOGETHER = {"julia": run_julia, "sh": run_sh}


def run(language):
    found = [program for _, blocks in pages() for program in programs(blocks)]
    found = [program for program in found if LANGUAGES[program.blocks[0].language][0] == language]
    if not found:
        sys.exit(f"no page has a program in {language}")
    with tempfile.TemporaryDirectory() as name:
        temporary = pathlib.Path(name)
        stand_ins.fill_cache(temporary / "hub")
        environment = {
            **os.environ,
            "EIDOS_LIBRARY": str(LIBRARY), "LD_LIBRARY_PATH": str(LIBRARY.parent),
            "HF_HOME": str(temporary / "hub"), "HF_HUB_OFFLINE": "1",
            "OPENAI_BASE_URL": stand_ins.serve_chat(), "OPENAI_API_KEY": "stand-in", "NO_PROXY": "127.0.0.1",
        }
        # What make tells its own jobs is not for those of a page.
        for name in ("HF_HUB_CACHE", "MAKEFLAGS", "MAKELEVEL"):
            environment.pop(name, None)
        for program in found:
            compose(program)
        if language in TOGETHER:
            folder = temporary / "together"
            folder.mkdir()
            TOGETHER[language](found, folder, environment)
            return
        for number, program in enumerate(found):
            folder = temporary / str(number)
            folder.mkdir()
            furnish(folder)
            RUNNERS[language](program, folder, environment)


if __name__ == "__main__":
    if len(sys.argv) != 2 or sys.argv[1] not in {*RUNNERS, *TOGETHER}:
        sys.exit(__doc__)
    run(sys.argv[1])
