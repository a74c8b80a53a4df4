"""A liquid state machine on real handwritten digits, read out by a rule that a brain could use, against backprop.

A digit is one volley of spikes: bright pixels first. The volley sets a fixed, random, recurrent network of Izhikevich
neurons in motion, and a linear readout of its filtered spikes names the digit. Everything below has the same number of
trained parameters (within 2 %), the same images, and a choice among as many settings, made on validation images that
are neither trained on nor tested:

    three_factor   the readout, taught online, one digit at a time, by the error-modulated Hebbian rule
    ridge          the same readout of the same features, solved in closed form
    mlp            pixels -> rectified hidden layer -> classes, by backprop
    snn            pixels -> leaky integrate-and-fire hidden layer -> classes, by backprop with surrogate gradients

and, with fewer parameters, what it would be without the liquid: the same readouts of the input spikes' own traces
(input_*), of the core without its recurrent synapses (no_recurrence_*), and ridge on the pixels (pixel_ridge).
What the liquid adds here is the nonlinearity of its neurons: 8 points over the input's traces, 3 over the pixels. Its
recurrent synapses add nothing: ridge is 0.4 points [0.1, 0.9] better without them (preset `paper`, 10 seeds), as may be
expected of a volley that is over in 20 ms and leaves nothing to remember.

Source       Maass, Natschlaeger & Markram 2002, doi:10.1162/089976602760407955; the rule: Yamada & Chao,
             arXiv 2510.14382. Neither gives a number for this task
Deviations   readouts are read at several times and decide once; the baselines see the pixels, not the spikes
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Mapping
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..neurons import InvalidValue, SpikeList, check_seed
from ..reservoirs import LiquidState, Reservoir
from . import digits_liquid as liquid
from . import digits_methods as methods
from .digits_baselines import TOLERANCE, hidden_size
from .digits_figures import figures
from .registry import unknown
from .statistics import mean_interval

__all__ = ["PRESETS", "SUMMARY", "Config", "figures", "run", "trial"]

SUMMARY = "a liquid state machine on handwritten digits: three-factor readout, ridge, and two backprop networks"

METHODS = ("three_factor", "ridge", "mlp", "snn")
CONTROLS = ("no_recurrence_three_factor", "no_recurrence_ridge", "input_three_factor", "input_ridge", "pixel_ridge")
KINDS = ("snn", "mlp", "liquid", "no_recurrence", "input")  # of trials, the longest first
DATASETS = {"digits": 8 * 8, "mnist": 28 * 28, "fashion_mnist": 28 * 28}  # pixels of an image
CLASSES = 10  # in each of them
CORES: dict[str, Callable[[int], Reservoir]] = {"izhikevich": lambda n: Reservoir(inputs=n), "leaky": Reservoir.leaky}

NEAR = 3.0  # points of accuracy between the three-factor rule and ridge
RATES_HZ = (5.0, 30.0)  # what a core should fire on average, neither silent nor saturated


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config:
    """Sizes, times and repetitions. All defaults are ours; those of the liquid were found by hand on the validation
    images of seeds 50 to 53."""

    dataset: Literal["digits", "mnist", "fashion_mnist"] = "digits"
    """Images: scikit-learn's 1,797 digits of 8 x 8 pixels, or 70,000 of 28 x 28 from SYNFIRE_DATA."""
    train_size: int = 0
    """Images for training and validation, a fifth of them for the latter; 0: all."""
    test_size: int = 0
    """Images for the test; 0: all."""
    seeds: int = 3
    """Trials, each with its own division of the images, reservoir, initial weights and order of samples."""
    core: Literal["izhikevich", "leaky"] = "izhikevich"
    """Neurons of the reservoir: Izhikevich's 2003 spread, or integrate-and-fire with spread membrane time constants."""
    neurons: int = 1000
    """Neurons of the reservoir, four fifths excitatory."""
    windows: int = 3
    """Times at which the traces are read, evenly over a presentation."""
    presentation_ms: float = 45.0
    """How long the reservoir runs for one image, ms."""
    latency_ms: float = 20.0
    """When the darkest pixel that is not black fires, ms; the brightest fires at 0."""
    active_inputs: float = 3.0
    """Pixels that are not black among those that a neuron hears, on average: sets the in-degree from the input."""
    online_epochs: int = 40
    """Passes over the training images by the three-factor rule."""
    mlp_epochs: int = 60
    """Passes by backprop on the perceptron."""
    snn_epochs: int = 20
    """Passes by backprop on the spiking network."""
    snn_steps: int = 20
    """Time steps for which the spiking network sees an image."""
    settings: int = 4
    """Settings that each method may try, 1 to 8."""
    seed: int = 0
    """Of the first trial; trial k has seed + k."""

    def __post_init__(self) -> None:
        if self.dataset not in DATASETS:
            raise unknown("dataset", self.dataset, DATASETS)
        if self.core not in CORES:
            raise unknown("core", self.core, CORES)
        least = {
            "train_size": 0, "test_size": 0, "seeds": 1, "neurons": 10, "windows": 1, "online_epochs": 1,
            "mlp_epochs": 1, "snn_epochs": 1, "snn_steps": 1, "settings": 1,
        }  # fmt: skip
        for name, low in least.items():
            if isinstance(getattr(self, name), bool) or not isinstance(getattr(self, name), int):
                raise InvalidValue(name, getattr(self, name), f"a whole number >= {low}")
            if getattr(self, name) < low:
                raise InvalidValue(name, getattr(self, name), f">= {low}")
        if 0 < self.train_size < 100:
            raise InvalidValue("train_size", self.train_size, "0 or >= 100", "fewer do not hold every class twice")
        if self.settings > methods.MOST_SETTINGS:
            raise InvalidValue("settings", self.settings, f"1 to {methods.MOST_SETTINGS}")
        if not 0.0 < self.active_inputs < float("inf"):
            raise InvalidValue("active_inputs", self.active_inputs, "> 0")
        if not 0.0 < self.latency_ms <= self.presentation_ms:
            raise InvalidValue("latency_ms", self.latency_ms, f"> 0 and <= presentation_ms = {self.presentation_ms} ms")
        check_seed("seed", self.seed)
        check_seed("seed + seeds", self.seed + self.seeds)
        self.reservoir(1, 0)
        hidden_size(self.trained_parameters, DATASETS[self.dataset], CLASSES)

    @property
    def trained_parameters(self) -> int:
        """Of a readout of the liquid, its bias included."""
        return (self.neurons * self.windows + 1) * CLASSES

    def reservoir(self, inputs: int, seed: int) -> Reservoir:
        """The reservoir of a trial, before its input's in-degree is known. Raises InvalidValue."""
        return dataclasses.replace(
            dataclasses.replace(CORES[self.core](6), n=self.neurons, in_degree=min(40, self.neurons // 2)),
            windows=self.windows, duration=self.presentation_ms, inputs=inputs, input_degree=1, seed=seed,
        )  # fmt: skip


PRESETS = {
    "smoke": Config(
        train_size=400, test_size=200, seeds=2, neurons=200, online_epochs=10, mlp_epochs=20, snn_epochs=8, settings=2
    ),
    "laptop": Config(),
    "paper": Config(neurons=2000, seeds=10, settings=8),
}


def trial(kind: str, config: Config, seed: int) -> dict[str, Any]:
    """One kind of method on the images of one seed: accuracies, confusions, what was chosen; wall times under cost/."""
    images = liquid.divide(config.dataset, config.train_size, config.test_size, seed)
    if kind == "mlp":
        return methods.perceptron(
            images, parameters=config.trained_parameters, settings=config.settings, epochs=config.mlp_epochs, seed=seed
        )
    if kind == "snn":
        return methods.spiking_network(
            images, parameters=config.trained_parameters, settings=config.settings, epochs=config.snn_epochs,
            steps=config.snn_steps, seed=seed,
        )  # fmt: skip
    online = {"settings": config.settings, "epochs": config.online_epochs, "seed": seed}
    reservoir = liquid.wired(config.reservoir(images.pixels, seed), images.parts[0], config.active_inputs)
    spikes = [liquid.encode(part, config.latency_ms, reservoir.dt) for part in images.parts]
    if kind == "input":
        traces = [reservoir.input_features(part) for part in spikes]
        found = methods.online_and_ridge("input_", traces, images, **online)
        return found | methods.ridge_alone("pixel_ridge", images.parts, images, settings=config.settings)
    if kind == "no_recurrence":
        alone = dataclasses.replace(reservoir, in_degree=0)
        return methods.online_and_ridge("no_recurrence_", [alone.features(part) for part in spikes], images, **online)
    states, observed = _observed(reservoir, images, spikes)
    features = [state.trace.reshape(len(state.trace), -1) for state in states]
    return observed | methods.online_and_ridge("", features, images, **online)


def _observed(
    reservoir: Reservoir, images: liquid.Division, spikes: list[list[SpikeList]]
) -> tuple[list[LiquidState], dict[str, Any]]:
    """The liquid's states under the three sets of images; its rates, its cost, and one test image as an example."""
    reservoir.states(spikes[0][:1])  # builds and compiles, which is not the cost of an image
    start = time.perf_counter()
    states = [reservoir.states(part) for part in spikes]
    seconds = time.perf_counter() - start
    rate, many = states[-1].rate, reservoir.excitatory_count
    example = spikes[-1][0]
    core = reservoir.respond(example)
    return states, {
        "rate/core": rate.mean(),
        "rate/excitatory": rate[:, :many].mean(),
        "rate/inhibitory": rate[:, many:].mean(),
        "rate/silent": 100.0 * (rate.max(0) == 0.0).mean(),
        "example/image": images.test[0],
        "example/label": images.test_labels[0],
        "example/input_times": example.times,
        "example/input_neurons": example.neurons,
        "example/core_times": core.times,
        "example/core_neurons": core.neurons,
        "cost/features": seconds,
        "cost/per_sample_ms": 1e3 * seconds / sum(len(part) for part in spikes),
    }


def run(config: Config, record: Any) -> None:
    """All methods on all seeds, into the record."""
    tasks = {f"{kind}/seed{k}": (kind, config, config.seed + k) for kind in KINDS for k in range(config.seeds)}
    blocks = record.map(trial, tasks)
    trials = [
        {key: value for kind in KINDS for key, value in blocks[f"{kind}/seed{k}"].items()} for k in range(config.seeds)
    ]

    def each(key: str) -> NDArray[np.float64]:
        return np.array([one[key] for one in trials])

    accuracy = {method: each(f"{method}/accuracy") for method in METHODS + CONTROLS}
    for method, values in accuracy.items():
        record.metric(f"accuracy.{method}", values, unit="%", note="" if method in METHODS else "control")
    for method in METHODS + CONTROLS:
        if method != "mlp":
            gap = accuracy["mlp"] - accuracy[method]
            record.metric(f"gap_to_backprop.{method}", gap, unit="points", note="mlp minus this, seed by seed")
    for method in METHODS + CONTROLS:
        record.metric(f"trained_parameters.{method}", each(f"{method}/parameters"))
    for part in ("core", "excitatory", "inhibitory"):
        record.metric(f"rate.{part}", each(f"rate/{part}"), unit="Hz", note="mean over neurons and test images")
    record.metric("silent.core", each("rate/silent"), unit="%", note="neurons that no test image makes fire")
    _check(record, accuracy, each("rate/core"), {method: each(f"{method}/parameters") for method in METHODS})
    for method in METHODS + CONTROLS:
        record.cost(f"wall_time.{method}", each(f"cost/{method}"), note="s, all settings, without the features")
    record.cost("wall_time.features", each("cost/features"), note="s, the liquid under all images")
    record.cost("wall_time.sample", each("cost/per_sample_ms"), note="ms, the liquid under one image")
    _series(record, trials, each)


def _check(record: Any, accuracy: Mapping[str, Any], rate: Any, parameters: Mapping[str, Any]) -> None:
    mean = {method: float(values.mean()) for method, values in accuracy.items()}

    def above(name: str, better: str, worse: str) -> None:
        gap = accuracy[better] - accuracy[worse]
        mean_gap, low, high = mean_interval(gap)
        claim = f"{better} is more accurate than {worse}: the interval of their difference lies above 0"
        record.check(name, claim, low > 0.0, f"{mean_gap:+.2f} points, [{low:+.2f}, {high:+.2f}]")

    record.check(
        "three_factor_near_ridge", f"the online rule is within {NEAR:g} points of ridge on the same features",
        mean["ridge"] - mean["three_factor"] <= NEAR,
        f"{mean['three_factor']:.2f} % against {mean['ridge']:.2f} %",
    )  # fmt: skip
    record.check(
        "core_rate", f"the core fires {RATES_HZ[0]:g} to {RATES_HZ[1]:g} Hz at every seed",
        bool((rate >= RATES_HZ[0]).all() and (rate <= RATES_HZ[1]).all()), f"{rate.min():.1f} to {rate.max():.1f} Hz",
    )  # fmt: skip
    counts = np.concatenate([np.atleast_1d(values) for values in parameters.values()])
    record.check(
        "same_parameters", "all four methods train as many parameters, within 2 %",
        bool(counts.max() <= (1.0 + TOLERANCE) * counts.min()), f"{counts.min():.0f} to {counts.max():.0f}",
    )  # fmt: skip
    above("liquid_beats_input", "ridge", "input_ridge")
    above("liquid_beats_pixels", "ridge", "pixel_ridge")
    above("recurrence_helps_ridge", "ridge", "no_recurrence_ridge")
    above("recurrence_helps_three_factor", "three_factor", "no_recurrence_three_factor")
    above("three_factor_beats_mlp", "three_factor", "mlp")


def _series(record: Any, trials: list[dict[str, Any]], each: Callable[[str], Any]) -> None:
    for part in ("train", "validation", "test"):
        record.series(f"curve/{part}", each(f"three_factor/curve_{part}"), units="%", axes="seed, epoch")
    for method in METHODS:
        record.series(f"confusion/{method}", each(f"{method}/confusion").sum(0), units="images", axes="class, answer")
    first = trials[0]
    record.series("example/image", first["example/image"])
    record.series("example/label", first["example/label"])
    for name in ("input", "core"):
        record.spikes(name, first[f"example/{name}_times"], first[f"example/{name}_neurons"])
