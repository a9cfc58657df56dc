"""Memory that a batch system or a container limits is no more than its limit."""

from pathlib import Path

import psutil
import pytest
import torch

from cristae import memory
from cristae.memory import available_bytes, left_in_groups

SECOND = ("memory.max", "memory.current", "inactive_file")
FIRST = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")


def group(folder: Path, names: tuple[str, str, str], limit: str, used: int, cached: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / names[0]).write_text(f"{limit}\n")
    (folder / names[1]).write_text(f"{used}\n")
    (folder / "memory.stat").write_text(f"anon 5\n{names[2]} {cached}\nfile 9\n")


@pytest.fixture
def own(tmp_path: Path) -> Path:
    return tmp_path / "own"


def test_the_limits_of_a_group_and_of_those_around_it_count(tmp_path: Path, own: Path) -> None:
    own.write_text("0::/jobs/one\n")
    group(tmp_path / "jobs" / "one", SECOND, "max", 50, 0)
    group(tmp_path / "jobs", SECOND, "1000", 700, 200)
    assert list(left_in_groups(tmp_path, own)) == [500]
    group(tmp_path / "jobs" / "one", SECOND, "400", 150, 10)
    assert list(left_in_groups(tmp_path, own)) == [260, 500]


def test_groups_of_the_first_version_count_too(tmp_path: Path, own: Path) -> None:
    own.write_text("9:name=systemd:/\n4:memory:/slurm/7\n2:cpu,cpuacct:/slurm/7\n0::/\n")
    group(tmp_path / "memory" / "slurm" / "7", FIRST, "3000", 1000, 500)
    group(tmp_path / "cpu" / "slurm" / "7", FIRST, "1", 1, 0)
    assert list(left_in_groups(tmp_path, own)) == [2500]


def test_a_container_that_sees_only_its_own_group_is_asked_there(tmp_path: Path, own: Path) -> None:
    own.write_text("0::/docker/abc\n")
    group(tmp_path, SECOND, "1000", 400, 0)
    assert list(left_in_groups(tmp_path, own)) == [600]


def test_where_there_are_no_groups_the_machine_counts(tmp_path: Path, own: Path) -> None:
    assert list(left_in_groups(tmp_path, own)) == []


def test_less_than_the_machine_has_is_left_in_a_group_with_a_limit(
    tmp_path: Path, own: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "_GROUPS", tmp_path)
    monkeypatch.setattr(memory, "_OWN", own)
    free = psutil.virtual_memory().available
    assert 0.5 * free < available_bytes() < 2 * free
    own.write_text("0::/\n")
    group(tmp_path, SECOND, "1000", 400, 0)
    assert available_bytes() == 600
    group(tmp_path, SECOND, "1000", 1400, 0)
    assert available_bytes() == 0


def test_every_way_to_say_that_the_memory_did_not_suffice_is_known() -> None:
    failures = [
        MemoryError(),
        torch.OutOfMemoryError("CUDA out of memory."),
        RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory"),
        RuntimeError(
            "[enforce fail at alloc_cpu.cpp] . can't allocate memory: you tried to allocate 9 bytes"
        ),
        RuntimeError("The size of tensor a (4) must match the size of tensor b (5)"),
        ValueError("can't allocate memory"),
    ]
    assert [memory.ran_out(failure) for failure in failures] == [True] * 4 + [False] * 2
