#!/usr/bin/env bash
# Makes .venv with everything that building, testing and running needs. Run by `make setup`; a second run does nothing.
set -euo pipefail
cd "$(dirname "$0")/.."

find_python() { # prints a Python >= 3.12; shims that answer with an error are passed over
  local candidate
  for candidate in python3.14 python3.13 python3.12 python3 "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3.1[2-9]*/bin/python; do
    if "$candidate" -c 'import sys, venv; sys.exit(sys.version_info < (3, 12))' >/dev/null 2>&1; then
      command -v "$candidate" >/dev/null && "$candidate" -c 'import sys; print(sys.executable)' && return
    fi
  done
  echo "Cristae needs Python 3.12 or newer with venv; none was found. Install one (Debian, Ubuntu: apt install python3.12-venv, or pyenv install 3.13) and run make again." >&2
  return 1
}

python=$(find_python)
mkdir -p .setup
[ -x .setup/uv/bin/uv ] || { "$python" -m venv .setup/uv && .setup/uv/bin/python -m pip install --quiet --disable-pip-version-check 'uv>=0.8,<1'; }
uv=.setup/uv/bin/uv
[ -x .venv/bin/python ] || "$uv" venv --quiet --python "$python" .venv
"$uv" pip install --quiet --python .venv/bin/python -e '.[develop,imagej]'
