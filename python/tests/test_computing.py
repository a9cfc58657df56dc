"""What a process that computes asks of the libraries below it, looked at from outside."""

import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

ARRAYS = """
import os, resource, sys
from cristae.computing import prepare_to_compute, prepare_to_pass_blocks, prepare_to_train

{prepare}
import {library}
ones, size = {library}.ones, {mebibytes} << 20
ones(size, dtype={library}.uint8)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(50):
    ones(size, dtype={library}.uint8)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before, os.environ.get("OMP_WAIT_POLICY"))
"""


def faults_and_policy(
    prepare: str, mebibytes: int, library: str = "numpy", **environment: str
) -> tuple[int, str]:
    """Allocate and free an array fifty times; return the pages that were mapped for it, and the policy."""
    program = ARRAYS.format(prepare=prepare, mebibytes=mebibytes, library=library)
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("OMP_", "MALLOC_"))}
    ended = subprocess.run(
        [sys.executable, "-c", program], env=clean | environment, capture_output=True, text=True, check=True
    )
    faults, policy = ended.stdout.split()
    return int(faults), policy


@pytest.mark.skipif(
    platform.libc_ver()[0] != "glibc", reason="only the GNU C library gives pages back at once"
)
@pytest.mark.parametrize(
    ("prepare", "mebibytes"), [("prepare_to_train()", 100), ("prepare_to_pass_blocks()", 2)]
)
def test_memory_that_was_freed_is_used_again(prepare: str, mebibytes: int) -> None:
    # Threads of NumPy's linear algebra are no part of this; the first array of all is not counted.
    pages = mebibytes << 20 >> 12
    faults, _ = faults_and_policy(prepare, mebibytes)
    assert faults < 2 * pages


LARGE_PAGES = Path("/sys/kernel/mm/transparent_hugepage/enabled")


@pytest.mark.skipif(
    not LARGE_PAGES.exists() or "[never]" in LARGE_PAGES.read_text(), reason="the system has no large pages"
)
def test_large_tensors_lie_in_large_pages() -> None:
    pages = 100 << 20 >> 12
    faults, _ = faults_and_policy("prepare_to_compute()", 100, "torch")
    assert faults < 50 * pages / 20  # each of the fifty would be mapped page by page


def test_threads_sleep_while_they_wait_unless_the_environment_says_otherwise() -> None:
    assert faults_and_policy("prepare_to_compute()", 1)[1] == "PASSIVE"
    assert faults_and_policy("prepare_to_compute()", 1, OMP_WAIT_POLICY="ACTIVE")[1] == "ACTIVE"
