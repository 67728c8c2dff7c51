#!/bin/sh
# Runs inside the bare root filesystem, as its root: installs the server, makes the model.
# /build is this folder; /wheels keeps what was downloaded for the next time.
set -eu
export PIP_ROOT_USER_ACTION=ignore
ldconfig
pip=$(echo /usr/share/python-wheels/pip-*.whl)/pip
pip() { python3 "$pip" "$@"; }
install() {
  requirements=$1 target=$2
  offline() { pip install --quiet --no-index --find-links /wheels --target "$target" --requirement "$requirements"; }
  offline 2>/dev/null || {
    pip download --quiet --only-binary=:all: --dest /wheels --requirement "$requirements"
    offline
  }
}
server=/usr/local/lib/python3.11/dist-packages
install /build/requirements.txt "$server"
install /build/requirements-model.txt /tmp/model
mkdir -p /models /srv
PYTHONPATH=/tmp/model python3 /build/make_model.py /models/classifier.onnx
rm -rf /tmp/model
cp /build/srv/* /srv/
chown -R server:server /models
python3 -m compileall -q "$server" /srv
