#!/usr/bin/env bash
# Everything that can be said about the code without running it: format, lint, types, import directions, the contract,
# the generated pages. Goes through all of it and tells at the end what failed.
set -uo pipefail
cd "$(dirname "$0")/.."
failed=()
step() { # step NAME COMMAND...
  local name=$1 output
  shift
  if output=$("$@" 2>&1); then
    printf 'ok      %s\n' "$name"
  else
    printf 'FAILED  %s: %s\n%s\n' "$name" "$*" "$output"
    failed+=("$name")
  fi
}
bin=.venv/bin
step 'Python format' $bin/ruff format --check .
step 'Python lint' $bin/ruff check .
step 'Python types' $bin/mypy
step 'Python import directions' $bin/lint-imports
step 'contract lint' $bin/buf lint proto
step 'contract unbroken' $bin/buf breaking proto --against proto/baseline.binpb
step 'generated pages' $bin/python scripts/document.py --check
step 'Java format and compiler warnings' mvn --batch-mode --quiet --file fiji-plugin/pom.xml test-compile
[ ${#failed[@]} -eq 0 ] || { printf '%d of 8 failed; make check runs them again.\n' ${#failed[@]} && exit 1; }
