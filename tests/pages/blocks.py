"""The blocks of code of the pages, and the programs that they are.

A block that is a whole program is run as it is. The others of a page, in one language, are one program: each sees what those before it
have declared, and what the page presupposes is written in `tests/pages/<page>.<suffix>`, where a line with BLOCKS stands for them. What
follows as a block of text is what the program prints; a line with `prints: ...` in such a file says what it prints at least.
"""

import dataclasses
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
HERE = ROOT / "tests/pages"

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
    "docs/command.md": {"cargo install": "compiles everything anew; cargo builds the same for cli/tests"},
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
