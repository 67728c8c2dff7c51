#!/bin/sh
# Runs inside the root with llama.cpp: makes the model. Python is for that alone.
set -eu
ldconfig
mkdir -p /models /srv
python3 /build/make_gguf.py /models/tiny.gguf
chown -R server:server /models /srv
rm -rf /usr/bin/python3* /usr/lib/python3*
