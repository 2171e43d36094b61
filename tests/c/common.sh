# What the tests in C share; to be sourced. $out is a folder of this run. EIDOS_LIBRARY is the libeidos.so to test, with the
# examples in Rust beside it; by default that of target/release.
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

library=$(dirname "$(realpath -m "${EIDOS_LIBRARY:-target/release/libeidos.so}")")
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
export LD_LIBRARY_PATH=$library
strict="-Wall -Wextra -Wpedantic -Werror -Iinclude"
link="-L$library -leidos -lpthread -lm"
say() { printf '  %s\n' "$*"; }

# More than one shard: who cancels a run that is complete gets it.
head -n 32 assets/demo-texts.txt >"$out/32-texts.txt"

examples() { # suffix, texts, model, command to run under: runs the examples but `methods`; what is in some of them is eidos:demo
    local suffix=$1 texts=$2 model=$3
    shift 3
    rm -rf "$out/saved" && mkdir "$out/saved"
    "$@" "$out/modules$suffix" >"$out/output"
    "$@" "$out/concepts$suffix" "$model" model.layers.2.mlp "$texts" >"$out/output" 2>"$out/progress" || {
        cat "$out/progress"
        return 1
    }
    "$@" "$out/explain$suffix" "$model" model.layers.2.mlp "$texts" >"$out/output" 2>"$out/progress" || {
        cat "$out/progress"
        return 1
    }
    "$@" "$out/own_activations$suffix" >"$out/output"
    "$@" "$out/labels$suffix" - "$model" model.layers.2.mlp "$texts" >"$out/output"
    "$@" "$out/steering$suffix" "$texts" >"$out/output"
    grep -qx 'from the rows as they are, the same logits: yes' "$out/output"
    "$@" "$out/resume$suffix" "$out/saved" "$out/32-texts.txt" >"$out/output"
    grep -qx 'first run: cancelled' "$out/output"
}
