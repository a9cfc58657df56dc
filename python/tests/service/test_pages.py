"""Lists page by page, and the names that come out of jobs."""

import pytest
from hypothesis import given
from hypothesis import strategies as some

from cristae.errors import InvalidInput
from cristae.service.pages import page_of
from cristae.service.status import sentence_for_client
from cristae.settings import Limits

ITEMS = some.lists(
    some.tuples(some.floats(0, 2e9), some.text("abcdef", min_size=1)), unique_by=lambda i: i[1]
)


def pages(items, size):
    page, found = "", []
    while True:
        shown, page = page_of(items, lambda item: item[0], lambda item: item[1], size, page)
        assert len(shown) <= size
        found += shown
        if not page:
            return found


@given(ITEMS, some.integers(1, 5))
def test_pages_together_are_the_list_newest_first(items, size):
    assert pages(items, size) == sorted(items, key=lambda item: (-item[0], item[1]))


def test_a_page_begins_behind_an_item_that_was_deleted_meanwhile():
    items = [(3.0, "c"), (2.0, "b"), (1.0, "a")]
    _, page = page_of(items, lambda i: i[0], lambda i: i[1], 2, "")
    shown, _ = page_of([items[0], items[2]], lambda i: i[0], lambda i: i[1], 2, page)
    assert shown == [(1.0, "a")]


@pytest.mark.parametrize("page", ["x", "/", "nothing/a", "0x1p9999999/a"])
def test_a_page_that_nobody_handed_out_is_refused(page):
    with pytest.raises(InvalidInput, match="no such page"):
        page_of([(1.0, "a")], lambda i: i[0], lambda i: i[1], 2, page)


@given(some.text(max_size=5000))
def test_a_sentence_for_a_client_has_at_most_two_kilobytes(text):
    from pathlib import Path

    assert len(sentence_for_client(text, Path("/home/x"), Limits()).encode()) <= 2048
