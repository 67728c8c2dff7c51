#!/bin/sh
# Runs inside the image `python`: installs BentoML and the service.
set -eu
install-wheels /build/requirements.txt
cp /build/srv/* /srv/
