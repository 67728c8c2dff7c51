#!/bin/sh
# Runs inside the image `corpus-fastapi`: puts in other versions of two libraries, as the next release of the server has.
set -eu
pip() { python3 "$(echo /usr/share/python-wheels/pip-*.whl)/pip" "$@"; }
requirements=/build/requirements.txt
site=/usr/local/lib/python3.11/dist-packages
install() { pip install -qq --no-deps --no-index --find-links /wheels --target "$site" --upgrade --requirement "$requirements"; }
rm -rf "$site"/onnxruntime "$site"/onnxruntime-* "$site"/anyio "$site"/anyio-*
install 2>/dev/null || {
  pip download -qq --no-deps --only-binary=:all: --dest /wheels --requirement "$requirements"
  install
}
python3 -m compileall -q "$site/onnxruntime" "$site/anyio"
