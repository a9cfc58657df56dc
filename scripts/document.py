"""Write the pages that follow from the code: docs/command-line.md and docs/contract.md.

``--check`` writes nothing and fails if a page is not what the code says; ``make check`` does that.
"""

import argparse
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import grpc_tools
from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
    FileDescriptorSet,
    ServiceDescriptorProto,
)
from grpc_tools import protoc

ROOT = Path(__file__).resolve().parents[1]
NOTE = "<!-- Written by scripts/document.py from {}; do not edit, run `make docs`. -->\n"

# The numbers of the fields in descriptor.proto: the path to a comment is made of them.
MESSAGE, ENUM, SERVICE, SYNTAX = 4, 5, 6, 12
FIELD, VALUE, METHOD = 2, 2, 2


def command_line() -> str:
    """Describe every command from the parser itself."""
    from cristae.cli import parser

    whole = parser()
    lines = [
        NOTE.format("the parser of the command line"),
        "# The command line",
        "",
        _section(whole.description or ""),
    ]
    lines += ["", _example(whole.epilog or ""), ""]
    for name, command in _subcommands(whole):
        lines += _command(f"cristae {name}", command, depth=2)
    return "\n".join(lines).rstrip() + "\n"


def _subcommands(parser: argparse.ArgumentParser) -> Iterator[tuple[str, argparse.ArgumentParser]]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            yield from action.choices.items()


def _command(title: str, command: argparse.ArgumentParser, depth: int) -> list[str]:
    lines = [f"{'#' * depth} {title}", "", _section(command.description or ""), ""]
    rows = [
        (_spelling(action), action.help % vars(action) if action.help else "")
        for action in command._actions
        if not isinstance(action, argparse._HelpAction | argparse._SubParsersAction)
    ]
    if rows:
        lines += ["| argument | meaning |", "| --- | --- |"]
        lines += [
            f"| `{spelling.replace('|', chr(92) + '|')}` | {_cell(meaning)} |" for spelling, meaning in rows
        ]
        lines += [""]
    if command.epilog:
        lines += [_example(command.epilog), ""]
    for name, below in _subcommands(command):
        lines += _command(f"{title} {name}", below, depth + 1)
    return lines


def _spelling(action: argparse.Action) -> str:
    values = action.metavar or action.dest.upper()
    if action.choices is not None and action.metavar is None:
        values = "|".join(map(str, action.choices))
    value = " ".join(values) if isinstance(values, tuple) else values
    if not action.option_strings:
        return value if action.nargs != "?" else f"[{value}]"
    return action.option_strings[-1] + ("" if action.nargs == 0 else f" {value}")


def _section(text: str) -> str:
    return text.strip()


def _example(epilog: str) -> str:
    """Fence the indented lines, keep the others as text."""
    return _prose(epilog.strip("\n").splitlines())


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def contract() -> str:
    """Describe the contract from the comments in proto/, which are its documentation."""
    lines = [
        NOTE.format("the comments in proto/cristae/v1"),
        "# The contract between Fiji and the server",
        "",
    ]
    for file in _descriptors():
        comments = {tuple(place.path): place.leading_comments for place in file.source_code_info.location}
        lines += [f"## {Path(file.name).name}", "", _comment(comments, SYNTAX), ""]
        for index, service in enumerate(file.service):
            lines += _service(service, comments, (SERVICE, index))
        for index, message in enumerate(file.message_type):
            lines += _message(message, comments, (MESSAGE, index))
        for index, enum in enumerate(file.enum_type):
            lines += _enum(enum, comments, (ENUM, index))
    return "\n".join(lines).rstrip() + "\n"


type Comments = dict[tuple[int, ...], str]


def _descriptors() -> Iterable[FileDescriptorProto]:
    """Compile proto/ with its comments; services first, shared messages last."""
    files = sorted((ROOT / "proto" / "cristae" / "v1").glob("*.proto"))
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "set"
        words = [
            f"-I{ROOT / 'proto'}",
            f"-I{Path(grpc_tools.__file__).parent / '_proto'}",
            "--include_source_info",
        ]
        if protoc.main(["protoc", *words, f"--descriptor_set_out={target}", *map(str, files)]) != 0:
            sys.exit("protoc could not read proto/; its message stands above.")
        found = FileDescriptorSet.FromString(target.read_bytes()).file
    return sorted(found, key=lambda file: (not file.service, file.name))


