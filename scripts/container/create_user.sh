#!/bin/sh
# Creates the user without rights that the worker runs as, and the one folder that is its own.
set -eu
number=$1 folder=$2
groupadd --gid "$number" ktrdr
useradd --uid "$number" --gid "$number" --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin ktrdr
install -d -o ktrdr -g ktrdr -m 0750 "$folder"
