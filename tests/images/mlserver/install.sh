#!/bin/sh
# Runs inside the image `python`: installs MLServer, trains its model.
set -eu
install-wheels /build/requirements.txt
cp /build/srv/* /srv/
python3 /build/make_forest.py /models/forest.joblib
rm /models/classifier.onnx
