#!/bin/sh
# install.sh: runs inside a server's image and gives it what every watched server has.
# /corpus is the folder tests/corpus; /prepared is what prepare.sh has made.
set -eu
mkdir -p /srv/corpus/scenarios /srv/data /var/log/app /usr/local/bin
cp /corpus/sut/*.py /prepared/helper /srv/corpus/
cp /corpus/scenarios/*.py /srv/corpus/scenarios/
cp /prepared/helper /usr/local/bin/ptxas
PYTHONPATH=/srv PYTHONDONTWRITEBYTECODE=1 python3 /corpus/image/fill.py
python3 -m compileall -q /srv
# This one is compiled when it is first imported.
rm -f /srv/corpus/__pycache__/lazy.*
# Root in the container is common; this user may write as widely, so that deeds succeed and are not only refused.
chown server /etc /usr/local/lib/python3.11/dist-packages
chown -R server:server /srv /models /var/log/app /home/server /jobs
