#!/bin/sh
# Runs inside the image `model-server`: puts in the watched server's program and what it carries, and the peers'.
set -eu
rm -rf /srv/trigger.py /srv/worker.conf /srv/__pycache__
cp /build/srv/* /srv/
mkdir -p /srv/peers
cp /corpus/peers/*.py /srv/peers/
sh /corpus/image/install.sh
