"""Figures of a run, as `sf.plot`: functions of a `Result` that draw on an axis and return the whole Figure.

Without an axis they make a Figure of their own, unknown to pyplot: nothing is shown, and nothing stays open.

    sf.plot.raster(result).savefig("raster.png")

    figure, (above, below) = pyplot.subplots(2, sharex=True)
    sf.plot.raster(result, above)
    sf.plot.rates(result, below)
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from ..neurons import InvalidValue
from ..reservoirs import Population, PopulationView, Projection, Result, SpikeData, Spikes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["PALETTE", "raster", "rates", "style", "traces", "weights"]

PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
"""Colours that stay apart for colour-blind readers (Okabe & Ito 2008), in the order in which they are used."""

UNITS = {"v": "mV", "u": "mV/ms", "refractory": "steps"}  # of state variables; a current's unit is its neuron's


@contextlib.contextmanager
def style() -> Iterator[None]:
    """The look of all figures, for everything that is made inside this context."""
    import matplotlib
    from cycler import cycler

    settings: Any = {
        "axes.prop_cycle": cycler(color=PALETTE),
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.titlelocation": "left",
        "axes.titlesize": "medium",
        "figure.dpi": 150.0,
        "font.size": 9.0,
        "legend.frameon": False,
        "lines.linewidth": 1.2,
    }
    with matplotlib.rc_context(settings):
        yield


def raster(result: Result, ax: Axes | None = None) -> Figure:
    """A dot for every recorded spike: time against neuron, populations one below the other.

    Raises       InvalidValue if no spikes were recorded
    """
    with style():
        axes = _own_axes((7.0, 4.5)) if ax is None else ax
        recorded = _recorded("plot.raster", result)
        size = _size(sum(len(spikes.times) for _, _, spikes in recorded))
        first, middles, names = 0, [], []
        for number, (population, index, spikes) in enumerate(recorded):
            place = np.zeros(population.size, dtype=np.int64)
            place[index] = np.arange(first, first + len(index))
            axes.plot(
                spikes.times, place[spikes.neurons], linestyle="none", marker="." if len(index) > 50 else "|",
                markersize=size, markeredgewidth=0.0 if len(index) > 50 else 1.0,
                color=_colour(number), rasterized=True,
            )  # fmt: skip
            if first:
                axes.axhline(first - 0.5, color="0.8", linewidth=0.8)
            middles.append(first + (len(index) - 1) / 2.0)
            names.append(f"{population.name}\n({len(index):,})")
            first += len(index)
        axes.set_yticks(middles, names)
        axes.tick_params(axis="y", length=0.0)
        axes.set_ylim(first - 0.5, -0.5)
        axes.set_xlim(result.start, result.stop)
        axes.set_xlabel("time (ms)")
        axes.set_ylabel("neuron")
    return _figure(axes)


def rates(result: Result, ax: Axes | None = None, *, width: float = 10.0) -> Figure:
    """The mean firing rate of each recorded population, in bins of `width` ms.

    Raises       InvalidValue if no spikes were recorded, or a width that is not > 0 ms
    """
    if not (math.isfinite(width) and width > 0.0):
        raise InvalidValue("plot.rates: width", width, "> 0 ms")
    with style():
        axes = _own_axes((7.0, 2.8)) if ax is None else ax
        bins = max(1, math.ceil((result.stop - result.start) / width - 1e-9))
        edges = result.start + width * np.arange(bins + 1)
        edges[-1] = result.stop
        for number, (population, index, spikes) in enumerate(_recorded("plot.rates", result)):
            counts = np.histogram(spikes.times, edges)[0]
            axes.stairs(
                counts / len(index) / (np.diff(edges) * 1e-3), edges, label=population.name, color=_colour(number),
                linewidth=1.2,
            )  # fmt: skip
        axes.set_xlim(result.start, result.stop)
        axes.set_ylim(bottom=0.0)
        axes.set_xlabel("time (ms)")
        axes.set_ylabel("rate (Hz)")
        _legend(axes)
    return _figure(axes)


def traces(result: Result, population: Population | PopulationView, variable: str, ax: Axes | None = None) -> Figure:
    """A recorded state variable over time: one neuron on its own scale, several one below the other on one scale.

    Raises       InvalidValue or UnknownName if it was not recorded or does not exist
    """
    view = population[:] if isinstance(population, Population) else population
    trace = result.trace(view, variable)
    count = trace.values.shape[1]
    with style():
        axes = _own_axes((7.0, max(2.8, 1.0 + 0.6 * count))) if ax is None else ax
        axes.set_xlabel("time (ms)")
        name = f"{variable} of {view.population.name}"
        if count == 1:
            axes.plot(trace.times, trace.values[:, 0], color=PALETTE[0])
            axes.set_ylabel(f"{name}[{trace.neurons[0]}]" + (f" ({UNITS[variable]})" if variable in UNITS else ""))
        else:
            low, high = trace.values.min(axis=0), trace.values.max(axis=0)
            spacing = 1.15 * float((high - low).max(initial=0.0)) or 1.0
            for row in range(count):
                axes.plot(trace.times, trace.values[:, row] - low[row] - spacing * row, color=_colour(0), linewidth=0.8)
            axes.set_yticks(-spacing * np.arange(count), [str(neuron) for neuron in trace.neurons])
            bar = _round(spacing / 2.0)
            axes.plot([1.015, 1.015], [0.0, bar], transform=axes.get_yaxis_transform(), color="black", clip_on=False)
            axes.annotate(
                f"{bar:g} {UNITS.get(variable, '')}".strip(), (1.025, bar / 2.0), xycoords=axes.get_yaxis_transform(),
                va="center", annotation_clip=False,
            )  # fmt: skip
            axes.set_ylabel(f"{name}, by neuron")
        axes.set_xlim(result.start, result.stop)
    return _figure(axes)


def weights(projections: Sequence[Projection], ax: Axes | None = None, *, bins: int = 60) -> Figure:
    """How the weights of projections (what `connect` returns) are distributed.

    Raises       InvalidValue if there are none
    """
    from matplotlib.colors import to_rgba

    if not projections:
        raise InvalidValue("plot.weights: projections", "none", "at least one", "connect returns a list of them")
    with style():
        axes = _own_axes((5.0, 3.2)) if ax is None else ax
        values = [np.broadcast_to(np.asarray(p.weight, dtype=np.float64), len(p)) for p in projections]
        edges = np.histogram_bin_edges(np.concatenate(values), bins)
        for number, (projection, own) in enumerate(zip(projections, values, strict=True)):
            axes.stairs(
                np.histogram(own, edges)[0], edges, fill=True, facecolor=to_rgba(_colour(number), 0.15),
                edgecolor=_colour(number), linewidth=1.2, label=f"{projection.source.name} to {projection.target.name}",
            )  # fmt: skip
        axes.set_xlabel("weight")
        axes.set_ylabel("synapses")
        axes.set_ylim(bottom=0.0)
        axes.legend()
    return _figure(axes)


def _recorded(who: str, result: Result) -> list[tuple[Population, NDArray[np.int32], SpikeData]]:
    """For each population: which of its neurons were recorded, and their spikes."""
    asked = [r.source for r in result.record if isinstance(r, Spikes)]
    views = [source[:] if isinstance(source, Population) else source for source in asked]
    if not views:
        raise InvalidValue(who, "a result without spikes", "of recorded spikes", "run with record=[Spikes(population)]")
    found = []
    for population in result.recorded_populations():
        index = np.unique(np.concatenate([view.index for view in views if view.population is population]))
        found.append((population, index, result.spikes(population[index])))
    return found


def _own_axes(size: tuple[float, float]) -> Axes:
    from matplotlib.figure import Figure

    return Figure(figsize=size, dpi=150.0, layout="constrained").subplots()


def _figure(axes: Axes) -> Figure:
    """The whole figure that an axis stands in, also when it stands in a part of it."""
    figure: Any = axes.figure
    while figure.figure is not figure:
        figure = figure.figure
    return cast("Figure", figure)


def _legend(axes: Axes) -> None:
    if len(axes.get_legend_handles_labels()[1]) > 1:
        axes.legend(loc="upper right")


def _colour(number: int) -> str:
    return PALETTE[number % len(PALETTE)]


def _size(spikes: int) -> float:
    """Of a dot, so that a thousand spikes are seen and a hundred thousand do not become a wall."""
    return float(np.clip(8.0 - 1.4 * math.log10(max(spikes, 1)), 1.0, 6.0))


def _round(value: float) -> float:
    """The largest of 1, 2, 5 times a power of ten that is not above the value."""
    power = 10.0 ** math.floor(math.log10(value))
    return max(step * power for step in (1.0, 2.0, 5.0) if step * power <= value * (1.0 + 1e-9))
