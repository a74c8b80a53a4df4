"""Networks trained by backpropagation for the experiment `digits`: a perceptron and a spiking network of equal size.

Both are pixels -> one hidden layer -> classes, with the same initial weights, optimiser (Adam), batches and loss
(cross-entropy); they differ in what the hidden units are. Everything random comes from one generator per model.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..neurons import InvalidValue

if TYPE_CHECKING:
    from torch import Tensor

Weights = list["Tensor"]
Forward = Callable[[Weights, "Tensor"], "Tensor"]

__all__ = ["hidden_size", "one_torch_thread", "perceptron", "spiking_network", "train"]

BATCH = 64
TOLERANCE = 0.02  # of the number of trained parameters


def hidden_size(parameters: int, inputs: int, classes: int) -> int:
    """Hidden units with which inputs -> hidden -> classes, biases included, has nearest to this many parameters.

    Raises       InvalidValue if no whole number of them comes within 2 %
    """
    per_unit = inputs + 1 + classes
    units = max(1, round((parameters - classes) / per_unit))
    if abs(units * per_unit + classes - parameters) > TOLERANCE * parameters:
        raise InvalidValue(
            "neurons", f"{parameters} trained parameters of a readout",
            "so many that a hidden layer can have as many, within 2 %",
            f"from {25 * per_unit} on it always can: take more neurons or windows",
        )  # fmt: skip
    return units


def perceptron(weights: Weights, pixels: Tensor) -> Tensor:
    """Scores of the classes, (batch, classes): one hidden layer of rectified linear units."""
    from torch.nn import functional

    first, first_bias, second, second_bias = weights
    return functional.linear(functional.relu(functional.linear(pixels, first, first_bias)), second, second_bias)


def spiking_network(steps: int, beta: float) -> Forward:
    """The scores of a network whose hidden units are snnTorch's leaky integrate-and-fire neurons.

    Pixels are constant currents for `steps` steps; the score of a class is the mean membrane potential of an output
    unit that leaks and does not spike. Gradients pass spikes by the derivative of a fast sigmoid.

    Parameters   beta   decay of both membranes per step, in (0, 1)
    Source       Eshraghian et al. 2023, doi:10.1109/JPROC.2023.3308088 (snnTorch); Zenke & Ganguli 2018,
                 doi:10.1162/neco_a_01086 (fast sigmoid)
    """
    import snntorch
    from snntorch import surrogate
    from torch.nn import functional

    hidden = snntorch.Leaky(beta=beta, spike_grad=surrogate.fast_sigmoid(slope=25))
    output = snntorch.Leaky(beta=beta, reset_mechanism="none")

    def forward(weights: Weights, pixels: Tensor) -> Tensor:
        first, first_bias, second, second_bias = weights
        current = functional.linear(pixels, first, first_bias)  # the same in every step
        membrane, potential = current.new_zeros(current.shape), current.new_zeros(len(pixels), len(second))
        total = potential
        for _ in range(steps):
            spiked, membrane = hidden(current, membrane)
            _, potential = output(functional.linear(spiked, second, second_bias), potential)
            total = total + potential
        return total / steps

    return forward


def train(
    forward: Forward,
    units: int,
    pixels: NDArray[np.float32],
    labels: NDArray[np.int64],
    *,
    classes: int,
    learning_rate: float,
    weight_decay: float,
    epochs: int,
    seed: int,
) -> Callable[[NDArray[np.float32]], NDArray[np.int64]]:
    """Train on images (n, pixels) in 0..1 with labels (n,); returns the function from images to predicted classes.

    The same arguments give the same bits on one machine: one thread, one generator, and no global random state.
    """
    import torch
    from torch.nn import functional

    generator = torch.Generator().manual_seed(seed)
    x, y = torch.from_numpy(np.ascontiguousarray(pixels)), torch.from_numpy(np.ascontiguousarray(labels))
    weights = _initial_weights((x.shape[1], units, classes), generator)
    optimiser = torch.optim.Adam(weights, lr=learning_rate, weight_decay=weight_decay)
    for _ in range(epochs):
        for batch in torch.split(torch.randperm(len(x), generator=generator), BATCH):
            optimiser.zero_grad()
            functional.cross_entropy(forward(weights, x[batch]), y[batch]).backward()  # type: ignore[no-untyped-call]
            optimiser.step()

    def predict(images: NDArray[np.float32]) -> NDArray[np.int64]:
        with torch.no_grad():
            scores = forward(weights, torch.from_numpy(np.ascontiguousarray(images)))
        return np.asarray(scores.argmax(1).numpy(), dtype=np.int64)

    return predict


def _initial_weights(sizes: tuple[int, ...], generator: Any) -> Weights:
    """Weight and bias of each layer, uniform within 1 / sqrt(inputs) as torch's own layers are."""
    import torch

    weights = []
    for inputs, outputs in itertools.pairwise(sizes):
        for shape in ((outputs, inputs), (outputs,)):
            draw = (2.0 * torch.rand(shape, generator=generator) - 1.0) / inputs**0.5
            weights.append(draw.requires_grad_())
    return weights


@contextlib.contextmanager
def one_torch_thread() -> Iterator[None]:
    """Torch computes with one thread, since sums over several round differently; put back afterwards."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
