#!/bin/sh
# Runs inside the image `pytriton`: puts in the watched server's program and what it carries.
set -eu
cp /build/srv/* /srv/
sh /corpus/image/install.sh
