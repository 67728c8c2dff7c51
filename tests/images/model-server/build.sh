#!/bin/sh
# build.sh IMAGE CACHE: makes the model server's image from Debian packages and Python wheels, without a registry.
# The packages are only unpacked (no maintainer scripts); what must run inside runs in a container of that root.
set -eu
image=$1 cache=$2
here=$(cd "$(dirname "$0")" && pwd)
root=$cache/model-server-root
bare=$image-bare
rm -rf "$root"
mkdir -p "$cache/wheels"
mmdebstrap --quiet --mode=root --variant=extract \
  --hook-dir=/usr/share/mmdebstrap/hooks/merged-usr \
  --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
  --dpkgopt='path-exclude=/usr/share/man/*' \
  --include=base-files,coreutils,dash,libc-bin,libpython3-stdlib,libstdc++6,python3-minimal,python3-pip-whl \
  bookworm "$root" 2>"$cache/mmdebstrap.log" || { cat "$cache/mmdebstrap.log" >&2; exit 1; }
ln -sf dash "$root/usr/bin/sh"
printf 'root:x:0:0:root:/root:/bin/sh\nserver:x:1000:1000::/srv:/bin/sh\n' >"$root/etc/passwd"
printf 'root:x:0:\nserver:x:1000:\n' >"$root/etc/group"
mkdir -p "$root/tmp"
chmod 1777 "$root/tmp"
rm -rf "$root/var/cache/apt" "$root/var/lib/apt" "$root/usr/share/zoneinfo"
tar -C "$root" --exclude='./dev/*' --exclude='./proc/*' -c . | docker import - "$bare" >/dev/null
rm -rf "$root"

# pip inside uses this machine's certificates, configuration and PIP_ settings.
set -- --volume "$here:/build:ro" --volume "$cache/wheels:/wheels" --network host
[ ! -e /etc/ssl/certs ] || set -- "$@" --volume /etc/ssl/certs:/etc/ssl/certs:ro
[ ! -e /usr/share/ca-certificates ] || set -- "$@" --volume /usr/share/ca-certificates:/usr/share/ca-certificates:ro
[ ! -e /etc/pip.conf ] || set -- "$@" --volume /etc/pip.conf:/etc/pip.conf:ro
for name in $(env | sed -n 's/^\(PIP_[A-Z_]*\|[a-z]*_proxy\|[A-Z]*_PROXY\)=.*/\1/p'); do
  set -- "$@" --env "$name"
done
container=picket-image-$$
trap 'docker rm --force "$container" >/dev/null 2>&1; docker image rm "$bare" >/dev/null 2>&1' EXIT
trap 'exit 1' HUP INT TERM
docker run --name "$container" "$@" "$bare" /bin/sh /build/install.sh
docker export "$container" | docker import \
  --change 'USER server' --change 'WORKDIR /srv' \
  --change 'ENV PATH=/usr/local/bin:/usr/bin:/bin PYTHONUNBUFFERED=1 ORT_DISABLE_TELEMETRY=1' \
  --change 'CMD ["python3", "-m", "uvicorn", "app:app", "--host", "0.0.0.0", "--port", "8000", "--no-access-log"]' \
  - "$image" >/dev/null
