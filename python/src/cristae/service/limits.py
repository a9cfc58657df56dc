"""Sizes of what a client sends, checked over every field of every message, those of tomorrow too."""

from functools import cache

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

from cristae.errors import InvalidInput, LimitExceeded
from cristae.settings import Limits

_MOST_ITEMS = 1024


def _most_items(field: FieldDescriptor, limits: Limits) -> int:
    """Return how many items a list of the contract may have."""
    more = {
        "cristae.v1.CleaningSpec.merges": limits.max_merges,
        "cristae.v1.CleaningSpec.splits": limits.max_splits,
    }
    return more.get(field.full_name, _MOST_ITEMS)


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
            most = _most_items(field, limits)
            if len(value) > most:
                raise LimitExceeded(
                    f"The field '{field.name}' has {len(value)} items; at most {most} are taken."
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
            if _is_of_numbers(field.message_type):
                continue  # such as voxels, of which there may be a great many
            for item in items:
                check_sizes(item, limits)
        elif field.type == FieldDescriptor.TYPE_STRING:
            for item in items:
                _check_text(field.name, item, limits)


@cache
def _is_of_numbers(message: Descriptor) -> bool:
    """Tell whether a message holds single numbers only, of which none is too long."""
    lists = (FieldDescriptor.TYPE_MESSAGE, FieldDescriptor.TYPE_STRING, FieldDescriptor.TYPE_BYTES)
    return not any(field.is_repeated or field.type in lists for field in message.fields)


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
