"""Packages that are damaged, too new or malicious: refused for good, with a sentence, and nothing runs."""

# ruff: noqa: E501 -- tables read best with one case a line
import hashlib
import json
import pickle
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.numpy import save

from cristae.errors import CorruptData, CristaeError, NotFound, Unsupported
from cristae.models import ModelLibrary, check_record, read_package
from cristae.models.record import decode_record, encode_record

WEIGHTS = {"a": np.arange(6, dtype=np.float32), "b": np.ones((2, 2), np.float16)}


def record(**changes):
    return {
        "schema": 1, "name": "mito", "created_s": 1.5, "cristae_version": "0.1.0", "target": "classes",
        "classes": [{"value": 1, "name": "mito", "rgb": 0}], "channels": 1, "voxel_size_nm": None,
        "display_unit": "nm", "working_voxel": {"downsample_zyx": [1, 1, 1]}, "network": {}, "preprocessing": {},
        "plan": {"sentences": [], "settings": {}}, "metrics": {}, "halo_zyx": [0, 0, 0], "data": [],
        "weights_sha256": "0" * 64, "outputs": ["labels"], "job_id": None, **changes,
    }  # fmt: skip


@pytest.fixture
def package(tmp_path):
    return ModelLibrary(tmp_path / "models").add(record(), WEIGHTS).path


def use(path):
    return read_package(path).weights()


def put_weights(package: Path, data: bytes) -> None:
    """Put a file in, with a record that names it: only the file's own content can give it away."""
    (package / "weights.safetensors").write_bytes(data)
    honest = record(weights_sha256=hashlib.sha256(data).hexdigest())
    (package / "model.json").write_bytes(encode_record(honest))


