"""What the server's owner offers under the data root: listed, looked into by a child, found again by id."""

import time
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass

from cristae.errors import CristaeError, NotFound
from cristae.service.pages import NO_SUCH_PAGE
from cristae.volumes.data_root import LISTED_FILES, Candidate, DataRoot, Listing, place_in_order
from cristae.volumes.found import FoundVolume, id_of, title_of
from cristae.volumes.kinds import HDF5
from cristae.volumes.reader import Looked, Reader, ReadingEnded
from cristae.volumes.states import state_of

_PAGE_S = 15.0
_FIND_S = 120.0
_GIVEN_UP_FOR_S = 600.0
_LONGEST_PROBLEM = 500


@dataclass(frozen=True)
class Offer:
    """An image under the data root; ``name`` is for people."""

    volume_id: str
    name: str
    key: str
    about: Looked
    candidate: Candidate


@dataclass(frozen=True)
class Page:
    """Some offers in the order of their names, the name of the next page, and notes about the list."""

    offers: list[Offer]
    next_page: str
    notes: tuple[str, ...]


class Offers:
    """What lies under a data root. One thread at a time may ask.

    A file is looked into once, and again when its size or time of change is another.
    """

    def __init__(self, root: DataRoot) -> None:
        self._root = root
        self._reader = Reader(root)
        self._listing = Listing((), ())
        self._looked: dict[tuple[str, str], list[Looked]] = {}
        self._given_up: dict[tuple[str, str], float] = {}
        self._known: dict[str, Offer] = {}

    def page(self, size: int, page: str) -> Page:
        """Return one page. It begins behind the last image of the page before, even if that is gone.

        It ends early if looking into files takes long.

        Raises
        ------
        InvalidInput
            No page has this name.
        """
        skip, name = _start_of(page)
        if not page or not self._listing.found:
            self._list()
        found, notes = self._listing.found, self._listing.notes
        first = (
            bisect_left(found, place_in_order(name), key=lambda one: place_in_order(one.name)) if name else 0
        )
        if first < len(found) and found[first].name != name:
            skip = 0  # it went away
        deadline = time.monotonic() + _PAGE_S
        shown: list[Offer] = []
        try:
            for candidate in found[first:]:
                for number, offer in enumerate(self._offers_of(candidate)):
                    if number < skip:
                        continue
                    if len(shown) == size or (shown and time.monotonic() > deadline):
                        return Page(shown, f"{number}/{candidate.name}", notes)
                    shown.append(offer)
                skip = 0
            return Page(shown, "", notes)
        finally:
            self._reader.close()

    def find(self, volume_id: str) -> FoundVolume:
        """Return what has this id, with the state of all its files.

        Raises
        ------
        NotFound
            Nothing has, or not any more.
        CristaeError
            It cannot be read.
        """
        try:
            offer = self._same_still(volume_id) or self._search(volume_id)
            if offer is None:
                raise NotFound(
                    "There is no such image, neither sent nor under the data root; or it was changed since "
                    "it was listed. List the images again, or send it."
                )
            name = offer.candidate.name
            return FoundVolume(volume_id, name, offer.key, self._reader.state(name))
        finally:
            self._reader.close()

    def abort(self) -> None:
        """End at once what is looked into, from any thread."""
        self._reader.abort()

    def _same_still(self, volume_id: str) -> Offer | None:
        offer = self._known.get(volume_id)
        if offer is None:
            return None
        try:
            now = state_of(self._root.place(offer.candidate.name), LISTED_FILES)
        except (OSError, CristaeError):
            return None
        return offer if now == offer.candidate.state else None

    def _search(self, volume_id: str) -> Offer | None:
        """Look for an id that this server has not listed, perhaps the one before it has."""
        self._list()
        deadline = time.monotonic() + _FIND_S
        for candidate in self._listing.found:
            if _holds_one(candidate) and id_of(candidate, "") != volume_id:
                continue
            for offer in self._offers_of(candidate):
                if offer.volume_id == volume_id:
                    return offer
                if time.monotonic() > deadline:
                    return None
        return None

    def _list(self) -> None:
        self._listing = self._root.candidates()
        there = {(one.name, one.state) for one in self._listing.found}
        folders = {one.name for one in self._listing.found if one.kind == "slices"}
        self._looked = {
            (name, state): looked
            for (name, state), looked in self._looked.items()
            if (name, state) in there or name.rpartition("/")[0] in folders
        }
        self._given_up = {key: until for key, until in self._given_up.items() if key in self._looked}
        self._known = {}

    def _offers_of(self, candidate: Candidate) -> Iterator[Offer]:
        """Yield the images in a file or folder, or the reason why none can be read."""
        looked = self._look(candidate)
        if not looked and candidate.kind == "slices":
            for file in self._files_of(candidate):
                yield from self._offers_of(file)
        for about in looked:
            name = title_of(candidate.name, about.key)
            offer = Offer(id_of(candidate, about.key), name, about.key, about, candidate)
            if not about.problem:
                self._known[offer.volume_id] = offer
            yield offer

    def _files_of(self, folder: Candidate) -> list[Candidate]:
        try:
            return self._root.files_of(folder)
        except (OSError, CristaeError):  # it went away just now
            return []

    def _look(self, candidate: Candidate) -> list[Looked]:
        key = candidate.name, candidate.state
        if key in self._looked and time.monotonic() < self._given_up.get(key, float("inf")):
            return self._looked[key]
        try:
            looked = self._reader.look(candidate.name)
        except CristaeError as error:
            looked = [Looked("", problem=error.sentence[:_LONGEST_PROBLEM])]
            if isinstance(error, ReadingEnded):  # perhaps its disk was slow
                self._given_up[key] = time.monotonic() + _GIVEN_UP_FOR_S
        if candidate.state:
            self._looked[key] = looked
        return looked


def _holds_one(candidate: Candidate) -> bool:
    """Tell whether what has this name is one image for sure, so that its id is known before it is opened."""
    return candidate.kind == "file" and not candidate.name.lower().endswith(HDF5)


def _start_of(page: str) -> tuple[int, str]:
    """Return how many images of which file come before a page."""
    if not page:
        return 0, ""
    skip, slash, name = page.partition("/")
    if not (slash and name and skip.isascii() and skip.isdecimal() and len(skip) < 9):
        raise NO_SUCH_PAGE
    return int(skip), name
