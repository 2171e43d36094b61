#!/usr/bin/env bash
# Installs Julia where the machine lacks it: the 1.5.3 that Debian's bullseye suite has, beside the machine's own suite.
#
# The machine's own Debian source entry is copied with the suite changed to bullseye, and pinned so low that nothing else
# comes from it. Elsewhere than on Debian, install Julia from https://julialang.org; a newer one is as good.
#
# That Julia unwinds the stack with the libunwind that it was built with; with a newer one it crashes when it throws an
# exception. So bullseye's libunwind goes into Julia's own library folder, where nothing else looks.
set -euo pipefail

works() { # throws and catches exceptions in compiled code, and says whether that ends well
    command -v julia >/dev/null 2>&1 || return 1
    (julia --startup-file=no -e '
        f(x) = x < 0 ? error("below zero") : g(x - 1)
        g(x) = x < 0 ? error("below zero") : f(x - 1)
        foreach(x -> try f(x) catch; end, 1:50)' || exit 1) >/dev/null 2>&1
}
works && exit 0

refuse() {
    printf 'Julia is missing: %s. Install it from https://julialang.org/downloads\n' "$1" >&2
    exit 1
}
[ "$(. /etc/os-release 2>/dev/null && echo "$ID")" = debian ] || refuse "this script knows only Debian"
[ "$(id -u)" -eq 0 ] || refuse "only root may install packages"

apt=/etc/apt
suite=bullseye
# The first entry of the machine's Debian that is not of its security archive, for the main component, without comments.
own_deb822() {
    awk -v RS= -v suite=$suite '
        /(^|\n)Suites:/ && !/security/ {
            $0 = "\n" $0
            gsub(/\n#[^\n]*/, "")
            sub(/\nSuites:[^\n]*/, "\nSuites: " suite)
            sub(/\nComponents:[^\n]*/, "\nComponents: main")
            print substr($0, 2)
            exit
        }' "$1"
}
own_line() { # the same for the one-line format: deb [options] URI SUITE COMPONENT...
    awk -v suite=$suite '
        $1 == "deb" && $0 !~ /security/ {
            at = $2 ~ /^\[/ ? 2 : 1
            while (at > 1 && $at !~ /\]$/) at++
            for (field = 1; field <= at + 1; field++) printf "%s ", $field
            print suite " main"
            exit
        }' "$1"
}

if [ -f $apt/sources.list.d/debian.sources ]; then
    entry=$(own_deb822 $apt/sources.list.d/debian.sources)
    file=$apt/sources.list.d/eidos-$suite.sources
else
    entry=$(own_line $apt/sources.list)
    file=$apt/sources.list.d/eidos-$suite.list
fi
[ -n "$entry" ] || refuse "this machine has no Debian source entry to copy"

# Below 100, the priority of what is installed: only what no other suite has comes from here.
printf 'Package: *\nPin: release n=%s\nPin-Priority: 50\n' $suite >$apt/preferences.d/eidos-$suite
printf '%s\n' "$entry" >"$file"
apt-get update -qq || {
    rm -f "$file" "$apt/preferences.d/eidos-$suite"
    refuse "the Debian server of this machine has no $suite"
}
command -v julia >/dev/null 2>&1 || DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends julia

if ! works; then
    library=$(ldconfig -p | sed -n 's/.*libjulia\.so\.1 .* => //p' | head -n 1)
    [ -n "$library" ] || refuse "the one that is installed crashes"
    folder=$(mktemp -d)
    trap 'rm -rf "$folder"' EXIT
    (cd "$folder" && apt-get download -qq -o APT::Sandbox::User=root libunwind8/$suite)
    dpkg-deb --extract "$folder"/libunwind8_*.deb "$folder"
    cp -P "$folder"/usr/lib/*/libunwind.so.8* "$(dirname "$library")/julia/"
fi
works || refuse "the one that is installed crashes"
julia --version
