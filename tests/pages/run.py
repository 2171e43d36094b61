#!/usr/bin/env python3
"""Runs the blocks of code of every page: run.py check | c | cpp | julia | node | rust | sh

A block that is a whole program is run as it is. The others of a page, in one language, are one program: each sees what those before it
have declared, and what the page presupposes is written in `tests/pages/<page>.<suffix>`, where a line with BLOCKS stands for them. What
follows as a block of text is what the program prints; a line with `prints: ...` in such a file says what it prints at least. In Julia a
comment behind an expression that is `true`, a string or a tuple is its value. Programs run in a folder with `assets`, a corpus and a
dictionary; a chat server, and a hub's cache with tiny files, stand in for the network.

`check` runs nothing. It fails where a block is neither run nor named below with the reason, and where a command that a page shows names
a target, a file or a test that is not there. EIDOS_LIBRARY is the libeidos.so to test.
"""

import dataclasses
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

import stand_ins

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
HERE = ROOT / "tests/pages"
LIBRARY = pathlib.Path(os.environ.get("EIDOS_LIBRARY", ROOT / "target/release/libeidos.so")).resolve()

# What begins a block that is shown and not run here, and why.
SHOWN = {
    "CONTRIBUTING.md": {"make quick ": "the tests themselves, benchmarks and what needs a GPU or a download"},
    "README.md": {
        "texts ──►": "a drawing",
        "make demo  ": "cli/tests/command/subcommands.rs runs `eidos demo`; the rest is the tests themselves",
        "make demo MODEL": "wants a download, and a key that pays",
    },
    "benches/results/2026-11-27-amd-epyc-cpu-family-25-model-17-stepping-1.md": {"{": "numbers that were measured"},
    "bindings/julia/README.md": {
        "cargo build": "tests/examples/run.sh julia",
        "julia --project": "tests/examples/run.sh julia, with the demo model; this one wants a download",
        "Concept 4": "tests/examples/run.sh julia",
        "[Eidos]": "a preference: bindings/julia/Eidos/test/library.jl",
    },
    "bindings/node/README.md": {
        "cargo build": "bindings/node/test.sh has these commands",
        "Concept 4": "tests/examples/run.sh node",
    },
    "docs/architectures.md": {
        "cd tests/golden": "wants transformers, and a family's name in the place of <name>",
        "cargo test": "a part of `cargo test`",
    },
    "docs/command.md": {"cargo install": "cargo builds it for cli/tests"},
    "docs/cuda.md": {
        "make cuda ": "make cuda-test builds it",
        "batch = ": "a formula, which tests/cuda measures on a GPU",
        "make check-cuda": "make cuda-dry-run runs the same check",
    },
    "docs/guide/concepts.md": {"row  ≈": "a formula"},
    "docs/guide/start.md": {"cargo build": "cargo builds it for cli/tests"},
    "fuzz/README.md": {"fuzz/corpus.sh": "wants a nightly compiler"},
    "tests/cuda/emulator/README.md": {"tests/cuda/emulator/test.sh": "make cuda-emulated"},
}
# What other tests make anew and compare, by the beginning of the comment that stands before it.
COMPARED = {
    "README.md": {"a session with eidos": "cli/tests/command/documentation.rs"},
    "docs/command.md": {"eidos ": "cli/tests/command/documentation.rs"},
    "docs/examples.md": {"examples/c/concepts.c": "scripts/examples.sh", "output": "scripts/examples.sh"},
    "docs/guide/start.md": {"a session with eidos": "cli/tests/command/documentation.rs"},
}
# How a language of blocks is run, and the suffix of its programs.
LANGUAGES = {
    "c": ("c", ".c"), "cpp": ("cpp", ".cpp"), "julia": ("julia", ".jl"), "js": ("node", ".mjs"), "ts": ("node", ".mts"),
    "rust": ("rust", ".rs"), "sh": ("sh", ".sh"), "cmake": ("sh", ".cmake"),
}
# What tells a whole program; commands, projects and all of a page in Julia need nothing around them.
WHOLE = {"c": r"^int main\(", "cpp": r"^int main\(", "js": r"from '@eidos/eidos'", "rust": r"^fn main\("}
CLAIM = re.compile(r"^(\S.*?)\s+# (true|\".*\"|\(.*\))(, .*)?$")
STRICT = ["-Wall", "-Wextra", "-Wpedantic", "-Werror", f"-I{ROOT}/include", f"-I{ROOT}/bindings/cpp/include"]
LINKED = [str(LIBRARY), f"-Wl,-rpath,{LIBRARY.parent}", "-ldl"]


