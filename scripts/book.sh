#!/usr/bin/env bash
# Makes the guide (mdBook) and beside it the references: Rust (rustdoc), C and C++ (Doxygen), Node (TypeDoc), Julia (its docstrings).
# Everything lies in target/book. mdBook and TypeDoc are fetched where they are missing; without Doxygen or Julia their part is left
# out, with a line that says so.
set -euo pipefail
cd "$(dirname "$0")/.."
out=$PWD/target/book
tools=$PWD/target/tools/book
say() { printf '  %s\n' "$*"; }

mdbook=$(command -v mdbook || true)
if [ -z "$mdbook" ]; then
    mdbook=$tools/bin/mdbook
    [ -x "$mdbook" ] || cargo install --quiet --locked --root "$tools" mdbook@0.4.52
fi
# The pages of docs, with what they link to outside of docs, and on one page the references that are made below.
references=(Rust=rust/eidos/index.html)
! command -v doxygen >/dev/null || references+=("C and C++=cpp/index.html")
references+=(Node=node/index.html)
! command -v julia >/dev/null || references+=(Julia=julia/index.html)
scripts/book.py "$tools/src" "${references[@]}"
MDBOOK_BOOK__SRC=target/tools/book/src "$mdbook" build
# mdBook copies the first chapter here, whose links are those of its own folder.
cat >"$out/index.html" <<'END'
<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<title>Eidos</title>
<meta http-equiv="refresh" content="0; url=guide/start.html">
<p><a href="guide/start.html">The guide to Eidos</a></p>
</html>
END
say "the guide is in $out/index.html"

RUSTDOCFLAGS='-D warnings' cargo doc --quiet --release --no-deps --lib
mkdir -p "$out/rust"
cp -r target/doc/. "$out/rust"
say "Rust: $out/rust/eidos/index.html"

if command -v doxygen >/dev/null; then
    doxygen -q - <<END
PROJECT_NAME = Eidos
INPUT = include bindings/cpp/include
RECURSIVE = YES
FILE_PATTERNS = *.h *.hpp
EXTRACT_ALL = YES
EXCLUDE_SYMBOLS = eidos::detail*
JAVADOC_AUTOBRIEF = YES
GENERATE_LATEX = NO
HAVE_DOT = NO
OUTPUT_DIRECTORY = $out
HTML_OUTPUT = cpp
WARN_IF_UNDOCUMENTED = NO
END
    say "C and C++: $out/cpp/index.html"
else
    say "C and C++ are left out: doxygen is missing"
fi

(cd bindings/node && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >/dev/null &&
    npx --yes --package typescript@5.9.3 --package typedoc@0.28.14 typedoc --logLevel Warn --out "$out/node" src/index.ts)
say "Node: $out/node/index.html"

if command -v julia >/dev/null; then
    mkdir -p "$out/julia"
    julia --startup-file=no --project=bindings/julia/Eidos scripts/book.jl >"$out/julia/index.html"
    say "Julia: $out/julia/index.html"
else
    say "Julia is left out: julia is missing"
fi
