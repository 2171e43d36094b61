#!/usr/bin/env python3
"""Fails where a block of code of a page is neither run by a test nor named with the reason in `blocks.py`, and where a command that a page
shows names a target of make, a file or a test that is not there."""

import re
import subprocess
import sys

from blocks import HERE, LANGUAGES, ROOT, SHOWN, compose, pages, programs, template_of


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
    left = {path for path in HERE.iterdir() if path.suffix in {suffix for _, suffix in LANGUAGES.values()} - {".sh"}}
    for page, blocks in pages():
        wrong += overlooked(page, blocks)
        ran = []
        for program in programs(blocks):
            compose(program)
            ran += [block.place for block in [*program.blocks, program.expected] if block]
            left.discard(template_of(program.blocks[0]))
        for block in blocks:
            if block.place not in ran and not block.reason:
                wrong.append(f"{block.place}: no test runs this block, and tests/pages/blocks.py does not say why")
            if block.language == "sh":
                wrong += misnamed(block)
        for beginning in SHOWN.get(page, {}):
            count = sum(block.code.startswith(beginning) for block in blocks)
            if count != 1:
                wrong.append(f"{page} has {count} blocks that begin with `{beginning}`, of which one is named as not run")
    wrong += [f"no page presupposes {path.relative_to(ROOT)}" for path in sorted(left)]
    if wrong:
        sys.exit("\n".join(wrong))


if __name__ == "__main__":
    check()
