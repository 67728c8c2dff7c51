#!/bin/sh
# derive.sh IMAGE CACHE FOLDER BASE: makes an image by running FOLDER/install.sh in a container of the image BASE.
# FOLDER/image holds what is set in the new image, a line each, as `docker commit --change` takes it.
# FOLDER/with names another folder, seen from here, that is there under its own name; what its image/prepare.sh makes on
# this machine is in /prepared.
set -eu
image=$1 cache=$2 folder=$3 base=$4
mkdir -p "$cache/wheels"

# pip inside uses this machine's certificates, configuration and PIP_ settings.
set -- --volume "$folder:/build:ro" --volume "$cache/wheels:/wheels" --network host
[ ! -e /etc/ssl/certs ] || set -- "$@" --volume /etc/ssl/certs:/etc/ssl/certs:ro
[ ! -e /usr/share/ca-certificates ] || set -- "$@" --volume /usr/share/ca-certificates:/usr/share/ca-certificates:ro
[ ! -e /etc/pip.conf ] || set -- "$@" --volume /etc/pip.conf:/etc/pip.conf:ro
if [ -e "$folder/with" ]; then
  with=$(cd "$folder/.." && cd "$(cat "$folder/with")" && pwd)
  prepared=$cache/$(basename "$folder")-prepared
  mkdir -p "$prepared"
  "$with/image/prepare.sh" "$prepared"
  set -- "$@" --volume "$with:/$(basename "$with"):ro" --volume "$prepared:/prepared:ro"
fi
container=picket-image-$$
trap 'docker rm --force "$container" >/dev/null 2>&1' EXIT
trap 'exit 1' HUP INT TERM
# Settings go to the command alone: what the container has, the image would keep.
docker run --detach --user root --name "$container" "$@" "$base" sleep 3600 >/dev/null
set -- --user root --env PIP_ROOT_USER_ACTION=ignore
for name in $(env | sed -n 's/^\(PIP_[A-Z_]*\|[a-z]*_proxy\|[A-Z]*_PROXY\)=.*/\1/p'); do
  set -- "$@" --env "$name"
done
docker exec "$@" "$container" sh /build/install.sh
while read -r change; do
  set -- "$@" --change "$change"
done <<CHANGES
$(cat "$folder/image")
CHANGES
while [ "$1" != --change ]; do shift; done
docker commit "$@" "$container" "$image" >/dev/null
