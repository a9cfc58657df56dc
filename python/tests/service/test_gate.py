"""Who gets in, how much may be asked, what comes back for nonsense: over every call of the contract."""

import os
import random
import stat
import sys

import grpc
import psutil
import pytest
from google.protobuf import descriptor_pool, message_factory

from cristae.service.status import ERROR_KEY
from cristae.service.token import read_or_make_token
from cristae.v1 import common_pb2, jobs_pb2, models_pb2, previews_pb2, server_pb2, volumes_pb2

FILES = (common_pb2, jobs_pb2, models_pb2, previews_pb2, server_pb2, volumes_pb2)
METHODS = [
    method
    for file in FILES
    for service in file.DESCRIPTOR.services_by_name.values()
    for method in service.methods
]
NAMES = [f"/{method.containing_service.full_name}/{method.name}" for method in METHODS]


def call(channel, method, data, metadata=(), timeout=20.0):
    """Send bytes to a method whatever its kind, and return (code, details, trailing metadata)."""
    name = f"/{method.containing_service.full_name}/{method.name}"
    requests = iter(data if isinstance(data, list) else [data])
    answers = channel.stream_stream(name)(requests, metadata=list(metadata), timeout=timeout)
    try:
        for _ in answers:
            pass
    except grpc.RpcError as error:
        return error.code(), error.details(), dict(error.trailing_metadata() or ())
    return answers.code(), "", dict(answers.trailing_metadata() or ())


@pytest.fixture(scope="module")
def channel(server):
    with grpc.insecure_channel(server.address().target) as channel:
        yield channel


@pytest.fixture(scope="module")
def right(server):
    return [("authorization", f"Bearer {server.address().token}")]


def test_the_contract_has_the_calls_that_this_test_knows():
    assert len(METHODS) == 29, NAMES


@pytest.mark.parametrize("method", METHODS, ids=NAMES)
def test_no_call_answers_without_the_right_token(server, channel, right, method):
    token = server.address().token
    wrong = [
        [],
        [("authorization", "")],
        [("authorization", "Bearer ")],
        [("authorization", "Bearer wrong")],
        [("authorization", token)],
        [("authorization", f"bearer {token}")],
        [("authorization", f"Bearer {token[:-1]}")],
        [("authorization", f"Bearer {token}x")],
        [("authorization", f"Bearer {token}"), ("authorization", "Bearer wrong")],
        [("token", token)],
    ]
    for metadata in wrong:
        code, details, _ = call(channel, method, b"", metadata)
        assert code is grpc.StatusCode.UNAUTHENTICATED, metadata
        assert "token" in details
        assert token not in details
    code, _, _ = call(channel, method, b"", right)
    assert code is not grpc.StatusCode.UNAUTHENTICATED


def test_the_token_is_a_secret_of_its_owner_and_in_no_log(server):
    token = server.home.token_file
    assert len(token.read_text().strip()) == 43
    if sys.platform != "win32":
        assert stat.S_IMODE(token.stat().st_mode) == 0o600
    secret = token.read_text().strip()
    assert secret not in server.log()
    assert secret not in server.output()


def test_a_start_that_is_cut_short_leaves_no_half_of_a_token(tmp_path, monkeypatch):
    class CutError(Exception):
        pass

    def cut(descriptor):
        raise CutError

    with monkeypatch.context() as context:
        context.setattr(os, "fsync", cut)
        with pytest.raises(CutError):
            read_or_make_token(tmp_path / "token")
    assert not (tmp_path / "token").exists()
    token = read_or_make_token(tmp_path / "token")
    assert read_or_make_token(tmp_path / "token") == token


def test_the_server_listens_on_loopback_only(server):
    process = psutil.Process(server.process.pid)
    listening = [c.laddr.ip for c in process.net_connections("inet") if c.status == psutil.CONN_LISTEN]
    assert listening
    assert all(ip in ("127.0.0.1", "::ffff:127.0.0.1", "::1") for ip in listening)


def test_no_field_carries_a_path_an_address_or_code():
    banned = {"path", "url", "uri", "yaml", "script", "command", "file", "folder", "address", "host"}
    for file in FILES:
        for message in file.DESCRIPTOR.message_types_by_name.values():
            for field in message.fields:
                assert not banned & set(field.name.split("_")), field.full_name


def test_an_unknown_call_is_told_apart(channel, right):
    with pytest.raises(grpc.RpcError) as error:
        channel.unary_unary("/cristae.v1.Server/Stop")(b"", metadata=right, timeout=10)
    assert error.value.code() is grpc.StatusCode.UNIMPLEMENTED


@pytest.mark.parametrize("method", METHODS, ids=NAMES)
def test_broken_bytes_get_a_clean_status(channel, right, method):
    code, details, metadata = call(channel, method, b"\xff\xff\xff\xff", right)
    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert metadata[ERROR_KEY] == "INVALID_INPUT"
    assert "cannot be read" in details


def messages_of(method):
    name = method.input_type.full_name
    return message_factory.GetMessageClass(descriptor_pool.Default().FindMessageTypeByName(name))


