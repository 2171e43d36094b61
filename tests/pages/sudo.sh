#!/bin/sh
# Stands in for sudo: what would go under the root of the file system goes to a folder.
exec env SUDO_UID=0 DESTDIR="$HOME/root" "$@"