def _service(service: ServiceDescriptorProto, comments: Comments, path: tuple[int, ...]) -> list[str]:
    lines = [f"### service {service.name}", "", _comment(comments, *path), ""]
    for index, rpc in enumerate(service.method):
        asks = ("stream " if rpc.client_streaming else "") + rpc.input_type.rpartition(".")[2]
        answers = ("stream " if rpc.server_streaming else "") + rpc.output_type.rpartition(".")[2]
        lines += [
            f"#### {rpc.name} ({asks}) returns ({answers})",
            "",
            _comment(comments, *path, METHOD, index),
            "",
        ]
    return lines


def _message(message: DescriptorProto, comments: Comments, path: tuple[int, ...]) -> list[str]:
    lines = [f"### message {message.name}", "", _comment(comments, *path), ""]
    if message.field:
        lines += ["| field | type | meaning |", "| --- | --- | --- |"]
    for index, field in enumerate(message.field):
        meaning = _cell(_comment(comments, *path, FIELD, index))
        lines.append(f"| `{field.name}` = {field.number} | {_type(field, message)} | {meaning} |")
    return [*lines, ""]


def _type(field: FieldDescriptorProto, message: DescriptorProto) -> str:
    name = field.type_name.rpartition(".")[2] or FieldDescriptorProto.Type.Name(field.type)[5:].lower()
    entry = next(
        (nested for nested in message.nested_type if nested.name == name and nested.options.map_entry), None
    )
    if entry is not None:
        return f"map of {_type(entry.field[0], entry)} to {_type(entry.field[1], entry)}"
    if field.label == FieldDescriptorProto.LABEL_REPEATED:
        return f"repeated {name}"
    if field.HasField("oneof_index") and not field.proto3_optional:
        return f"{name}, one of `{message.oneof_decl[field.oneof_index].name}`"
    return f"optional {name}" if field.proto3_optional else name


def _enum(enum: EnumDescriptorProto, comments: Comments, path: tuple[int, ...]) -> list[str]:
    lines = [
        f"### enum {enum.name}",
        "",
        _comment(comments, *path),
        "",
        "| value | meaning |",
        "| --- | --- |",
    ]
    for index, value in enumerate(enum.value):
        lines.append(
            f"| `{value.name}` = {value.number} | {_cell(_comment(comments, *path, VALUE, index))} |"
        )
    return [*lines, ""]


def _comment(comments: Comments, *path: int) -> str:
    return _prose([line.removeprefix(" ") for line in comments.get(path, "").strip("\n").splitlines()])


def _prose(lines: list[str]) -> str:
    """Fence what is indented (drawings, commands), so that Markdown leaves it alone."""
    out: list[str] = []
    fenced = False
    for number, line in enumerate(lines):
        indented = line.startswith("  ")
        more = (
            fenced
            and not line.strip()
            and any(later.startswith("  ") for later in lines[number + 1 : number + 2])
        )
        if indented != fenced and not more:
            out += ["```"] if fenced else [*([""] if out and out[-1] else []), "```text"]
            fenced = indented
        out.append(line.removeprefix("  ") if fenced else line)
    return "\n".join([*out, "```"] if fenced else out).strip()


def main() -> int:
    """Write the pages, or check them."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument(
        "--check", action="store_true", help="write nothing; fail if a page is out of date"
    )
    check = arguments.parse_args().check
    stale = []
    for name, page in (("command-line.md", command_line()), ("contract.md", contract())):
        path = ROOT / "docs" / name
        if not path.is_file() or path.read_text(encoding="utf-8") != page:
            stale.append(path.relative_to(ROOT).as_posix())
            if not check:
                path.parent.mkdir(exist_ok=True)
                path.write_text(page, encoding="utf-8", newline="\n")
    if stale:
        print(f"{', '.join(stale)}: " + ("out of date; run make docs." if check else "written."))
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
