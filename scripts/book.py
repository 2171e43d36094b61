#!/usr/bin/env python3
"""Prepares what mdBook makes the book of: the pages of docs, and what they link to outside of docs, so that no link leads nowhere.

    scripts/book.py FOLDER [LANGUAGE=PAGE ...]    writes the sources of the book to FOLDER, with these references on the page of references
    scripts/book.py --check                       prepares them for nothing, and fails where a link of a page leads nowhere

Pages outside of docs (the READMEs of the bindings, the changelog) become pages of the book; a file or a folder becomes a copy below
`source/`, a folder as a page that lists it.
"""

import os
import pathlib
import re
import shutil
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
LINK = re.compile(r"(\[(?:[^\]\[]|\[[^\]]*\])*\]\()([^)\s]+)(\))")
BLOCK = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)


def place(path):
    """Where a file of the repository lies in the book."""
    if path.is_relative_to(DOCS):
        return path.relative_to(DOCS)
    inside = pathlib.Path("source") / path.relative_to(ROOT)
    # mdBook gives a page of the name README another one.
    return inside / "index.md" if path.is_dir() else inside.with_name("about.md") if inside.name == "README.md" else inside


def rewritten(text, page, found):
    """A page with its links as they are in the book; `found` receives the files that they lead to."""

    def link(match):
        before, address, after = match.groups()
        name, _, anchor = address.partition("#")
        if re.match(r"[a-z]+:", address) or not name:
            return match.group()
        target = (page.parent / name).resolve()
        if not target.exists() or not target.is_relative_to(ROOT):
            return match.group()
        found.append(target)
        there = os.path.relpath(place(target), place(page).parent)
        return before + there + ("#" + anchor if anchor else "") + after

    # What is inside a block of code is no link.
    pieces = []
    end = 0
    for block in BLOCK.finditer(text):
        pieces += [LINK.sub(link, text[end : block.start()]), block.group()]
        end = block.end()
    return "".join(pieces) + LINK.sub(link, text[end:])


def listing(folder):
    """A page that lists what git knows in a folder of the repository."""
    names = sorted(entry.name for entry in folder.iterdir() if not entry.name.startswith("."))
    return f"# {folder.relative_to(ROOT)}\n\n" + "".join(f"* [{name}]({name})\n" for name in names if (folder / name).is_file())


def prepare(out, references):
    shutil.rmtree(out, ignore_errors=True)
    waiting, seen = sorted(DOCS.rglob("*")), set()
    outside = []
    while waiting:
        path = waiting.pop(0)
        if path in seen or (path.is_dir() and path.is_relative_to(DOCS)):
            continue
        seen.add(path)
        found = []
        to = out / place(path)
        to.parent.mkdir(parents=True, exist_ok=True)
        if path.is_dir() or path.suffix == ".md":
            text = listing(path) if path.is_dir() else path.read_text(encoding="utf-8")
            # A folder is listed as the page `index.md` inside it, from which its links lead.
            text = rewritten(text, path / "index.md" if path.is_dir() else path, found)
            if path == DOCS / "guide/reference.md" and references:
                lines = "".join(f"| {name} | [{page}](../{page}) |\n" for name, page in references)
                text += "\n## In this book\n\n| language | page |\n|---|---|\n" + lines
            to.write_text(text, encoding="utf-8")
            if not path.is_relative_to(DOCS):
                outside.append(path)
        else:
            shutil.copyfile(path, to)
        waiting += found
    # mdBook makes pages of what the summary names, and copies all else as it is.
    summary = out / "SUMMARY.md"
    pages = "".join(f"- [{path.relative_to(ROOT)}]({place(path)})\n" for path in sorted(outside))
    summary.write_text(summary.read_text(encoding="utf-8") + "\n# In the repository\n\n" + pages, encoding="utf-8")


def broken(out):
    for page in out.rglob("*.md"):
        text = BLOCK.sub("", page.read_text(encoding="utf-8"))
        for _, address, _ in LINK.findall(text):
            name = address.partition("#")[0]
            if name and not re.match(r"[a-z]+:", address) and not (page.parent / name).exists():
                yield f"{page.relative_to(out)}: {address} leads out of the book"


def main():
    if sys.argv[1:] == ["--check"]:
        with tempfile.TemporaryDirectory() as folder:
            out = pathlib.Path(folder) / "book"
            prepare(out, [])
            wrong = list(broken(out))
        if wrong:
            sys.exit("\n".join(wrong))
        return
    references = [argument.split("=", 1) for argument in sys.argv[2:]]
    prepare(pathlib.Path(sys.argv[1]), references)


if __name__ == "__main__":
    main()
