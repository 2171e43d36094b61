# What the tests in C share; to be sourced. $out is a folder of this run.
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

library=target/release
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
export LD_LIBRARY_PATH=$library
strict="-Wall -Wextra -Wpedantic -Werror -Iinclude"
link="-L$library -leidos -lpthread -lm"
say() { printf '  %s\n' "$*"; }

# More than one shard: who cancels a run that is complete gets it.
head -n 32 assets/demo-texts.txt >"$out/32-texts.txt"

examples() { # suffix, texts, command to run under: runs the six examples
    local suffix=$1 texts=$2
    shift 2
    rm -rf "$out/saved" && mkdir "$out/saved"
    "$@" "$out/modules$suffix" >"$out/output"
    "$@" "$out/concepts$suffix" eidos:demo model.layers.2.mlp "$texts" >"$out/output" 2>"$out/progress" || {
        cat "$out/progress"
        return 1
    }
    "$@" "$out/own_activations$suffix" >"$out/output"
    "$@" "$out/labels$suffix" - eidos:demo model.layers.2.mlp "$texts" >"$out/output"
    "$@" "$out/steering$suffix" "$texts" >"$out/output"
    grep -qx 'from the rows as they are, the same logits: yes' "$out/output"
    "$@" "$out/resume$suffix" "$out/saved" "$out/32-texts.txt" >"$out/output"
    grep -qx 'first run: cancelled' "$out/output"
}
