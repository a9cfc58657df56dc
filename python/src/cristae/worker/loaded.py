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
        So many bytes their weights may have together; a larger one is kept alone.
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
        record = package.record
        content = json.dumps([package.digest, record["network"], record["preprocessing"], record["classes"]])
        place = (name, device)
        kept = self._kept.get(place)
        if kept is None or kept.content != content:
            self._kept.pop(place, None)  # before the other one takes memory
            predictor = load_predictor(package, device, engine="torch")
            kept = _Loaded(content, predictor, weight_bytes(predictor))
            self._kept[place] = kept
        self._kept.move_to_end(place)
        while len(self._kept) > max(1, self._most_models) or (len(self._kept) > 1 and self._too_large()):
            self._kept.popitem(last=False)
        return kept.predictor

    def names(self) -> list[str]:
        """Return the names of those that are here, the one that was used last at the end."""
        return [name for name, _ in self._kept]

    def _too_large(self) -> bool:
        return sum(kept.byte_count for kept in self._kept.values()) > self._most_bytes


def weight_bytes(predictor: Predictor) -> int:
    """Return how many bytes the weights of a model take."""
    return sum(tensor.numel() * tensor.element_size() for tensor in predictor.network.state_dict().values())
