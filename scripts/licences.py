#!/usr/bin/env python3
"""Writes THIRD-PARTY-LICENSES.txt: what is inside the library, under which licence, and the texts of these licences.

    scripts/licences.py            writes the file anew
    scripts/licences.py --check    fails when the file is not what would be written

The library is what `cargo build --release` makes for the systems that Eidos runs on, with all features. The texts are those that
the crates come with, and what they brought along (Oniguruma in onig_sys); a text that several share stands there once.
"""

import json
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
FILE = ROOT / "THIRD-PARTY-LICENSES.txt"
SYSTEMS = ["x86_64-unknown-linux-gnu", "aarch64-unknown-linux-gnu", "aarch64-apple-darwin", "x86_64-pc-windows-msvc"]
PLAIN = {"", ".txt", ".md", ".apache", ".mit"}
NAMES = re.compile(r"^(licen[cs]e|copying|copyright|notice|unlicense)", re.IGNORECASE)


def main():
    crates = inside_the_library()
    written = text_of(crates)
    if "--check" not in sys.argv[1:]:
        FILE.write_text(written, encoding="utf-8")
        return
    if not FILE.exists() or FILE.read_text(encoding="utf-8") != written:
        sys.exit(f"{FILE.name} is not of these dependencies; write it anew: scripts/licences.py")


def inside_the_library():
    """The packages that are linked into the library, by name and version."""
    command = ["cargo", "metadata", "--format-version=1", "--locked", "--features", "hub,chat,demo-model,parquet,cuda"]
    platforms = [argument for system in SYSTEMS for argument in ("--filter-platform", system)]
    found = json.loads(subprocess.run(command + platforms, cwd=ROOT, check=True, stdout=subprocess.PIPE).stdout)
    packages = {package["id"]: package for package in found["packages"]}
    edges = {node["id"]: node["deps"] for node in found["resolve"]["nodes"]}
    own = next(package["id"] for package in found["packages"] if package["name"] == "eidos")
    reached, open_ends = set(), [own]
    while open_ends:
        package = open_ends.pop()
        if package in reached or any("proc-macro" in target["kind"] for target in packages[package]["targets"]):
            continue  # a macro runs in the compiler
        reached.add(package)
        open_ends += [edge["pkg"] for edge in edges[package] if any(kind["kind"] is None for kind in edge["dep_kinds"])]
    reached.discard(own)
    others = [packages[package] for package in reached if packages[package]["source"]]
    return sorted(others, key=lambda package: (package["name"], package["version"]))


def text_of(crates):
    lines = [
        "The library contains the following packages besides Eidos itself, which is MIT OR Apache-2.0, and Rust's standard library,",
        "which is MIT OR Apache-2.0 too (https://github.com/rust-lang/rust).",
        "Written by scripts/licences.py; do not edit.",
        "",
    ]
    holders = {}
    for crate in crates:
        lines.append(f"{crate['name']} {crate['version']}: {crate['license']} ({crate['repository'] or 'no repository'})")
        folder = pathlib.Path(crate["manifest_path"]).parent
        for file in sorted(path for path in folder.rglob("*") if NAMES.match(path.name) and path.suffix in PLAIN and path.is_file()):
            text = "\n".join(line.rstrip() for line in file.read_text(encoding="utf-8", errors="replace").strip().splitlines())
            holders.setdefault(text, []).append(f"{crate['name']} {crate['version']}")
    for text, names in sorted(holders.items(), key=lambda item: item[1]):
        lines += ["", "-" * 100, ", ".join(dict.fromkeys(names)), "-" * 100, "", text]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
