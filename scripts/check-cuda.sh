#!/usr/bin/env bash
# Checks and measures Eidos on the GPU of this machine, once, within about eight minutes; needs the driver, cuBLAS and a Python with
# PyTorch, transformers and scikit-learn, but no Rust, no compiler and no network. See docs/cuda.md.
#
#   scripts/check-cuda.sh [--out FOLDER] [--library PATH] [--device cuda:0]     with the programs of `make check-cuda`
#   scripts/check-cuda.sh --sections device,parity                             some sections of docs/cuda.md alone
#   scripts/check-cuda.sh --dry-run                                            the CPU plays the device, everything is small
#
# FOLDER (target/cuda-report) gets report.md, report.json and log.txt. BIN names the folder with the programs, PYTHON the Python.
# The exit code is 0 only where every check holds.
set -euo pipefail
here=$(cd "$(dirname "$0")/.." && pwd)

out=$here/target/cuda-report dry= library= device= sections=
while [ $# -gt 0 ]; do
    case $1 in
        --dry-run) dry=1 ;;
        --out | --library | --device | --sections)
            [ $# -gt 1 ] || { echo "check-cuda.sh: $1 needs a value" >&2; exit 2; }
            declare "${1#--}=$2"
            shift ;;
        *) echo "check-cuda.sh: $1 is not known; the first lines of this script say what is" >&2; exit 2 ;;
    esac
    shift
done

python=${PYTHON:-python3}
command -v "$python" >/dev/null || { echo "check-cuda.sh: there is no $python: name a Python in PYTHON" >&2; exit 2; }

# The programs: those beside this script's folder, or those of this checkout.
bin=${BIN:-$here/bin}
if [ ! -x "$bin/cuda" ]; then
    if [ -z "$dry" ]; then
        echo "check-cuda.sh: no programs in $bin: 'make check-cuda' builds them, with all that a machine with a GPU needs" >&2
        exit 2
    fi
    bin=$here/target/cuda-dry-run
    "$here/scripts/cuda-programs.sh" "$bin"
fi

words=(--root "$here" --bin "$bin" --out "$out")
if [ -n "$library" ]; then words+=(--library "$library"); fi
if [ -n "$sections" ]; then words+=(--sections "$sections"); fi
if [ -n "$dry" ]; then words+=(--dry-run); fi
words+=(--device "${device:-$([ -n "$dry" ] && echo reference || echo cuda:0)}")
exec "$python" "$here/benches/cuda/kit.py" "${words[@]}"
