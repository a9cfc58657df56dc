"""AdamW, as Loshchilov and Hutter describe it, with its state in plain named tensors.

PyTorch's own does the same, but the first use of any of its optimisers loads its compiler: a thousand modules
that nothing here needs, and seconds at the start of every training.
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

_BETAS = (0.9, 0.999)
_EPSILON = 1e-8


class AdamW:
    """The optimiser of a network's parameters.

    Parameters
    ----------
    network
        Whose parameters are changed.
    weight_decay
        Share of the weights that is taken away in a step, times the learning rate.

    Examples
    --------
    >>> network = nn.Linear(1, 1, bias=False)
    >>> network.weight.data.fill_(1.0)
    tensor([[1.]])
    >>> optimiser = AdamW(network, weight_decay=0.0)
    >>> network(torch.ones(1, 1)).sum().backward()
    >>> optimiser.step(learning_rate=0.1)
    >>> round(network.weight.item(), 4)  # the first step is as long as the learning rate
    0.9
    """

    def __init__(self, network: nn.Module, weight_decay: float) -> None:
        self._parameters = dict(network.named_parameters())
        self._weight_decay = weight_decay
        self._steps = 0
        self._mean = {name: torch.zeros_like(p) for name, p in self._parameters.items()}
        self._square = {name: torch.zeros_like(p) for name, p in self._parameters.items()}

    def clear(self) -> None:
        """Forget the gradients."""
        for parameter in self._parameters.values():
            parameter.grad = None

    @property
    def gradients(self) -> list[Tensor]:
        """Those that there are."""
        return [p.grad for p in self._parameters.values() if p.grad is not None]

    def clip(self, largest_norm: float) -> None:
        """Scale all gradients so that their common norm is at most so large."""
        gradients = self.gradients
        norm = torch.linalg.vector_norm(torch.stack([torch.linalg.vector_norm(g) for g in gradients]))
        factor = (largest_norm / (norm + 1e-6)).clamp(max=1.0)
        for gradient in gradients:
            gradient.mul_(factor)

    @torch.no_grad()
    def step(self, learning_rate: float) -> None:
        """Change every parameter by its gradient."""
        self._steps += 1
        first, second = _BETAS
        rate = learning_rate / (1 - first**self._steps)
        root = (1 - second**self._steps) ** 0.5
        for name, parameter in self._parameters.items():
            gradient = parameter.grad
            if gradient is None:
                continue
            mean, square = self._mean[name], self._square[name]
            mean.lerp_(gradient, 1 - first)
            square.mul_(second).addcmul_(gradient, gradient, value=1 - second)
            parameter.mul_(1 - learning_rate * self._weight_decay)
            parameter.addcdiv_(mean, square.sqrt().div_(root).add_(_EPSILON), value=-rate)

    def state(self) -> dict[str, Tensor]:
        """Return everything that the next step depends on, by name."""
        return (
            {"steps": torch.tensor(self._steps)}
            | {f"mean.{name}": tensor for name, tensor in self._mean.items()}
            | {f"square.{name}": tensor for name, tensor in self._square.items()}
        )

    def load_state(self, state: Mapping[str, Tensor]) -> None:
        """Go on from what :meth:`state` returned."""
        self._steps = int(state["steps"])
        for name in self._parameters:
            self._mean[name].copy_(state[f"mean.{name}"])
            self._square[name].copy_(state[f"square.{name}"])