class Canary:
    """Runs when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def with_header(header: object, body: bytes = b"") -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + body


def tensor(dtype="F32", shape=(2,), offsets=(0, 8)):
    return {"dtype": dtype, "shape": list(shape), "data_offsets": list(offsets)}


GOOD = save(WEIGHTS)
WEIGHT_FILES = {
    "empty": b"",
    "seven bytes": b"1234567",
    "truncated": GOOD[:-3],
    "cut in the header": GOOD[:20],
    "bytes appended": GOOD + b"x",
    "header longer than the file": struct.pack("<Q", 10**6) + b"{}",
    "header of 2^63 bytes": struct.pack("<Q", 2**63) + b"{}",
    "giant header": with_header(b" " * (9 << 20)),
    "header is no JSON": with_header(b"{]"),
    "header is a list": with_header([1, 2]),
    "header nested deep": with_header(b"[" * 100_000),
    "overlapping tensors": with_header({"a": tensor(), "b": tensor(offsets=(4, 12))}, bytes(12)),
    "a hole between tensors": with_header({"a": tensor(), "b": tensor(offsets=(12, 20))}, bytes(20)),
    "tensor past the end": with_header({"a": tensor(shape=(1000,), offsets=(0, 4000))}, bytes(8)),
    "negative offset": with_header({"a": tensor(offsets=(-8, 0))}, bytes(8)),
    "backward offsets": with_header({"a": tensor(offsets=(8, 0))}, bytes(8)),
    "negative shape": with_header({"a": tensor(shape=(-2,))}, bytes(8)),
    "shape overflows": with_header({"a": tensor(shape=(2**32, 2**32), offsets=(0, 0))}),
    "shape is not the size": with_header({"a": tensor(shape=(3,))}, bytes(8)),
    "shape missing": with_header({"a": {"dtype": "F32", "data_offsets": [0, 8]}}, bytes(8)),
    "unknown type": with_header({"a": tensor(dtype="object")}, bytes(8)),
    "type that NumPy lacks": with_header({"a": tensor(dtype="BF16", shape=(4,))}, bytes(8)),
    "type is a list": with_header({"a": tensor(dtype=["F32"])}, bytes(8)),
    "a zip archive": b"PK\x03\x04" + bytes(100),
    "an HDF5 file": b"\x89HDF\r\n\x1a\n" + bytes(100),
}


@pytest.mark.parametrize("data", WEIGHT_FILES.values(), ids=WEIGHT_FILES.keys())
def test_weights_that_are_not_a_sound_safetensors_file_are_refused(package, data):
    put_weights(package, data)
    with pytest.raises(CorruptData):
        use(package)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_pickle_in_disguise_never_runs(package, tmp_path, protocol):
    canary = tmp_path / "canary"
    put_weights(package, pickle.dumps(Canary(canary), protocol))
    with pytest.raises(CorruptData):
        use(package)
    assert not canary.exists()


def test_other_weights_than_the_record_names_are_refused(package):
    (package / "weights.safetensors").write_bytes(save({"a": np.zeros(6, np.float32)}))
    with pytest.raises(CorruptData, match="digests differ"):
        use(package)


def test_missing_weights_are_told(package):
    (package / "weights.safetensors").unlink()
    with pytest.raises(CorruptData, match="lacks its weights"):
        read_package(package)


def test_a_link_out_of_the_package_is_not_followed(package, tmp_path):
    outside = (package / "weights.safetensors").rename(tmp_path / "outside")
    try:
        (package / "weights.safetensors").symlink_to(outside)
    except OSError:
        pytest.skip("this system does not let us make symbolic links")
    with pytest.raises(CorruptData):
        use(package)


RECORDS = {
    "empty": b"",
    "no JSON": b"{",
    "no object": b"[]",
    "a number": b"1",
    "NaN": json.dumps(record(metrics={"dice": float("nan")})).encode(),
    "infinite by overflow": json.dumps(record()).replace("1.5", "1e999").encode(),
    "nested 100,000 deep": b"[" * 100_000 + b"]" * 100_000,
    "nested 30 deep": json.dumps(record(network=json.loads('{"a":' * 30 + "1" + "}" * 30))).encode(),
    "a name twice": json.dumps(record()).replace('"schema": 1', '"schema": 1, "schema": 1').encode(),
    "5 MiB": json.dumps(record(network={"a": "x" * (5 << 20)})).encode(),
    "not UTF-8": b"\xff\xfe\xfd",
    "lone surrogate with digest": json.dumps(record(name="\ud800", record_sha256="0" * 64)).encode(),
    "a huge whole number": json.dumps(record())
    .replace('"channels": 1', '"channels": ' + "9" * 5000)
    .encode(),
}


@pytest.mark.parametrize("data", RECORDS.values(), ids=RECORDS.keys())
def test_a_broken_record_is_refused(package, data):
    (package / "model.json").write_bytes(data)
    with pytest.raises(CorruptData):
        read_package(package)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("schema", 0), ("schema", "1"), ("schema", True), ("name", ""), ("name", 7), ("name", "x" * 121),
        ("created_s", "today"), ("created_s", -1), ("created_s", True), ("cristae_version", None),
        ("target", "masks?"), ("target", ["classes"]), ("classes", {}), ("classes", [1]),
        ("classes", [{"value": 2, "name": "a", "rgb": 0}]), ("classes", [{"value": 1, "name": "a", "rgb": -1}]),
        ("classes", [{"value": 1, "name": 1, "rgb": 0}]), ("classes", [{"value": 1, "name": "a"}]),
        ("channels", 0), ("channels", 1.0), ("channels", 10**9), ("voxel_size_nm", [1, 2]),
        ("voxel_size_nm", [1, 2, 0]), ("voxel_size_nm", [1, 2, "3"]), ("display_unit", 1),
        ("working_voxel", {}), ("working_voxel", {"downsample_zyx": [1, 0, 1]}), ("network", []),
        ("preprocessing", None), ("plan", {"sentences": "a", "settings": {}}),
        ("plan", {"sentences": []}), ("metrics", {"dice": "0.9"}), ("metrics", []), ("halo_zyx", [0, 0]),
        ("halo_zyx", [-1, 0, 0]), ("data", [1]), ("weights_sha256", "xyz"), ("weights_sha256", "A" * 64),
        ("outputs", "labels"), ("outputs", [1]), ("job_id", 5),
    ],
)  # fmt: skip
def test_a_field_of_the_wrong_kind_is_named(field, value):
    with pytest.raises(CorruptData, match=field):
        check_record(record(**{field: value}))


@pytest.mark.parametrize("field", list(record()))
def test_a_missing_field_is_named(field):
    incomplete = record()
    del incomplete[field]
    with pytest.raises(CorruptData, match=field):
        check_record(incomplete)


def test_a_model_of_the_future_asks_for_a_newer_cristae(package):
    (package / "model.json").write_text(json.dumps({"schema": 2, "something": "else", "record_sha256": "?"}))
    with pytest.raises(Unsupported, match="newer Cristae"):
        read_package(package)


def test_a_record_changed_by_hand_is_told(package):
    text = (package / "model.json").read_text()
    (package / "model.json").write_text(text.replace('"channels": 1', '"channels": 2'))
    with pytest.raises(CorruptData, match="changed after it was written"):
        read_package(package)


def test_fields_of_a_later_version_are_kept():
    assert decode_record(encode_record(record(licence="CC0")))["licence"] == "CC0"


def test_a_damaged_model_hides_nothing_but_itself(tmp_path):
    library = ModelLibrary(tmp_path)
    for name in ("good", "bad"):
        library.add(record(name=name), WEIGHTS)
    (library.root / "bad" / "model.json").write_bytes(b"{")
    assert [model.name for model in library.list()] == ["good"]
    with pytest.raises(CorruptData):
        library.get("bad")
    assert library.delete("bad")


def test_a_folder_that_is_no_package_is_told(tmp_path):
    with pytest.raises(NotFound, match="no model"):
        read_package(tmp_path)


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_every_flipped_bit_is_noticed(package, data):
    name = data.draw(st.sampled_from(["model.json", "weights.safetensors"]))
    whole = (package / name).read_bytes()
    position = data.draw(st.integers(0, len(whole) * 8 - 1))
    flipped = bytearray(whole)
    flipped[position // 8] ^= 1 << position % 8
    before = read_package(package).record
    (package / name).write_bytes(flipped)
    try:
        assert read_package(package).record == before, "a flip that changes nothing may pass: white space"
        use(package)
        assert name == "model.json"
    except CristaeError:
        pass
    finally:
        (package / name).write_bytes(whole)
