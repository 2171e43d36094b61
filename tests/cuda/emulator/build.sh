#!/bin/bash
# Builds the emulated CUDA device into the folder OUT: libcuda.so.1, libcublas.so.13, libcublasLt.so.13, libcurand.so.10.
#
#     tests/cuda/emulator/build.sh OUT
#
# Kernels are compiled from candle-kernels' sources, which cargo names, from the project's src/cuda/*.cu and from the emulator's own
# tests; further .cu files stand in EIDOS_EMULATOR_KERNELS. What did not change is not compiled again.
set -euo pipefail
[ $# = 1 ] || { echo "usage: build.sh OUT" >&2; exit 2; }
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../../.." && pwd)
mkdir -p "$1/objects"
out=$(cd "$1" && pwd)
CXX=${CXX:-g++}
jobs=${JOBS:-2}

# candle's kernels that a CUDA build of Eidos can reach; convolutions and quantised products are not among them.
candle=$(cd "$root" && cargo metadata --format-version 1 --locked --filter-platform x86_64-unknown-linux-gnu --features cuda |
    grep -o '"manifest_path":"[^"]*/candle-kernels-[^"]*/Cargo.toml"' | head -1 | sed 's/.*:"//; s|/Cargo.toml"||' || true)
[ -d "$candle/src" ] || { echo "build.sh: cargo metadata names no sources of candle-kernels" >&2; exit 1; }
kernels=()
for name in affine binary cast fill indexing reduce sort ternary unary; do kernels+=("$candle/src/$name.cu"); done
for file in "$here"/tests/*.cu "$root"/src/cuda/*.cu ${EIDOS_EMULATOR_KERNELS:-}; do [ -f "$file" ] && kernels+=("$file"); done

# An object is kept under a name that holds what it was made from.
shim=$(cat "$here"/build.sh "$here"/shim/*.h "$here"/shim/cuda/std/* | cksum | cut -d' ' -f1)
headers=$(cat "$here"/src/*.h | cksum | cut -d' ' -f1)

# The text of a .cu file becomes C++: names of kernels are registered, shared memory is declared through the emulator, and
# everything else is local to the file, because two files may have kernels of one name.
translate() { # FILE NAME
    local text names
    text=$($CXX -std=c++17 -E -x c++ -I "$here/shim" -include cuda_runtime.h -include end_of_shim.h "$1")
    names=$(tr '\n' ' ' <<<"$text" | grep -oE 'EIDOS_KERNEL[^({;]*void +[A-Za-z_0-9]+ *\(' | sed -E 's/.*void +//; s/ *\(//' | sort -u)
    [ -n "$names" ] || { echo "build.sh: no kernels in $1" >&2; return 1; }
    sed -zE '
        s/extern "C"([[:space:]]|# [^\n]*\n)*EIDOS_KERNEL/EIDOS_KERNEL/g
        s/(EIDOS_SHARED[^;]*)EIDOS_ALIGN\([^)]*\)/\1/g
        s/EIDOS_ALIGN\([^)]*\)([^;]*EIDOS_SHARED)/\1/g
        s/extern[[:space:]]+EIDOS_SHARED[[:space:]]+([^;\[]*[^;\[A-Za-z_0-9])([A-Za-z_][A-Za-z_0-9]*)[[:space:]]*\[[[:space:]]*\][[:space:]]*;/\1 *const \2 = static_cast<\1 *>(::emulated::dynamic_shared());/g
        s/EIDOS_SHARED[[:space:]]+([^;\[]*[^;\[A-Za-z_0-9])([A-Za-z_][A-Za-z_0-9]*)[[:space:]]*((\[[^];]*\][[:space:]]*)*);/static ::emulated::Shared<\1\3> \2_in_block; auto \&\2 = \2_in_block.enter();/g
        s/EIDOS_ALIGN\(/EIDOS_ALIGNED(/g
    ' <<<"$text"
    echo '}'
    for name in $names; do
        echo "static ::emulated::Registrar eidos_registered_$name(\"$2\", \"$name\", &::emulated::Bound<&$name>::pack);"
    done
}

compile_kernel() { # FILE
    local name sum object
    name=$(basename "$1" .cu)
    sum=$(find "$1" "$(dirname "$1")" -maxdepth 1 \( -name '*.cuh' -o -name '*.h' -o -path "$1" \) -exec cat {} + | cksum | cut -d' ' -f1)
    object="$out/objects/kernel-$name-$shim-$sum.o"
    echo "$object"
    [ -f "$object" ] && return
    translate "$1" "$name" >"$object.cpp"
    if grep -q EIDOS_SHARED "$object.cpp"; then
        echo "build.sh: $1: a __shared__ declaration is not of the form 'type name[size];'" >&2
        return 1
    fi
    $CXX -std=c++17 -O1 -march=x86-64-v3 -ffp-contract=fast -fno-math-errno -fno-strict-aliasing -fno-trapping-math -fPIC -fvisibility=hidden \
        -w '-DEIDOS_KERNEL=static' '-DEIDOS_ALIGNED(n)=__attribute__((aligned(n)))' -c "$object.cpp" -o "$object.part"
    mv "$object.part" "$object"
}

compile_source() { # FILE
    local name sum object optimize=(-O2)
    name=$(basename "$1" .cpp)
    sum=$(cksum <"$1" | cut -d' ' -f1)
    object="$out/objects/source-$name-$shim-$headers-$sum.o"
    echo "$object"
    [ -f "$object" ] && return
    # The products are where the time of a test goes.
    [ "$name" = product ] && optimize=(-O3 -march=x86-64-v3 -ffp-contract=fast)
    $CXX -std=c++17 "${optimize[@]}" -g1 -Wall -Wextra -Wpedantic -Werror -fno-strict-aliasing -fPIC -fvisibility=hidden -c "$1" -o "$object.part"
    mv "$object.part" "$object"
}

export -f translate compile_kernel compile_source
export here out CXX shim headers
# shellcheck disable=SC2016 # the inner bash expands it
{
    printf 'compile_kernel\t%s\n' "${kernels[@]}"
    printf 'compile_source\t%s\n' "$here"/src/*.cpp
} | xargs -P "$jobs" -d '\n' -I{} bash -c 'set -euo pipefail; IFS=$'"'\\t'"' read -r what file <<<"$1"; "$what" "$file"' _ {} >"$out/objects.list.part"

sort -u "$out/objects.list.part" >"$out/objects.list.new"
if [ ! -f "$out/libcuda.so.1" ] || ! cmp -s "$out/objects.list.new" "$out/objects.list"; then
    # Entry points bind within the library, whatever else the process has.
    xargs -d '\n' "$CXX" -shared -o "$out/libcuda.so.part" -Wl,-soname,libcuda.so.1 -Wl,-Bsymbolic -Wl,--no-undefined <"$out/objects.list.new"
    mv "$out/libcuda.so.part" "$out/libcuda.so.1"
    mv "$out/objects.list.new" "$out/objects.list"
    # What earlier sources left.
    find "$out/objects" -type f | sed 's/\.cpp$//' | sort -u | comm -23 - "$out/objects.list" | while read -r old; do rm -f "$old" "$old.cpp"; done
fi
for name in libcublas.so.13 libcublasLt.so.13 libcurand.so.10 libcuda.so libcublas.so libcublasLt.so libcurand.so libnvrtc.so libcudart.so; do
    ln -sf libcuda.so.1 "$out/$name"
done
