#!/bin/sh
# Runs inside the root of Debian's Python: a program to install wheels, and a model for the servers to serve.
# /build is this folder; /wheels keeps what was downloaded for the next time.
set -eu
ldconfig
# install-wheels REQUIREMENTS FOLDER
mkdir -p /usr/local/bin
cp /build/install-wheels /usr/local/bin/
install-wheels /build/requirements-model.txt /tmp/model
mkdir -p /models /srv
PYTHONPATH=/tmp/model python3 /build/make_model.py /models/classifier.onnx
rm -rf /tmp/model
chown -R server:server /models /srv