@dataclasses.dataclass
class Block:
    page: str
    line: int  # of its first line of code
    language: str
    code: str
    marker: str  # the comment that stands directly before it

    @property
    def place(self):
        return f"{self.page}:{self.line}"

    @property
    def reason(self):
        """Why it is not run here, if that is so."""
        shown = [why for beginning, why in SHOWN.get(self.page, {}).items() if self.code.startswith(beginning)]
        compared = [who for marker, who in COMPARED.get(self.page, {}).items() if self.marker.startswith(marker)]
        return next(iter(shown + compared), None)

    @property
    def is_whole(self):
        return self.language in WHOLE and re.search(WHOLE[self.language], self.code, re.MULTILINE) is not None


@dataclasses.dataclass
class Program:
    blocks: list
    expected: Block = None  # what it prints
    holds: list = dataclasses.field(default_factory=list)  # what that has at least
    code: str = ""
    places: list = dataclasses.field(default_factory=list)  # its lines at which a block begins, and which block that is

    @property
    def page(self):
        return self.blocks[0].page

    @property
    def place(self):
        return self.blocks[0].place

    def compare(self, printed, status=0, said=""):
        """Fails where the program did not end well or printed something else."""
        if status != 0:
            sys.exit(f"{self.place}: the program ended with {status}\n{printed[-2000:]}{self.located(said)}")
        wanted = self.expected.code if self.expected else "".join(f"{text}\n" for text in self.holds)
        if (self.expected and printed != wanted) or any(text not in printed for text in self.holds):
            sys.exit(f"{self.place}: the program printed\n{printed}instead of\n{wanted}{said}")

    def located(self, said):
        """What a compiler says, with lines of the page in the place of those of the program."""

        def line(match):
            number = int(match[2])
            block, start = next(((block, start) for start, block in reversed(self.places) if start <= number), (None, 0))
            return f"{block.page}:{block.line + number - start}" if block else match[0]

        return re.sub(r"\S*program\.(m?ts|mjs|rs)[:(](\d+)[:,]\d+\)?", line, said)


