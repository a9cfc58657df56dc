#!/usr/bin/env bash
# Runs a command where windows can open and nobody sees them: under Xvfb on Linux, as it is elsewhere.
if [ "$(uname)" = Linux ]; then
  exec xvfb-run --auto-servernum --server-args='-screen 0 1600x1000x24' "$@"
fi
exec "$@"
