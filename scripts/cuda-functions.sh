#!/usr/bin/env bash
# Checks that build/cuda-functions.txt, from which the build script defines what cudarc and candle link, lists all functions
# of the cudarc and the candle-kernels that Cargo.lock names, with what they give back where that is no status. `--write`
# writes the list anew.
set -euo pipefail
cd "$(dirname "$0")/.."
list=build/cuda-functions.txt

metadata=$(cargo metadata --format-version 1 --features cuda)
sources() { # PACKAGE: where its sources are
    local manifest
    manifest=$(grep -o "\"manifest_path\":\"[^\"]*/$1-[0-9][^\"/]*/Cargo.toml\"" <<<"$metadata" | sort -u)
    manifest=${manifest#*:\"}
    manifest=${manifest%\"}
    [ -f "$manifest" ] || { echo "cuda-functions.sh: cargo names no folder of $1" >&2; exit 1; }
    echo "${manifest%/*}/src"
}
cudarc=$(sources cudarc) candle=$(sources candle-kernels)

functions() {
    for pair in driver:cuda cublas:cublas cublaslt:cublasLt curand:curand nvrtc:nvrtc; do
        # shellcheck disable=SC2016 # the dollars are awk's
        awk -v library="${pair#*:}" '
            !/^pub unsafe fn / || /^pub unsafe fn (culib|is_culib_present)\(/ { next }
            {
                name = $4; sub(/\(.*/, "", name)
                gives = " nothing"
                if (/-> (CUresult|cublasStatus_t|curandStatus_t|nvrtcResult) \{$/) gives = ""
                else if (/-> \*const ::core::ffi::c_char \{$/) gives = " text"
                else if (/-> usize \{$/) gives = " number"
                else if (/->/) { print "cuda-functions.sh: " name " gives what build/cuda.rs does not know" > "/dev/stderr"; exit 1 }
                print library " " name gives
            }' "$cudarc/${pair%:*}/sys/mod.rs"
    done
    sed -n 's/^ *pub fn \([A-Za-z0-9_]*\)(.*/candle \1/p' "$candle/ffi.rs"
}
if [ "${1:-}" = --write ]; then
    functions | LC_ALL=C sort -u >"$list.new" && mv "$list.new" "$list"
else
    functions | LC_ALL=C sort -u | diff -u "$list" - || { echo "cuda-functions.sh: the packages have other functions; write the list anew: scripts/cuda-functions.sh --write" >&2; exit 1; }
fi