def blocks_of(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    for found in re.finditer(r"^(?:<!-- ([^\n]*) -->\n)?( *)```(\w+)\n(.*?)^\2```$", text, re.MULTILINE | re.DOTALL):
        code = re.sub(rf"^{found[2]}", "", found[4], flags=re.MULTILINE)
        yield Block(page, text.count("\n", 0, found.start(4)) + 1, found[3], code, found[1] or "")


def pages():
    """Each page with its blocks."""
    listed = subprocess.run(["git", "ls-files", "*.md"], cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout.split()
    return [(page, list(blocks_of(page))) for page in listed]


def template_of(block):
    return HERE / (block.page.removesuffix(".md").replace("/", "-") + LANGUAGES[block.language][1])


def programs(blocks):
    """The programs of a page."""
    alone, joined = [], {}
    for index, block in enumerate(blocks):
        if block.language not in LANGUAGES or block.reason:
            continue
        if block.is_whole or block.language == "cmake":
            program = Program([block])
            alone.append(program)
        else:
            program = joined.setdefault(block.language, Program([]))
            program.blocks.append(block)
        # Programs that do the same in several languages are followed by what all of them print.
        after = blocks[index + 1 :]
        while (block.is_whole or block.language == "julia") and after and after[0].language != block.language and after[0].is_whole:
            after.pop(0)
        program.expected = after[0] if after and after[0].language == "text" and not after[0].reason else None
    return alone + list(joined.values())


def compose(program):
    """Writes the code of a program: that of its block, or its blocks one within the other, where their page's file has them."""
    first = program.blocks[0]
    template = template_of(first)
    if template.exists() and not first.is_whole:
        program.holds = re.findall(r"prints: (.*)", template.read_text(encoding="utf-8"))
    if first.is_whole or first.language in ("sh", "cmake", "julia"):
        line = f'#line {first.line} "{first.page}"\n' if first.language in ("c", "cpp") else ""
        program.code = line + "".join(block.code for block in program.blocks)
        program.places = [(1, first)]
        return
    if not template.exists():
        sys.exit(f"{first.place} is not a whole program, and no {template.relative_to(ROOT)} says what it presupposes")
    code = []
    for line in template.read_text(encoding="utf-8").splitlines():
        if "BLOCKS" not in line:
            code.append(line)
            continue
        scopes = len(program.blocks) if len(program.blocks) > 1 else 0
        for block in program.blocks:
            code += ["{"] * (scopes > 0)
            if block.language in ("c", "cpp"):
                code.append(f'#line {block.line} "{block.page}"')
            program.places.append((len(code) + 1, block))
            code += block.code.splitlines()
        code += ["}"] * scopes
    program.code = "\n".join(code) + "\n"


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


def targets():
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    return {name for line in re.findall(r"^([a-z][\w -]*):", text, re.MULTILINE) for name in line.split()}


def misnamed(block):
    """What commands of a page name that is not there: targets of make, files, tests of cargo."""
    for number, line in enumerate(block.code.splitlines()):
        words = line.split("#")[0].split()
        place = f"{block.page}:{block.line + number}"
        if "make" in words[:2]:
            named = words[words.index("make") + 1]
            if named not in targets():
                yield f"{place}: the Makefile has no target {named}"
        for word in words:
            top = word.removeprefix("./").split("/")[0]
            if re.fullmatch(r"[\w./-]+/[\w./-]+", word) and top != "target" and (ROOT / top).exists() and not (ROOT / word).exists():
                yield f"{place}: there is no {word}"
        if words[:2] == ["cargo", "test"] and words[-2] not in ("-p", "--features") and not words[-1].startswith("-"):
            name = words[-1].strip(":").split("::")[-1]
            looked = ["git", "grep", "-qE", rf"(fn \w*|mod ){name}", "--", "*.rs"]
            if subprocess.run(looked, cwd=ROOT, check=False).returncode != 0:
                yield f"{place}: no test is called {words[-1]}"


def overlooked(page, blocks):
    """The places of fences that begin no block which is known: those without a language, or within quotations."""
    opened = False
    for number, line in enumerate((ROOT / page).read_text(encoding="utf-8").splitlines(), start=1):
        if line.lstrip(" >*-").startswith("```"):
            opened = not opened
            if opened and number + 1 not in [block.line for block in blocks]:
                yield f"{page}:{number}: this block does not say in which language it is, or stands where blocks are not found"


def check():
    wrong = []
    unused = {path for path in HERE.iterdir() if path.suffix in {suffix for _, suffix in LANGUAGES.values()} - {".sh"}}
    for page, blocks in pages():
        wrong += overlooked(page, blocks)
        ran = []
        for program in programs(blocks):
            compose(program)
            ran += [block.place for block in [*program.blocks, program.expected] if block]
            unused.discard(template_of(program.blocks[0]))
        for block in blocks:
            if block.place not in ran and not block.reason:
                wrong.append(f"{block.place}: no test runs this block, and {pathlib.Path(__file__).relative_to(ROOT)} does not say why")
            if block.language == "sh":
                wrong += misnamed(block)
        for beginning in SHOWN.get(page, {}):
            count = sum(block.code.startswith(beginning) for block in blocks)
            if count != 1:
                wrong.append(f"{page} has {count} blocks that begin with `{beginning}`, of which one is named as not run")
    wrong += [f"no page presupposes {path.relative_to(ROOT)}" for path in sorted(unused)]
    if wrong:
        sys.exit("\n".join(wrong))


if __name__ == "__main__":
    if len(sys.argv) != 2 or sys.argv[1] not in {"check", *RUNNERS, *TOGETHER}:
        sys.exit(__doc__)
    check() if sys.argv[1] == "check" else run(sys.argv[1])
