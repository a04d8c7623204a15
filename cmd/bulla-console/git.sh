#!/bin/sh
# usage: git.sh FOLDER
# Copies what the console runs beside itself into a folder, as it lies in the image: git over HTTPS and SSH, the shell
# that git starts ssh by, and the libraries of these. The C library and its loader are the base image's, which is of
# the same Debian.
set -eu
to=$1 core=$(git --exec-path)
copy() {
	case $1 in /bin/* | /lib/*) at=/usr$1 ;; *) at=$1 ;; esac
	mkdir -p "$to$(dirname "$at")"
	cp -L "$1" "$to$at"
}
programs="$(command -v git) $(command -v ssh) $core/git-remote-https $core/git-remote-http"
for program in $programs /bin/sh; do
	copy "$program"
	for library in $(ldd "$program" | sed -n 's/^.* => \(\/[^ ]*\) (.*$/\1/p'); do
		case ${library##*/} in
		ld-linux* | libc.so.* | libm.so.* | libdl.so.* | libpthread.so.* | librt.so.* | libresolv.so.*) ;;
		*) copy "$library" ;;
		esac
	done
done
# The loader looks for programs' interpreters here; the base has no such link.
mkdir -p "$to/bin"
cp -L /bin/sh "$to/bin/sh"
rm "$to/usr/bin/sh"
# ssh asks who it runs as.
mkdir -p "$to/etc"
printf '%s\n' root:x:0:0::/:/sbin/nologin nonroot:x:65532:65532::/tmp:/sbin/nologin >"$to/etc/passwd"
