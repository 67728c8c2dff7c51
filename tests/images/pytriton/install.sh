#!/bin/sh
# Runs inside the image `python`: installs Triton and the model's side of it.
set -eu
install-wheels /build/requirements.txt
cp /build/srv/* /srv/
