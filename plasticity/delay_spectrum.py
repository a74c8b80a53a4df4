"""Delay lines in the frequency domain: what a dense signal costs does not depend on how many taps a synapse has.

A convolution in time is one complex product of matrices per frequency: 2 (1 + taps / time) real multiply-adds per synapse
and step, against `taps` in the time domain. Long signals are cut into blocks that overlap by the taps, so that the
kernel's spectrum stays small. Discrete Fourier transforms of few steps are products with a matrix, which puts frequency
first, as the products need it. Errors are those of the working precision relative to the largest values of a signal.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from itertools import count

import torch
from torch import Tensor

__all__ = ["Blocks", "convolve", "convolve_transposed", "correlate"]

_TOGETHER = 16  # frequencies at a time


class Blocks:
    """How `time` outputs of a convolution with `taps` taps are cut: `number` blocks of `hop` outputs, `size` frequencies."""

    def __init__(self, time: int, taps: int) -> None:
        shortest = 4 * (taps - 1) + 28  # about where longer blocks stop paying
        self.number = max(1, round(time / shortest))
        self.size = _quick_size(-(-time // self.number) + taps - 1)
        self.hop = self.size - taps + 1
        self.number = -(-time // self.hop)

    @property
    def frequencies(self) -> int:
        """Of a real signal, with zero."""
        return self.size // 2 + 1

    def operations(self, batch: int, n_in: int, n_out: int) -> int:
        """Real multiply-adds of a convolution, about."""
        series = self.number * batch * (n_in + n_out) + n_in * n_out // 4
        return self.frequencies * (4 * self.number * batch * n_in * n_out + 2 * self.size * series)

    def parts(self) -> Iterator[slice]:
        """The frequencies, a few at a time, whose spectra fit into a cache."""
        for first in range(0, self.frequencies, _TOGETHER):
            yield slice(first, min(first + _TOGETHER, self.frequencies))


def convolve(x: Tensor, kernel: Tensor, lead: int, time: int) -> Tensor:
    """y[t, b, i] = Σ_n,j kernel[n, j, i] x[t + lead - n, b, j], for t < time; x is zero outside of its rows."""
    taps, _, n_out = kernel.shape
    blocks = Blocks(time, taps)
    signal, response = _cut(x, blocks, taps - 1 - lead), _Rows(kernel, blocks.size)
    y = _Inverse(x, blocks.size, slice(taps - 1, taps - 1 + blocks.hop), blocks.number * x.shape[1], n_out)
    for part in blocks.parts():
        y.add(part, torch.bmm(signal.spectrum(part), response.spectrum(part)))
    return _joined(y.signal, blocks, time)


def convolve_transposed(gradient: Tensor, kernel: Tensor, lead: int) -> Tensor:
    """The gradient of `convolve` for x: Σ_n,i kernel[n, j, i] gradient[t - lead + n, b, i]."""
    time, (taps, n_in, _) = lead + len(gradient), kernel.shape
    blocks = Blocks(time, taps)
    signal, response = _cut(gradient, blocks, lead), _Rows(kernel, blocks.size)
    x = _Inverse(gradient, blocks.size, slice(blocks.hop), blocks.number * gradient.shape[1], n_in)
    for part in blocks.parts():
        x.add(part, torch.bmm(signal.spectrum(part), response.spectrum(part, conjugate=True).mT))
    return _joined(x.signal, blocks, time)


def correlate(x: Tensor, gradient: Tensor, lead: int, taps: int) -> Tensor:
    """The gradient of `convolve` for the kernel: Σ_t,b gradient[t, b, i] x[t + lead - n, b, j]."""
    blocks = Blocks(len(gradient), taps)
    signal, error = _cut(x, blocks, taps - 1 - lead), _cut(gradient, blocks, 0, skip=taps - 1)
    kernel = _Inverse(x, blocks.size, slice(taps), x.shape[2], gradient.shape[2])
    for part in blocks.parts():
        kernel.add(part, torch.bmm(signal.spectrum(part, conjugate=True).mT, error.spectrum(part)))
    return kernel.signal


class _Inverse:
    """The inverse transform at some steps, summed over parts of the spectrum as they come: `signal`, (step, …)."""

    def __init__(self, like: Tensor, size: int, steps: slice, *shape: int) -> None:
        # zero and the highest frequency have no negative twin
        once = torch.full((size // 2 + 1, 1), 2 / size, dtype=like.dtype)
        once[0] = once[-1] = 1 / size
        self._cosine, self._sine = (table[:, steps] * once for table in _fourier(size, like.dtype))
        self.signal = like.new_zeros((self._cosine.shape[1], *shape))

    def add(self, part: slice, spectrum: Tensor) -> None:
        """Add what these frequencies contribute."""
        rows = torch.cat([spectrum.real, spectrum.imag]).view(2 * len(spectrum), -1)
        matrix = torch.cat([self._cosine[part], -self._sine[part]])
        self.signal.view(len(self.signal), -1).addmm_(matrix.T, rows)


class _Rows:
    """Signals, (step, …), that begin at step `before` of a period of `size` steps and are zero in the rest of it."""

    def __init__(self, rows: Tensor, size: int, before: int = 0) -> None:
        self.rows, self._size, self._before = rows, size, before

    def spectrum(self, part: slice, conjugate: bool = False) -> Tensor:
        """Fourier transform over the first axis for some of the frequencies: complex, (frequency, …)."""
        steps = slice(self._before, self._before + len(self.rows))
        cosine, sine = (table[part, steps] for table in _fourier(self._size, self.rows.dtype))
        matrix = torch.cat([cosine, sine if conjugate else -sine])
        real, imaginary = (matrix @ self.rows.reshape(len(self.rows), -1)).view(2, -1, *self.rows.shape[1:])
        return torch.complex(real, imaginary)


def _cut(signal: Tensor, blocks: Blocks, before: int, skip: int = 0) -> _Rows:
    """The signal after `before` zero steps, in blocks that start `hop` steps apart, (step, block × batch, n).

    The first `skip` steps of each block are zero and the signal's first falls on the next.
    """
    rows, batch, n = signal.shape
    if blocks.number == 1:  # zero rows need no copying: the transform leaves them out
        return _Rows(signal[: blocks.size - before - skip], blocks.size, before + skip)
    steps = blocks.size - skip
    length = (blocks.number - 1) * blocks.hop + steps
    padded = signal.new_zeros((length, batch, n))
    kept = min(rows, length - before)
    padded[before : before + kept] = signal[:kept]
    cut = padded.unfold(0, steps, blocks.hop).permute(3, 0, 1, 2)  # (step, block, batch, n)
    return _Rows(cut.reshape(steps, -1, n), blocks.size, skip)


def _joined(signal: Tensor, blocks: Blocks, time: int) -> Tensor:
    """Blocks of `hop` steps, (step, block × batch, n), one after the other: (time, batch, n)."""
    hop, _, n = signal.shape
    return signal.view(hop, blocks.number, -1, n).transpose(0, 1).reshape(blocks.number * hop, -1, n)[:time]


@lru_cache(maxsize=16)
def _fourier(size: int, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """Cosines and sines, (size // 2 + 1, size) each."""
    frequency = torch.arange(size // 2 + 1, dtype=torch.float64).unsqueeze(1)
    angle = frequency * torch.arange(size) % size * (2 * torch.pi / size)
    return angle.cos().to(dtype), angle.sin().to(dtype)


def _quick_size(least: int) -> int:
    """The next size from `least` that a fast transform likes: a multiple of 8 with no prime factor above 5."""
    for size in count(-(-least // 8) * 8, 8):
        rest = size
        for prime in (2, 3, 5):
            while rest % prime == 0:
                rest //= prime
        if rest == 1:
            return size
    raise AssertionError  # unreachable: `count` does not end
