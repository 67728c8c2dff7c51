#!/bin/sh
# build.sh IMAGE CACHE: makes a two-megabyte image of Debian's static busybox.
set -eu
image=$1 cache=$2
root=$cache/busybox-root
rm -rf "$root"
mmdebstrap --quiet --mode=root --variant=extract --include=busybox-static bookworm "$root" \
  2>"$cache/mmdebstrap.log" || { cat "$cache/mmdebstrap.log" >&2; exit 1; }
find "$root" -mindepth 1 -maxdepth 1 ! -name bin ! -name usr -exec rm -rf {} +
busybox=$(find "$root" -path '*bin/busybox' | head -n 1)
mkdir -p "$root/image/bin" "$root/image/tmp"
cp "$busybox" "$root/image/bin/busybox"
for applet in $("$root/image/bin/busybox" --list); do
  [ "$applet" = busybox ] || ln -s busybox "$root/image/bin/$applet"
done
tar -C "$root/image" -c . | docker import --change 'ENV PATH=/bin' --change 'CMD ["sh"]' - "$image" >/dev/null
rm -rf "$root"
