#!/bin/sh
# debian.sh IMAGE CACHE FOLDER: makes an image of the Debian packages that FOLDER/packages names, without a registry.
# Its first line is the suite. The packages are only unpacked: no maintainer script runs.
set -eu
image=$1 cache=$2 folder=$3
suite=$(head -n 1 "$folder/packages")
root=$cache/$(basename "$folder")-root
log=$root.log
rm -rf "$root"
# A suite before its release may come from a mirror that stands still.
set -- --aptopt='Acquire::Check-Valid-Until "false"'
# Later suites have a merged /usr in the package base-files.
[ "$suite" != bookworm ] || set -- "$@" --hook-dir=/usr/share/mmdebstrap/hooks/merged-usr
mmdebstrap --quiet --mode=root --variant=extract "$@" \
  --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
  --dpkgopt='path-exclude=/usr/share/man/*' \
  --include="$(sed 1d "$folder/packages" | paste -sd,)" "$suite" "$root" 2>"$log" || { cat "$log" >&2; exit 1; }
ln -sf dash "$root/usr/bin/sh"
printf 'root:x:0:0:root:/root:/bin/sh\nserver:x:1000:1000::/srv:/bin/sh\n' >"$root/etc/passwd"
printf 'root:x:0:\nserver:x:1000:\n' >"$root/etc/group"
mkdir -p "$root/tmp"
chmod 1777 "$root/tmp"
rm -rf "$root/var/cache/apt" "$root/var/lib/apt" "$root/usr/share/zoneinfo"
tar -C "$root" --exclude='./dev/*' --exclude='./proc/*' -c . | docker import - "$image" >/dev/null
rm -rf "$root" "$log"
