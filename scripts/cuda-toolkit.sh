#!/usr/bin/env bash
# Fetches the compiler of kernels into target/cuda/toolkit (104 MB, from PyPI; neither root nor a GPU is needed), where
# scripts/nvcc finds it. Does nothing where EIDOS_NVCC, CUDA_HOME or CUDA_PATH name one, or where it was fetched already.
set -euo pipefail
cd "$(dirname "$0")/.."
fail() { printf 'cuda-toolkit.sh: %s\n' "$*" >&2; exit 1; }

for nvcc in "${EIDOS_NVCC:-}" "${CUDA_HOME:+$CUDA_HOME/bin/nvcc}" "${CUDA_PATH:+$CUDA_PATH/bin/nvcc}"; do
    if [ -x "$nvcc" ]; then exit 0; fi
done
folder=target/cuda/toolkit
list=scripts/cuda-toolkit.txt
cmp -s "$list" "$folder/fetched.txt" && exit 0

if python3 -m pip --version >/dev/null 2>&1; then
    pip=(python3 -m pip)
elif python3 -m venv target/cuda/venv >/dev/null 2>&1; then
    pip=(target/cuda/venv/bin/pip)
else
    fail "Python 3 with pip is needed to fetch the compiler; install python3-pip, or name an nvcc in EIDOS_NVCC"
fi
rm -rf "$folder.new"
export PIP_ROOT_USER_ACTION=ignore
"${pip[@]}" install --quiet --disable-pip-version-check --no-deps --only-binary=:all: --require-hashes \
    --target "$folder.new" --requirement "$list" || fail "the compiler could not be fetched from PyPI; what failed is above"
cp "$list" "$folder.new/fetched.txt" # last: a folder without it is fetched again
rm -rf "$folder"
mv "$folder.new" "$folder"
nvcc=$(echo "$folder"/nvidia/*/bin/nvcc)
[ -x "$nvcc" ] || fail "the packages of $list hold no nvcc"
