#!/usr/bin/env python3
"""Exits with 0 where the worker at URL says that it is well."""

import sys
import urllib.request

OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # a proxy knows nothing of this container

try:
    with OPENER.open(sys.argv[1], timeout=4):
        pass
except OSError as error:
    sys.exit(f"unhealthy: {error}")
