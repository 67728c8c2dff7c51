#!/bin/sh
# Runs inside the root with torch and a JVM: does what the packages' scripts would, installs TorchServe, makes the model.
set -eu
ldconfig
# What Debian chooses among alternatives.
ln -s blas/libblas.so.3 /usr/lib/x86_64-linux-gnu/libblas.so.3
ln -s lapack/liblapack.so.3 /usr/lib/x86_64-linux-gnu/liblapack.so.3
jvm=/usr/lib/jvm/java-17-openjdk-amd64
ln -s "$jvm/bin/java" /usr/bin/java
pip() { python3 "$(echo /usr/share/python-wheels/pip-*.whl)/pip" "$@"; }
requirements=/build/requirements.txt
install() { pip install -qq --no-deps --no-index --find-links /wheels --target /usr/local/lib/python3.11/dist-packages --requirement "$requirements"; }
install 2>/dev/null || {
  pip download -qq --no-deps --dest /wheels --requirement "$requirements"
  install
}
mkdir -p /models /srv /tmp/model
cp /build/srv/* /srv/
python3 /build/make_model.py /tmp/model/classifier.pt
PYTHONPATH=/usr/local/lib/python3.11/dist-packages python3 -W ignore -m model_archiver.model_packaging --model-name classifier --version 1.0 \
  --serialized-file /tmp/model/classifier.pt --handler /srv/handler.py --export-path /models
rm -rf /tmp/model
chown -R server:server /models /srv
