#!/bin/sh
# The worker in the place of this shell, so that the stop signal reaches it.
set -eu
exec ktrdr worker --host 0.0.0.0 --port 8000 "$@"