def fill(message, chance, depth=0):
    """Fill a message with nonsense of the right types."""
    nasty = [
        "",
        "../../etc/passwd",
        "\x00",
        "a" * 1024,
        "a" * 1025,
        "0" * 64,
        "é" * 600,
        "%s%n",
        "1/2",
        "labels",
    ]
    numbers = [0, 1, 2, 255, 2**31 - 1, 2**31, 2**32 - 1]
    for field in message.DESCRIPTOR.fields:
        if chance.random() < 0.3 or (
            field.containing_oneof and message.WhichOneof(field.containing_oneof.name)
        ):
            continue
        kind = field.cpp_type
        is_map = field.message_type is not None and field.message_type.GetOptions().map_entry
        if is_map:
            getattr(message, field.name)[chance.choice(nasty).replace("\x00", "n")] = "1"
        elif kind == field.CPPTYPE_MESSAGE:
            targets = (
                [getattr(message, field.name).add() for _ in range(chance.choice([1, 2, 70]))]
                if field.is_repeated
                else [getattr(message, field.name)]
            )
            for target in targets:
                if not field.is_repeated:
                    target.SetInParent()
                if depth < 4:
                    fill(target, chance, depth + 1)
        elif kind == field.CPPTYPE_STRING and field.type == field.TYPE_BYTES:
            setattr(message, field.name, os.urandom(chance.choice([0, 1, 100])))
        elif kind == field.CPPTYPE_STRING and field.is_repeated:
            getattr(message, field.name).extend(chance.choices(nasty, k=chance.choice([1, 2, 70])))
        elif kind == field.CPPTYPE_STRING:
            setattr(message, field.name, chance.choice(nasty))
        elif kind in (field.CPPTYPE_DOUBLE, field.CPPTYPE_FLOAT):
            odd = [0.0, -1.0, 1e308, float("nan"), float("inf")]
            if field.is_repeated:
                getattr(message, field.name).extend(chance.choices(odd, k=chance.choice([1, 2, 70])))
            else:
                setattr(message, field.name, chance.choice(odd))
        elif kind == field.CPPTYPE_BOOL:
            setattr(message, field.name, chance.random() < 0.5)
        elif kind == field.CPPTYPE_ENUM:
            setattr(message, field.name, chance.choice([0, 1, 3, 99]))
        else:
            is_long = kind in (field.CPPTYPE_UINT64, field.CPPTYPE_INT64)
            whole = [*numbers, 2**63 - 1] if is_long else numbers[:-2]
            if field.is_repeated:
                getattr(message, field.name).extend(chance.choices(whole, k=chance.choice([1, 2, 70])))
            else:
                setattr(message, field.name, chance.choice(whole))


@pytest.mark.parametrize("method", METHODS, ids=NAMES)
def test_mutated_messages_never_hurt_the_server(server, channel, right, method):
    chance = random.Random(method.full_name)  # noqa: S311
    process = psutil.Process(server.process.pid)
    memory = process.memory_info().rss
    fine = {
        grpc.StatusCode.OK,
        grpc.StatusCode.INVALID_ARGUMENT,
        grpc.StatusCode.NOT_FOUND,
        grpc.StatusCode.OUT_OF_RANGE,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        grpc.StatusCode.ALREADY_EXISTS,
        grpc.StatusCode.FAILED_PRECONDITION,
    }
    for number in range(120):
        message = messages_of(method)()
        fill(message, chance)
        data = bytearray(message.SerializeToString())
        if number % 2:
            for _ in range(chance.randint(1, 4)):
                if data:
                    data[chance.randrange(len(data))] = chance.randrange(256)
        code, details, metadata = call(channel, method, bytes(data), right)
        assert code in fine, (code, details, bytes(data))
        assert len(details.encode()) <= 2048
        assert str(server.home.root) not in details
        if code is not grpc.StatusCode.OK:
            assert metadata.get(ERROR_KEY), (code, details)
    assert process.is_running()
    assert process.memory_info().rss - memory < 50 * 2**20
    assert "Traceback" not in server.log()


def test_a_text_at_the_limit_passes_and_one_beyond_is_refused(channel, right):
    (get,) = (method for method in METHODS if method.name == "GetServer")
    at = server_pb2.GetServerRequest(client="c" * 1024).SerializeToString()
    beyond = server_pb2.GetServerRequest(client="c" * 1025).SerializeToString()
    assert call(channel, get, at, right)[0] is grpc.StatusCode.OK
    code, details, metadata = call(channel, get, beyond, right)
    assert code is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert metadata[ERROR_KEY] == "LIMIT_EXCEEDED"
    assert "'client'" in details
    assert "1024" in details


def test_a_message_beyond_four_mebibytes_is_refused(channel, right):
    for method in METHODS:
        if method.name not in ("PreviewPart", "WriteBlocks"):
            code, _, _ = call(channel, method, b"x" * (4 * 2**20 + 1), right)
            assert code is grpc.StatusCode.RESOURCE_EXHAUSTED, method.name


def test_a_preview_may_bring_sixteen_mebibytes_of_voxels_and_no_message_is_larger(channel, right):
    (preview,) = (method for method in METHODS if method.name == "PreviewPart")
    code, told, _ = call(channel, preview, b"\xff" * (20 * 2**20), right)
    assert code is grpc.StatusCode.INVALID_ARGUMENT, told
    for method in METHODS:
        code, _, _ = call(channel, method, b"\xff" * (20 * 2**20 + 1), right)
        assert code is grpc.StatusCode.RESOURCE_EXHAUSTED, method.name


def test_fields_of_tomorrow_are_passed_over(channel, right):
    (get,) = (method for method in METHODS if method.name == "GetServer")
    future = b"\xf2\x3f\x05hello"  # field 1022, five bytes
    assert call(channel, get, future, right)[0] is grpc.StatusCode.OK
