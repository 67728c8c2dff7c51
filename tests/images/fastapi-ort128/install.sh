#!/bin/sh
# Runs inside the image `model-server`: puts in an older onnxruntime, the last that sends no telemetry, and gunicorn.
set -eu
pip() { python3 "$(echo /usr/share/python-wheels/pip-*.whl)/pip" "$@"; }
requirements=/build/requirements.txt
site=/usr/local/lib/python3.11/dist-packages
install() { pip install -qq --no-deps --no-index --find-links /wheels --target "$site" --upgrade --requirement "$requirements"; }
rm -rf "$site"/onnxruntime "$site"/onnxruntime-*
install 2>/dev/null || {
  pip download -qq --no-deps --dest /wheels --requirement "$requirements"
  install
}
python3 -m compileall -q "$site/onnxruntime" "$site/gunicorn"
