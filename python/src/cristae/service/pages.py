"""Long lists, page by page."""

from collections.abc import Callable, Sequence

from cristae.errors import InvalidInput
from cristae.settings import Limits


def page_size(asked: int, limits: Limits) -> int:
    """Return how many items a page has: as asked for, but at most the server's limit; 0 asks for the limit.

    Examples
    --------
    >>> page_size(0, Limits()), page_size(7, Limits()), page_size(10**6, Limits())
    (200, 7, 200)
    """
    return min(asked, limits.max_page_size) if asked else limits.max_page_size


def page_of[T](
    items: Sequence[T], created_s: Callable[[T], float], key: Callable[[T], str], size: int, page: str
) -> tuple[list[T], str]:
    """Return one page of items, newest first, and the name of the next page ("" on the last one).

    A page begins behind the last item of the page before, whether that is still there or not.

    Raises
    ------
    InvalidInput
        If no page has this name.
    """
    ordered = sorted(items, key=lambda item: (-created_s(item), key(item)))
    if page:
        try:
            seconds, last = page.split("/", 1)
            behind = (-float.fromhex(seconds), last)
        except (ValueError, OverflowError) as error:
            raise NO_SUCH_PAGE from error
        ordered = [item for item in ordered if (-created_s(item), key(item)) > behind]
    shown = ordered[:size]
    if len(ordered) <= size:
        return shown, ""
    return shown, f"{created_s(shown[-1]).hex()}/{key(shown[-1])}"


NO_SUCH_PAGE = InvalidInput("There is no such page; hand in 'next_page' of the answer before, or nothing.")
