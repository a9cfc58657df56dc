#!/usr/bin/env bash
# Makes .venv with everything that building, testing and running needs. `make` calls it when the lists of packages or
# the contract changed. PYTHON=/path/to/python3 says which Python to take; PYENV_ROOT where pyenv keeps its own.
set -euo pipefail
cd "$(dirname "$0")/.."

say() { printf '[setup] %s\n' "$*"; }

find_python() { # Prints a Python from 3.12 to 3.14, found by running each: a version manager's shim may be broken.
  local candidate pyenv="${PYENV_ROOT:-$HOME/.pyenv}/versions"
  for candidate in ${PYTHON:+"$PYTHON"} python3.14 python3.13 python3.12 python3 "$pyenv"/3.14*/bin/python \
    "$pyenv"/3.13*/bin/python "$pyenv"/3.12*/bin/python; do
    "$candidate" -c 'import ensurepip, sys, venv
assert (3, 12) <= sys.version_info < (3, 15)
print(sys.executable)' 2>/dev/null && return
  done
  say "Cristae needs Python 3.12, 3.13 or 3.14 with its venv module and found none: install one (Debian, Ubuntu:" \
    "apt install python3-venv; any system: pyenv install 3.13) and run make again, or say PYTHON=/path/to/python3." >&2
  return 1
}

has_nvidia_driver() { [ -e /proc/driver/nvidia/version ] || command -v nvidia-smi >/dev/null; }

install() { "$uv" pip install --python .venv $quiet "$@"; }

install_torch() { # The CPU wheels where no NVIDIA driver is found and their index can be reached, else the default ones.
  local torch
  torch=$(grep -o '^torch==[0-9.]*' python/requirements-torch.txt)
  if .venv/bin/python -c "import importlib.metadata as m; assert m.version('torch').split('+')[0] == '${torch#*==}'" 2>/dev/null; then
    return
  fi
  if [ "$(uname)" = Linux ] && ! has_nvidia_driver; then
    say "No NVIDIA driver here: asking for PyTorch's CPU wheels (about 200 MB) ..."
    if UV_HTTP_RETRIES=0 "$uv" pip install --quiet --python .venv --torch-backend cpu "$torch" 2>.setup/torch-cpu.log; then
      say "Took $torch for the CPU."
      return
    fi
    say "PyTorch's index of CPU wheels cannot be reached: taking the default wheels (several GB; they run on the CPU too) ..."
  else
    say "Installing $torch (several GB on Linux with an NVIDIA driver) ..."
  fi
  install --require-hashes --requirement python/requirements-torch.txt
  say "Took the default wheels of $torch."
}

quiet=$([ -t 2 ] || echo --quiet)
python=$(find_python)
mkdir -p .setup
uv=.setup/uv/bin/uv
if ! "$uv" --version >/dev/null 2>&1; then
  say "Fetching uv, the installer ..."
  "$python" -m venv --clear .setup/uv
  .setup/uv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement python/requirements-setup.txt
fi
if ! .venv/bin/python -c '' 2>/dev/null; then
  say "Making .venv with $("$python" --version) ..."
  "$uv" venv --quiet --clear --python "$python" .venv
fi
say "Installing $(grep -c '^[a-z].*==' python/requirements.txt) Python packages, versions and hashes pinned ..."
# The list is whole; --no-deps leaves out what it leaves out (scripts/pin.sh).
install --no-deps --require-hashes --requirement python/requirements.txt
install_torch
say "Installing cristae itself (this also generates the Python side of proto/) ..."
install --no-deps --no-build-isolation --editable .
