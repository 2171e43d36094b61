#!/usr/bin/env bash
# Installs what the tests need and the machine lacks, with apt where that is there; says what is missing otherwise.
# `install-tools.sh compilers` does so for what Rust needs, to go on with that meanwhile.
set -euo pipefail
cd "$(dirname "$0")"

missing=()
need() { command -v "$1" >/dev/null 2>&1 || missing+=("$2"); }
need_file() { [ -e "$1" ] || missing+=("$2"); }

# Installs what is missing so far, or names it.
provide() {
    [ ${#missing[@]} -gt 0 ] || return 0
    if command -v apt-get >/dev/null 2>&1 && [ "$(id -u)" -eq 0 ] && command -v cargo >/dev/null 2>&1; then
        apt-get update -qq
        apt-get install -y -qq --no-install-recommends "${missing[@]/nodejs (*)/nodejs}" >/dev/null
    else
        printf 'the tests need: %s\n' "${missing[*]}" >&2
        exit 1
    fi
    missing=()
}

need cargo "cargo (https://rustup.rs)"
need gcc gcc
need g++ g++
need nm binutils
need python3 python3
[ "${1:-}" != compilers ] || { provide; exit 0; }

need clang++ clang
need valgrind valgrind
need cmake cmake
need pkg-config pkg-config
need patchelf patchelf
need_file /usr/include/gtest/gtest.h libgtest-dev
need node "nodejs (20.4 or later)"
need npm npm
python3 -m pip --version >/dev/null 2>&1 || missing+=(python3-pip) # fetches the compiler of kernels

provide

# Some packages of clang come without what its sanitizers link.
sanitizes() { echo 'int main() {}' | clang++ -x c++ -fsanitize=address,undefined -o /dev/null - 2>/dev/null; }
sanitizes || missing+=("libclang-rt-$(clang++ -dumpversion | cut -d. -f1)-dev")
provide

# Looks at the pages of reports, in tests that are skipped without it: 12 seconds of the processor. Ubuntu's package is a snap, which
# containers do not run.
if ! command -v chromium >/dev/null 2>&1 && command -v apt-get >/dev/null 2>&1 && [ "$(id -u)" -eq 0 ] && grep -q '^ID=debian' /etc/os-release; then
    apt-get install -y -qq --no-install-recommends chromium >/dev/null 2>&1 || echo "no Chromium: the tests in a browser are skipped" >&2
fi

./install-julia.sh
