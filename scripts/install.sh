#!/usr/bin/env bash
# Installs the library, the headers of C and C++, and what pkg-config and CMake ask for: install.sh PREFIX
#
#   PREFIX/include      eidos.h, eidos_api.h, eidos.hpp, eidos/
#   PREFIX/lib          libeidos.so -> libeidos.so.0 -> libeidos.so.0.1.0, libeidos.a, pkgconfig/, cmake/eidos/
#   PREFIX/share/doc    eidos/: the licences of Eidos and of all that is inside the library
#
# Nothing that is installed names PREFIX, so the folder may be moved. Build first: cargo build --release --lib
# install.sh --uninstall PREFIX removes these files and links again, and no others.
#   LIBDIR          the folder of the libraries below PREFIX; by default lib
#   DESTDIR         a folder that stands for the root of the file system, for packages
#   EIDOS_LIBRARY   the libeidos.so to install, with libeidos.a beside it; by default that of target/release
set -euo pipefail
source_folder=$(cd "$(dirname "$0")/.." && pwd)
fail() { printf 'install.sh: %s\n' "$*" >&2; exit 1; }

uninstall=no
[ "${1:-}" != --uninstall ] || { uninstall=yes; shift; }
[ $# -eq 1 ] && [ -n "$1" ] || fail "say where: scripts/install.sh PREFIX"
case $1 in /*) prefix=$1 ;; *) prefix=$PWD/$1 ;; esac
libdir=${LIBDIR:-lib}
case $libdir in /* | *..*) fail "LIBDIR is a folder below PREFIX, such as lib64" ;; esac
library=${EIDOS_LIBRARY:-$source_folder/target/release/libeidos.so}
archive=$(dirname "$library")/libeidos.a

version_part() { sed -n "s/^#define EIDOS_VERSION_$1 //p" "$source_folder/include/eidos.h"; }
major=$(version_part MAJOR) minor=$(version_part MINOR)
version=$major.$minor.$(version_part PATCH)
soname=libeidos.so.$major

root=${DESTDIR:-}$prefix
lib=$root/$libdir
documents=$root/share/doc/eidos

if [ $uninstall = yes ]; then
    rm -f "$lib"/libeidos.so "$lib/$soname" "$lib"/libeidos.so."$major".*.* "$lib"/libeidos.a "$lib"/pkgconfig/eidos{,-static}.pc
    rm -rf "$lib/cmake/eidos" "$root/include/eidos" "$documents"
    rm -f "$root"/include/eidos.h "$root"/include/eidos_api.h "$root"/include/eidos.hpp
    rmdir "$lib/cmake" "$lib/pkgconfig" 2>/dev/null || true # where nobody else has files there
    printf 'Eidos is no longer in %s\n' "$root"
    exit
fi

[ -f "$library" ] && [ -f "$archive" ] || fail "$library or libeidos.a beside it is missing; build it: cargo build --release --lib"
# A build with CUDA names the functions of CUDA's libraries that it opens.
if grep -qaF cuDevicePrimaryCtxRetain "$library"; then cuda=yes; else cuda=no; fi
system_libraries="pthread dl m" # what the static library needs; older C libraries keep them apart

# The folders of cargo under which the compiler found the sources of packages, fetched and generated, as it noted beside what it made
# of them.
package_folders() {
    {
        cat "$(dirname "$library")"/deps/*.d 2>/dev/null | tr ' ' '\n' | grep -oE '^/.*/(registry/src|git/checkouts|release/build)/' || true
        printf '%s/registry/src/\n' "${CARGO_HOME:-${HOME:-}/.cargo}"
    } | sort -u
}

# FILE: messages of panics name sources by the path that they had on this machine, under somebody's home. Here they are /cargo///...
# of the same length: these texts are shown and never opened, and nothing moves.
hide_paths() {
    local LC_ALL=C folder short
    package_folders >"$1.folders"
    while IFS= read -r folder; do
        [ ${#folder} -gt 16 ] && grep -qaF -- "$folder" "$1" || continue
        short=$(printf '/cargo%*s' $((${#folder} - 6)) '' | tr ' ' /)
        sed "s,$(sed 's/[][\\.*^$,]/\\&/g' <<<"$folder"),$short,g" "$1" >"$1.short"
        [ "$(wc -c <"$1.short")" = "$(wc -c <"$1")" ] || fail "this sed does not keep the bytes of $1"
        cat "$1.short" >"$1" # the file keeps its mode
    done <"$1.folders"
    rm -f "$1.folders" "$1.short"
}

# Without the names of its own functions, which a debugger reads and nothing else.
install_library() {
    local named=$lib/libeidos.so.$version
    install -m 755 "$library" "$named.new"
    ! command -v strip >/dev/null || strip --strip-unneeded "$named.new"
    hide_paths "$named.new"
    mv -f "$named.new" "$named" # whole or not at all, and programs that run keep the old one
    ln -sfn "libeidos.so.$version" "$lib/$soname"
    ln -sfn "$soname" "$lib/libeidos.so"
}

# TEMPLATE FOLDER: fills in a template of bindings/cpp/cmake. `up` leads from the folder back to PREFIX.
install_template() {
    local name up flags cmake_libraries
    name=$(basename "$1" .in)
    up=$(sed 's,[^/][^/]*,..,g' <<<"$libdir/$2")
    flags=$(printf -- '-l%s ' $system_libraries)
    cmake_libraries=${system_libraries// /;}
    mkdir -p "$lib/$2"
    sed -e "s,@UP@,$up,g" -e "s,@LIBDIR@,$libdir,g" -e "s,@VERSION@,$version,g" -e "s,@SONAME@,$soname,g" \
        -e "s,@VERSION_MAJOR@,$major,g" -e "s,@VERSION_MINOR@,$minor,g" \
        -e "s,@CUDA@,$cuda,g" -e "s,@FLAGS@,${flags% },g" -e "s,@LIBRARIES@,$cmake_libraries,g" "$1" >"$lib/$2/$name"
    chmod 644 "$lib/$2/$name"
}

mkdir -p "$lib" "$root/include"
install_library
install -m 644 "$archive" "$lib/libeidos.a"
! command -v strip >/dev/null || strip --strip-debug "$lib/libeidos.a"
hide_paths "$lib/libeidos.a"
install -m 644 "$source_folder"/include/eidos.h "$source_folder"/include/eidos_api.h "$root/include"
(cd "$source_folder/bindings/cpp/include" && find . -name '*.hpp' -exec install -D -m 644 {} "$root/include/{}" \;)
mkdir -p "$documents"
install -m 644 "$source_folder"/LICENSE-* "$source_folder/THIRD-PARTY-LICENSES.txt" "$documents"
for template in "$source_folder"/bindings/cpp/cmake/*.pc.in; do install_template "$template" pkgconfig; done
for template in "$source_folder"/bindings/cpp/cmake/*.cmake.in; do install_template "$template" cmake/eidos; done
printf 'Eidos %s%s is in %s\n' "$version" "$([ $cuda = no ] || echo ' with CUDA')" "$root"
# Whether the system's loader looks there by itself.
if [ -z "${DESTDIR:-}" ] && ! { ldconfig -v -N 2>/dev/null || /sbin/ldconfig -v -N 2>/dev/null; } | grep -q "^$lib:"; then
    printf 'programs find it when they are linked with -Wl,-rpath,%s, or with LD_LIBRARY_PATH=%s\n' "$lib" "$lib"
elif [ -z "${DESTDIR:-}" ]; then
    printf 'programs find it after: sudo ldconfig\n'
fi
