"""Batch normalisation with the statistics of the whole batch, of which each process has a share.

PyTorch's own (``SyncBatchNorm``) runs on GPUs only. This one is the same everywhere, and made of the fused
steps that there are: normalising by given numbers, and its gradients.

Source: S. Ioffe and C. Szegedy, Batch normalization, ICML 2015.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.modules.batchnorm import _BatchNorm

from cristae.training.team import sum_over_processes


class SharedBatchNorm(_BatchNorm):
    """What a network's batch normalisation becomes while several processes train it.

    Parameters
    ----------
    alone
        The layer to stand in for; its weights and statistics are taken over, not copied.
    processes
        How many there are, each with an equal share of the batch.
    """

    def __init__(self, alone: _BatchNorm, processes: int) -> None:
        super().__init__(
            alone.num_features, alone.eps, alone.momentum, alone.affine, alone.track_running_stats
        )
        self._parameters, self._buffers, self.training = alone._parameters, alone._buffers, alone.training
        self._processes = processes
        self._alone = (alone,)  # in a tuple, so that it is no part of the network

    @property
    def alone(self) -> _BatchNorm:
        """The layer that this one stands in for, with what it has learned."""
        return self._alone[0]

    def forward(self, x: Tensor) -> Tensor:
        """Return (n, c, [z,] y, x) normalised; the others must call it for their shares at the same time."""
        if not self.training:
            return super().forward(x)
        with torch.no_grad():
            mean, var = self._statistics(x if x.dtype == torch.float64 else x.float())
            self._remember(mean, var, self._processes * x.numel() // x.shape[1])
        normalised: Tensor = _Normalised.apply(
            x, self.weight, self.bias, mean, var, self.eps, self._processes
        )
        return normalised

    def _check_input_dim(self, input: Tensor) -> None:  # noqa: A002 - its name there
        """Any number of axes is right: the network knows which."""

    def _statistics(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and variance of each channel over the shares of all processes."""
        axes, of_channels = (0, *range(2, x.ndim)), (1, -1, *(1,) * (x.ndim - 2))
        mean = x.mean(axes)  # on CPUs, torch.var_mean takes eight times as long as this in two passes
        var = (x - mean.view(of_channels)).square_().mean(axes)
        moments = torch.stack([mean, var]).double()
        moments[1] += moments[0].square()
        sum_over_processes(moments)
        mean, square = moments / self._processes
        return mean.to(x.dtype), (square - mean.square()).to(x.dtype)

    def _remember(self, mean: Tensor, var: Tensor, count: int) -> None:
        """Take the statistics into the running ones, as those of a sample of so many."""
        if self.running_mean is None or self.running_var is None or self.num_batches_tracked is None:
            return
        self.num_batches_tracked += 1
        share = 1 / float(self.num_batches_tracked) if self.momentum is None else self.momentum
        self.running_mean.lerp_(mean, share)
        self.running_var.lerp_(var * (count / max(1, count - 1)), share)


class _Normalised(torch.autograd.Function):
    """Normalise by the statistics of all shares, through which each voxel depends on all others."""

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        weight: Tensor | None,
        bias: Tensor | None,
        mean: Tensor,
        var: Tensor,
        eps: float,
        processes: int,
    ) -> Tensor:
        ctx.save_for_backward(x, weight, mean, var)
        ctx.eps, ctx.processes = eps, processes
        return functional.batch_norm(x, mean, var, weight, bias, training=False, eps=eps)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        x, weight, mean, var = ctx.saved_tensors
        of_x, of_weight, of_bias = torch.ops.aten.native_batch_norm_backward(
            gradient, x, weight, mean, var, None, None, False, ctx.eps, [True, True, True]
        )
        # So far as if the statistics were fixed: now that they follow every voxel of every share.
        sums = torch.stack([of_weight, of_bias])
        sum_over_processes(sums)
        of_slope, of_offset = sums / (ctx.processes * x.numel() // x.shape[1])
        rate = torch.rsqrt(var + ctx.eps)
        scale = rate if weight is None else rate * weight
        slope = -scale * rate * of_slope
        offset = -scale * of_offset - slope * mean
        a_channel = (-1, *[1] * (x.ndim - 2))
        of_x = of_x.add_(torch.addcmul(offset.view(a_channel), x, slope.view(a_channel)))
        if weight is None:
            return of_x, None, None, None, None, None, None
        return of_x, of_weight, of_bias, None, None, None, None


def normalise_together(network: nn.Module, processes: int) -> None:
    """Let all batch normalisation in a network see the batches of all processes, with the same weights."""
    for name, part in network.named_children():
        if isinstance(part, nn.BatchNorm1d | nn.BatchNorm2d | nn.BatchNorm3d):
            setattr(network, name, SharedBatchNorm(part, processes))
        else:
            normalise_together(part, processes)


def normalise_alone(network: nn.Module) -> None:
    """Take :func:`normalise_together` back; weights and statistics stay what they have become."""
    for name, part in network.named_children():
        if isinstance(part, SharedBatchNorm):
            setattr(network, name, part.alone.train(part.training))
        else:
            normalise_alone(part)
