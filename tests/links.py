#!/usr/bin/env python3
"""Checks that links between the pages lead somewhere: files that exist, and headings that are there."""

import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
LINK = re.compile(r"\[(?:[^\]\[]|\[[^\]]*\])*\]\(([^)\s]+)\)")


def headings(page):
    """The anchors of a page, as GitHub and mdBook make them."""
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    titles = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def broken(page):
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    for link in LINK.findall(text):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists():
            yield f"{link}: there is no such file"
        elif anchor and target.suffix == ".md" and anchor not in headings(target):
            yield f"{link}: there is no such heading"


def main():
    listed = subprocess.run(["git", "ls-files", "*.md"], cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout.split()
    wrong = [f"{name}: {problem}" for name in listed for problem in broken(ROOT / name)]
    summary = (ROOT / "docs/SUMMARY.md").read_text(encoding="utf-8")
    wrong += [
        f"docs/SUMMARY.md lacks {name}"
        for name in listed
        if name.startswith("docs/") and name != "docs/SUMMARY.md" and f"({name.removeprefix('docs/')})" not in summary
    ]
    if wrong:
        sys.exit("\n".join(wrong))


if __name__ == "__main__":
    main()
