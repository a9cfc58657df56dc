"""What computes a network: torch, or on CPUs OpenVINO where a trial shows that it is quicker.

Both compute the same in 32 bit. They add in another order, so that a probability differs in the sixth
decimal; the trial looks whether it is no more. A prediction computes all its tiles with one of them.
"""

import logging
import sys
import time
from collections.abc import Callable
from functools import cache
from importlib.util import find_spec
from threading import Lock
from typing import Any, Literal, Protocol

import torch
from torch import Tensor, nn

from cristae.errors import InvalidInput, Unsupported

type EngineName = Literal["torch", "openvino"]

MOST_DIFFERENCE = 1e-3
"""Of a probability."""

_FEWEST_TILES = 4
_WORTH_A_TRIAL_S = 30.0
"""OpenVINO takes some seconds to get ready, and the trial computes a tile twice: less is sooner without."""

_CLEARLY_QUICKER = 0.9

_one_core = Lock()

_log = logging.getLogger(__name__)


class Engine(Protocol):
    """Computes a network."""

    name: EngineName

    def __call__(self, x: Tensor) -> Tensor:
        """Return the logits of (n, c, [z,] y, x)."""


class TorchEngine:
    """The network as torch computes it.

    Parameters
    ----------
    network
        On its device.
    memory_format
        How its tensors lie in memory.
    """

    name: EngineName = "torch"

    def __init__(self, network: nn.Module, memory_format: torch.memory_format) -> None:
        self._network, self._format = network, memory_format

    def __call__(self, x: Tensor) -> Tensor:
        """Return the logits of (n, c, [z,] y, x)."""
        logits: Tensor = self._network(x.contiguous(memory_format=self._format))
        return logits


class OpenVinoEngine:
    """The network as OpenVINO computes it on the CPU, for inputs of one shape.

    Parameters
    ----------
    network
        On the CPU.
    example
        An input; all others have its shape.
    threads
        How many it may use.
    """

    name: EngineName = "openvino"

    def __init__(self, network: nn.Module, example: Tensor, threads: int) -> None:
        self.shape = example.shape
        loudness = logging.root.level
        try:
            with torch.no_grad():
                model = _openvino().convert_model(torch.export.export(network, (example.clone(),)))
        finally:
            logging.root.setLevel(loudness)  # it hushes the whole process when it refuses a network
        wanted = {
            # Otherwise some CPUs would compute in 16 bit.
            "INFERENCE_PRECISION_HINT": "f32",
            "INFERENCE_NUM_THREADS": threads,
            "PERFORMANCE_HINT": "LATENCY",
        }
        with _one_core:
            self._request = _core().compile_model(model, "CPU", wanted).create_infer_request()

    def __call__(self, x: Tensor) -> Tensor:
        """Return the logits of (n, c, [z,] y, x)."""
        return torch.from_numpy(self._request.infer([x.contiguous().numpy()])[0])


def is_installed() -> bool:
    """Tell whether OpenVINO is there; it is an optional package."""
    return find_spec("openvino") is not None


def _openvino() -> Any:
    """Load OpenVINO without what reports its use to its makers, which it would do without asking anybody."""
    if "openvino" not in sys.modules:
        sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    import openvino

    return openvino


@cache
def _core() -> Any:
    """Return the one core of this process, which is kept until its end.

    It gives the thread that makes it a stack for signals, and frees that when it goes, in whichever thread:
    the next signal, a Ctrl-C, then ended the program (OpenVINO 2026.4).
    """
    return _openvino().Core()


def is_worth_a_trial(asked: str, tiles: int) -> bool:
    """Tell whether so many tiles may take long enough to look for what computes them sooner."""
    return asked == "auto" and tiles >= _FEWEST_TILES


def usable(asked: str, device: torch.device) -> str:
    """Return what was asked for, or "torch" where there is no choice.

    Parameters
    ----------
    asked
        "auto", "torch" or "openvino".
    device
        Where it is to compute.

    Raises
    ------
    InvalidInput
        OpenVINO was asked for on a GPU, or the engine is none.
    Unsupported
        It is not installed.

    Examples
    --------
    >>> usable("torch", torch.device("cpu")), usable("auto", torch.device("cuda:0"))
    ('torch', 'torch')
    """
    if asked not in ("auto", "torch", "openvino"):
        raise InvalidInput(f"The engine is one of auto, torch and openvino, not '{asked}'.")
    if asked != "openvino":
        return asked if device.type == "cpu" and is_installed() else "torch"
    if device.type != "cpu":
        raise InvalidInput(
            f"OpenVINO computes on the CPU, not on {device}. Leave the engine out, or use the cpu."
        )
    if not is_installed():
        raise Unsupported("OpenVINO is not installed here: pip install openvino. Torch does without.")
    return asked


def can_go_on(begun_with: str, asked: str, device: torch.device) -> bool:
    """Tell whether what computed a prediction before can go on with it: one that was asked for goes first.

    Examples
    --------
    >>> can_go_on("torch", "auto", torch.device("cpu")), can_go_on("openvino", "torch", torch.device("cpu"))
    (True, False)
    """
    if begun_with == "openvino" and (device.type != "cpu" or not is_installed()):
        return False
    return asked in ("auto", begun_with)


def quicker(
    own: Engine, network: nn.Module, example: Tensor, tiles: int, shares: Callable[[Tensor], Tensor]
) -> Engine:
    """Return what computes so many tiles sooner, found out on one of them.

    Parameters
    ----------
    own
        Torch's.
    network
        What it computes, on the CPU.
    example
        The input of a tile.
    tiles
        How many there are.
    shares
        Makes probabilities of logits.
    """
    logits, own_s = _timed(own, example)
    if own_s * tiles < _WORTH_A_TRIAL_S:
        return own
    try:
        other = OpenVinoEngine(network, example, torch.get_num_threads())
        others, other_s = _timed(other, example)
    except Exception:  # it does not know every operation that somebody's network may have
        _log.info("OpenVINO cannot compute this network; torch does.", exc_info=True)
        return own
    differ = float((shares(logits) - shares(others)).abs().max())
    _log.info(
        "A tile takes %.3f s in torch and %.3f s in OpenVINO; they differ by %.0e", own_s, other_s, differ
    )
    return other if other_s < _CLEARLY_QUICKER * own_s and differ <= MOST_DIFFERENCE else own


def _timed(engine: Engine, x: Tensor) -> tuple[Tensor, float]:
    with torch.inference_mode():
        start = time.perf_counter()
        logits = engine(x)
        return logits, time.perf_counter() - start
