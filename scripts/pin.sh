#!/usr/bin/env bash
# Writes the pinned, hashed requirements that the set-up installs, without the addresses of any index. Run it after a
# change of the dependencies in pyproject.toml, then `make test`, then commit the three files.
#
# torch stands in a file of its own: on a machine without an NVIDIA driver the set-up may take PyTorch's CPU wheels,
# 30 times smaller, whose hashes are others. What reports the use of OpenVINO to its makers is left out.
set -euo pipefail
cd "$(dirname "$0")/.."
uv=.setup/uv/bin/uv
compile() { # compile FILE [OPTION...]
  "$uv" pip compile --quiet --universal --python-version 3.12 --generate-hashes --no-emit-index-url --no-annotate \
    --custom-compile-command "scripts/pin.sh" --output-file "$@"
}
without=$(mktemp)
trap 'rm -f "$without"' EXIT
printf "%s ; python_version < '3'\n" torch openvino-telemetry >"$without"
compile python/requirements.txt --all-extras --override "$without" pyproject.toml
grep -o 'torch>=[^"]*' pyproject.toml | compile python/requirements-torch.txt --constraints python/requirements.txt -
echo 'uv>=0.8,<1' | compile python/requirements-setup.txt -
