#!/usr/bin/env bash
# The tests of the Julia package, and its examples beside those of C. Needs the library (`cargo build --release`), Julia
# (`scripts/install-julia.sh`) and gcc; the network is not used and nothing is installed.
set -euo pipefail
root=$(realpath "$(dirname "$0")/../..")
EIDOS_LIBRARY=$(realpath -m "${EIDOS_LIBRARY:-$root/target/release/libeidos.so}")
export EIDOS_LIBRARY
cd "$root"
[ -f "$EIDOS_LIBRARY" ] || {
    echo "there is no $EIDOS_LIBRARY: run cargo build --release" >&2
    exit 1
}
say() { printf '  %s\n' "$*"; }

out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT

# A depot of its own, with a registry that knows no package: Pkg wants one, even where only the standard library is needed.
export JULIA_DEPOT_PATH=$out/depot JULIA_PKG_OFFLINE=true JULIA_PKG_SERVER=
mkdir -p "$out/depot/registries/Empty"
cat >"$out/depot/registries/Empty/Registry.toml" <<'END'
name = "Empty"
uuid = "f0b4a5a4-9f6a-4e6c-8a52-6c1f7d6a1c3e"
repo = ""
[packages]
END
# Pkg writes a manifest beside the package, so it tests a copy, which finds the rest of the repository where it was.
mkdir -p "$out/bindings/julia"
cp -r bindings/julia/Eidos bindings/julia/README.md "$out/bindings/julia/"
ln -s "$PWD/include" "$PWD/tests" "$PWD/assets" "$out/"

# With a single thread of Julia's, what may wait for another one: callbacks, tasks and finalizers. Most of the time is compiling, and
# a third of that is saved where it optimises less.
for run in "4 1" "1 2 activations control labels lifetimes spread tasks"; do
    read -r threads level files <<<"$run"
    say "Pkg.test(), JULIA_NUM_THREADS=$threads, -O$level, ${files:-all files}"
    JULIA_NUM_THREADS=$threads julia --startup-file=no --project="$out/bindings/julia/Eidos" \
        -e 'using Pkg; Pkg.test(; julia_args = `$(popfirst!(ARGS))`, test_args = ARGS)' -- "-O$level" $files
done

say "the blocks of the pages in Julia"
tests/pages/run.py julia
say "the examples print and write what those of C do"
tests/examples/run.sh julia julia -O1 --startup-file=no --project=bindings/julia/Eidos examples/julia/NAME.jl
say "Julia says what C says"
