#!/bin/sh
# prepare.sh FOLDER: makes here, where there is a compiler, what the images have no compiler for.
set -eu
cc -static -O2 -s -o "$1/helper" "$(dirname "$0")/helper.c"
