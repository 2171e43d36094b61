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
cp -r bindings/julia/Eidos "$out/bindings/julia/"
ln -s "$PWD/include" "$PWD/tests" "$PWD/assets" "$out/"

for threads in 1 4; do
    say "Pkg.test(), JULIA_NUM_THREADS=$threads"
    JULIA_NUM_THREADS=$threads julia --startup-file=no --project="$out/bindings/julia/Eidos" -e 'using Pkg; Pkg.test()'
done

library_folder=$(dirname "$EIDOS_LIBRARY")
compare() { # an example and its arguments, in which FOLDER stands for a folder of its own
    local example=$1
    shift
    say "the example $example prints and writes what that of C does"
    mkdir -p "$out/$example/c" "$out/$example/julia"
    gcc -std=c99 -Iinclude "examples/c/$example.c" -o "$out/$example/program" -L"$library_folder" -leidos -lm \
        -Wl,-rpath,"$library_folder"
    "$out/$example/program" "${@/FOLDER/$out/$example/c}" >"$out/$example/c.txt" 2>/dev/null
    julia --startup-file=no --project=bindings/julia/Eidos "examples/julia/$example.jl" \
        "${@/FOLDER/$out/$example/julia}" >"$out/$example/julia.txt"
    diff "$out/$example/c.txt" "$out/$example/julia.txt"
    diff -r "$out/$example/c" "$out/$example/julia"
}
compare modules
compare concepts eidos:demo model.layers.2.mlp assets/demo-texts.txt FOLDER
compare own_activations
compare resume FOLDER
compare labels
compare steering
say "Julia says what C says"
