"""Models that were used just now, ready on their devices; the least recently used leaves."""

import json
from collections import OrderedDict
from dataclasses import dataclass

from cristae.models import ModelLibrary
from cristae.prediction import Predictor, load_predictor


@dataclass(frozen=True)
class _Loaded:
    content: str
    predictor: Predictor
    byte_count: int


class LoadedModels:
    """The models of a library that were used last.

    Parameters
    ----------
    library
        Where they are. A model that was replaced under its name is loaded anew.
    most_models
        So many are kept.
    most_bytes
        So many bytes their stored weights may have together; a larger one is kept alone.
    """

    def __init__(self, library: ModelLibrary, most_models: int, most_bytes: int) -> None:
        self._library = library
        self._most_models, self._most_bytes = most_models, most_bytes
        self._kept: OrderedDict[tuple[str, str], _Loaded] = OrderedDict()

    def get(self, name: str, device: str) -> Predictor:
        """Return a model on a device, which is loaded if it is not here.

        Raises
        ------
        NotFound
            There is no such model.
        CorruptData, InvalidInput
            It is damaged, or its network is none that can be built.
        """
        package = self._library.get(name)
        content = json.dumps(package.record, sort_keys=True)  # with the digest of the weights
        place = (name, device)
        kept = self._kept.get(place)
        if kept is None or kept.content != content:
            self._kept.pop(place, None)
            byte_count = package.weight_bytes
            self._make_room(byte_count)  # before the other one takes memory
            kept = _Loaded(content, load_predictor(package, device, engine="torch"), byte_count)
            self._kept[place] = kept
        self._kept.move_to_end(place)
        return kept.predictor

    def names(self) -> list[str]:
        """Return the names of those that are here, the one that was used last at the end."""
        return [name for name, _ in self._kept]

    def _make_room(self, byte_count: int) -> None:
        """Let go of models until one more, of so many bytes, is not too much."""
        total = byte_count + sum(kept.byte_count for kept in self._kept.values())
        while self._kept and (len(self._kept) >= self._most_models or total > self._most_bytes):
            _, gone = self._kept.popitem(last=False)
            total -= gone.byte_count
