"""Sizes of what a client sends, checked over every field of every message, those of tomorrow too."""

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from cristae.errors import InvalidInput, LimitExceeded
from cristae.settings import Limits

_MOST_ITEMS = 1024


def check_sizes(message: Message, limits: Limits) -> None:
    """Refuse a message with a text or a list that is longer than any that the contract knows.

    Raises
    ------
    LimitExceeded
        The sentence names the field.
    InvalidInput
        If a text holds control characters.

    Examples
    --------
    >>> from cristae.v1.models_pb2 import GetModelRequest
    >>> check_sizes(GetModelRequest(name="mito"), Limits())
    >>> check_sizes(GetModelRequest(name="m" * 1025), Limits())
    Traceback (most recent call last):
        ...
    cristae.errors.LimitExceeded: The field 'name' has 1025 characters; at most 1024 are taken.
    """
    for field, value in message.ListFields():
        if field.is_repeated:
            if len(value) > _MOST_ITEMS:
                raise LimitExceeded(
                    f"The field '{field.name}' has {len(value)} items; at most {_MOST_ITEMS} are taken."
                )
            if _is_map(field):
                texts = [*value, *(item for item in value.values() if isinstance(item, str))]
                for text in texts:
                    _check_text(field.name, text, limits)
                continue
            items = value
        else:
            items = (value,)
        if field.type == FieldDescriptor.TYPE_MESSAGE:
            for item in items:
                check_sizes(item, limits)
        elif field.type == FieldDescriptor.TYPE_STRING:
            for item in items:
                _check_text(field.name, item, limits)


def _is_map(field: FieldDescriptor) -> bool:
    return field.message_type is not None and field.message_type.GetOptions().map_entry


def _check_text(name: str, text: object, limits: Limits) -> None:
    if not isinstance(text, str):
        return
    if len(text) > limits.max_string_length:
        raise LimitExceeded(
            f"The field '{name}' has {len(text)} characters; at most {limits.max_string_length} are taken."
        )
    if any(ord(character) < 32 or ord(character) == 127 for character in text):
        raise InvalidInput(f"The field '{name}' holds control characters; leave them out.")
