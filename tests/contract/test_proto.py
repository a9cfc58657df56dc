"""The contract keeps its promises to clients that are already out there."""

import subprocess
import sysconfig
import tempfile
from collections.abc import Iterator
from pathlib import Path

import grpc_tools
import pytest
from google.protobuf.descriptor_pb2 import DescriptorProto, FieldDescriptorProto, FileDescriptorSet
from grpc_tools import protoc

ROOT = Path(__file__).resolve().parents[2]
BUF = Path(sysconfig.get_path("scripts")) / "buf"


@pytest.fixture(scope="module")
def contract() -> FileDescriptorSet:
    files = sorted((ROOT / "proto" / "cristae" / "v1").glob("*.proto"))
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "set"
        words = [f"-I{ROOT / 'proto'}", f"-I{Path(grpc_tools.__file__).parent / '_proto'}"]
        assert protoc.main(["protoc", *words, f"--descriptor_set_out={target}", *map(str, files)]) == 0
        return FileDescriptorSet.FromString(target.read_bytes())


def messages(contract: FileDescriptorSet) -> Iterator[DescriptorProto]:
    waiting = [message for file in contract.file for message in file.message_type]
    while waiting:
        message = waiting.pop()
        waiting += message.nested_type
        yield message


def test_the_contract_is_linted_and_every_part_of_it_has_a_comment() -> None:
    told = subprocess.run([BUF, "lint", "proto"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (told.returncode, told.stdout + told.stderr) == (0, "")


def test_a_plugin_built_against_the_last_promise_still_understands_the_server() -> None:
    words = ["breaking", "proto", "--against", "proto/baseline.binpb"]
    told = subprocess.run([BUF, *words], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (told.returncode, told.stdout + told.stderr) == (0, "")


def test_no_field_lets_a_client_name_a_path_an_address_or_code(contract: FileDescriptorSet) -> None:
    dangerous = ("path", "url", "uri", "yaml", "script", "file", "folder", "directory", "host", "command")
    named = [
        f"{message.name}.{field.name}"
        for message in messages(contract)
        for field in message.field
        if any(word in dangerous for word in field.name.split("_"))
    ]
    assert named == []


def test_no_message_contains_itself_so_that_parsing_cannot_go_deep(contract: FileDescriptorSet) -> None:
    holds = {
        f".{file.package}.{message.name}": {
            field.type_name for field in message.field if field.type == FieldDescriptorProto.TYPE_MESSAGE
        }
        for file in contract.file
        for message in file.message_type
    }

    def reachable(name: str, seen: frozenset[str]) -> bool:
        return name in seen or any(reachable(inner, seen | {name}) for inner in holds.get(name, ()))

    assert [name for name in holds if reachable(name, frozenset())] == []


def test_sizes_and_counts_have_64_bits(contract: FileDescriptorSet) -> None:
    small = {
        FieldDescriptorProto.TYPE_INT32,
        FieldDescriptorProto.TYPE_UINT32,
        FieldDescriptorProto.TYPE_SINT32,
    }
    words = {"bytes", "count", "size", "voxels", "sequence", "steps", "offset", "start", "stop", "index"}
    narrow = [
        f"{message.name}.{field.name}"
        for message in messages(contract)
        for field in message.field
        if field.type in small and words & set(field.name.split("_"))
    ]
    assert narrow == []
