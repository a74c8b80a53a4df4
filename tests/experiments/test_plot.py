"""Figures hold what was recorded, where it belongs, and leave nothing open."""

import io

import matplotlib
import numpy as np
import pytest
from matplotlib import pyplot
from matplotlib.figure import Figure

import synfire as sf


@pytest.fixture(scope="module")
def run():
    """A network of two populations, the second recorded in part, and its result."""
    net = sf.Network(dt=0.5, seed=3)
    first = net.population(60, sf.Poisson(rate=50.0), name="first")
    second = net.population(40, sf.Izhikevich(), name="second")
    made = net.connect(first, second, p=0.5, weight=sf.uniform(1.0, 5.0))
    made += net.connect(second, second, p=0.5, weight=-1.0, delay=1.0)
    record = [sf.Spikes(first), sf.Spikes(second[10:20]), sf.Trace(second[:3], "v"), sf.Trace(second[3:4], "u")]
    return net, made, net.run(200.0, record=record, progress=False)


def drawn(figure):
    """The figure, once it has been turned into pixels."""
    figure.savefig(io.BytesIO(), format="png")
    return figure


def test_raster_has_a_dot_for_each_recorded_spike_in_its_populations_band(run):
    net, _, result = run
    axes = drawn(sf.plot.raster(result)).axes[0]
    first, second = (line for line in axes.lines if line.get_linestyle() == "None")
    spikes = result.spikes(net.populations[0])
    np.testing.assert_array_equal(first.get_xdata(), spikes.times)
    np.testing.assert_array_equal(first.get_ydata(), spikes.neurons)
    spikes = result.spikes(net.populations[1][10:20])
    assert len(spikes.times) > 0
    np.testing.assert_array_equal(second.get_xdata(), spikes.times)
    np.testing.assert_array_equal(second.get_ydata(), 60 + spikes.neurons - 10)
    assert [label.get_text() for label in axes.get_yticklabels()] == ["first\n(60)", "second\n(10)"]
    assert axes.get_ylim() == (69.5, -0.5)


def test_rates_count_the_recorded_spikes(run):
    net, _, result = run
    axes = drawn(sf.plot.rates(result, width=30.0)).axes[0]
    for patch, view in zip(axes.patches, (net.populations[0][:], net.populations[1][10:20]), strict=True):
        data = patch.get_data()
        assert data.edges[-1] == 200.0  # the last bin is shorter
        counted = (data.values * np.diff(data.edges) * 1e-3 * len(view)).sum()
        np.testing.assert_allclose(counted, len(result.spikes(view).times), rtol=1e-12)  # a few divisions of integers


def test_one_trace_keeps_its_values_and_names_its_unit(run):
    net, _, result = run
    part = net.populations[1][3:4]
    axes = drawn(sf.plot.traces(result, part, "u")).axes[0]
    np.testing.assert_array_equal(axes.lines[0].get_ydata(), result.trace(part, "u").values[:, 0])
    assert axes.get_ylabel() == "u of second[3] (mV/ms)"


def test_several_traces_keep_their_shapes_and_do_not_overlap(run):
    net, _, result = run
    part = net.populations[1][:3]
    axes = drawn(sf.plot.traces(result, part, "v")).axes[0]
    values, lines = result.trace(part, "v").values, [line.get_ydata() for line in axes.lines[:3]]
    for column, line in enumerate(lines):
        np.testing.assert_allclose(np.diff(line), np.diff(values[:, column]), atol=1e-9)  # mV, shifted by hundreds
    assert lines[0].min() > lines[1].max()
    assert lines[1].min() > lines[2].max()


def test_weights_count_every_synapse_also_of_one_common_weight(run):
    _, made, _ = run
    axes = drawn(sf.plot.weights(made)).axes[0]
    assert [int(patch.get_data().values.sum()) for patch in axes.patches] == [len(p) for p in made]
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["first to second", "second to second"]


def test_figures_are_returned_and_none_stays_open(run):
    net, made, result = run
    before, settings = pyplot.get_fignums(), dict(matplotlib.rcParams)
    figures = [
        sf.plot.raster(result),
        sf.plot.rates(result),
        sf.plot.traces(result, net.populations[1][:3], "v"),
        sf.plot.weights(made),
    ]
    assert all(isinstance(figure, Figure) for figure in figures)
    assert pyplot.get_fignums() == before
    assert dict(matplotlib.rcParams) == settings


def test_given_axis_is_drawn_on_and_its_whole_figure_returned(run):
    net, made, result = run
    figure = Figure()
    left, right = figure.subfigures(1, 2)
    for part, draw in ((left, sf.plot.raster), (right, sf.plot.rates)):
        assert draw(result, part.subplots()) is figure
    one, two = Figure().subplots(2)
    assert sf.plot.traces(result, net.populations[1][:3], "v", one) is one.figure
    assert sf.plot.weights(made, two) is two.figure
    drawn(figure)


def test_populations_without_spikes_are_drawn_too():
    net = sf.Network(dt=0.5)
    silent = net.population(5, sf.LIF(), name="silent")
    result = net.run(1.0, record=[sf.Spikes(silent), sf.Trace(silent, "v")], progress=False)
    for figure in (sf.plot.raster(result), sf.plot.rates(result), sf.plot.traces(result, silent, "v")):
        drawn(figure)


def test_what_was_not_recorded_is_said():
    net = sf.Network(dt=0.5)
    cells = net.population(5, sf.LIF(), name="cells")
    result = net.run(1.0, progress=False)
    for draw in (sf.plot.raster, sf.plot.rates):
        with pytest.raises(sf.InvalidValue, match="record="):
            draw(result)
    with pytest.raises(sf.InvalidValue, match="recorded"):
        sf.plot.traces(result, cells, "v")
    with pytest.raises(sf.InvalidValue, match="at least one"):
        sf.plot.weights([])
    with pytest.raises(sf.InvalidValue, match="width"):
        sf.plot.rates(result, width=0.0)
