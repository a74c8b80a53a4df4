"""Early exit: pieces against whole sequences, policies against plain counting, curves and bounds against definitions."""

import math

import numpy as np
import pytest
import torch

import synfire as sf

DRAW = torch.Generator().manual_seed(0)
X = (torch.rand((14, 9, 6), generator=DRAW) < 0.3).float()
OUTPUTS = torch.randn((14, 40, 4), dtype=torch.float64, generator=DRAW)
TARGET = torch.arange(40) % 4
DRIFT = OUTPUTS.clone()
DRIFT[:, torch.arange(40), TARGET] += 0.6  # the own class leads in the end, mostly
SCORES = DRIFT.cumsum(0)
OBJECTIVES = [
    sf.CountCrossEntropy(), sf.MaxCrossEntropy(), sf.MeanCrossEntropy(), sf.MeanCrossEntropy(tau_steps=5.0),
    sf.StepCrossEntropy(), sf.SummedSoftmax(), sf.CosineToFinal(inner=sf.CountCrossEntropy()),
]  # fmt: skip
NEURON = {"neuron": sf.LIF(tau_m=5.0), "tau_readout": 10.0, "seed": 1}


def networks():
    made = {
        "plain": sf.feedforward([6, 12, 4], **NEURON),
        "recurrent": sf.feedforward([6, 12, 4], recurrent=True, batch_norm=True, dropout=0.3, **NEURON),
        "adaptive": sf.feedforward([6, 12, 4], neuron=sf.SoftResetAdaptiveLIF(), objective=sf.MeanCrossEntropy()),
        "delays": sf.feedforward([6, 12, 4], delays=sf.LearnableDelay(max_delay=5.0), **NEURON),
        "counts": sf.Feedforward(
            [sf.Dense(6, 4, gain=80.0), sf.Spiking(4, sf.LIF(tau_m=5.0))], sf.CountCrossEntropy()
        ),
        "maps": sf.Feedforward(
            [sf.Unflatten(1, 2, 3), sf.Maps(sf.DelayedDense(6, 6, sf.RandomDelay(max_delay=3.0))),
             sf.Residual([sf.Conv(1, 1, 3, padding=1), sf.Maps(sf.Spiking(6, sf.LIF()))]), sf.Flatten(), sf.Dense(6, 4),
             sf.Membrane(4, sf.LIF())]
        ),
    }  # fmt: skip
    return made


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_the_score_so_far_ranks_as_the_scores_of_a_sequence_that_ends_there(objective):
    found, _ = objective.so_far(OUTPUTS)
    for t in range(len(OUTPUTS)):
        assert torch.equal(found[t].argsort(-1), objective.scores(OUTPUTS[: t + 1]).argsort(-1))
    pieces, carry = [], None
    for piece in OUTPUTS.split([1, 4, 3, 6]):
        made, carry = objective.so_far(piece, carry)
        pieces.append(made)
    torch.testing.assert_close(torch.cat(pieces), found, rtol=1e-12, atol=1e-12)


def test_scores_so_far_have_the_size_of_the_scores():
    for objective in OBJECTIVES[:4]:
        torch.testing.assert_close(objective.so_far(OUTPUTS)[0][-1], objective.scores(OUTPUTS))
    for objective, steps in (
        (sf.StepCrossEntropy(), 1.0),
        (sf.SummedSoftmax(), 14.0),
    ):  # kept as logarithms of the mean
        torch.testing.assert_close(steps * objective.so_far(OUTPUTS)[0][-1].exp(), objective.scores(OUTPUTS))


def test_a_head_has_scores_so_far_of_its_own_outputs():
    head = sf.HeadCrossEntropy(first=1, last=3, inner=sf.CountCrossEntropy())
    assert torch.equal(head.so_far(OUTPUTS)[0], OUTPUTS[..., 1:3].cumsum(0))
    assert not hasattr(sf.HeadCrossEntropy(first=1, last=3, inner=sf.SquaredError()), "so_far")


@pytest.mark.parametrize("name", networks())
@pytest.mark.parametrize("every", [1, 3, 20])
def test_running_in_pieces_gives_what_the_whole_sequence_gives(name, every):
    network = networks()[name]
    accumulated, _ = sf.running_scores(network, (X, torch.zeros(9, dtype=torch.int64)), batch=4)
    gap = accumulated.topk(2, -1).values
    middle = float((gap[..., 0] - gap[..., 1])[5:9].median())  # some exit, early and late, and some never
    policy = sf.MarginExit(margins=(math.inf,) * 3 + (middle * 1.01,) * 11)
    steps = sf.exit_steps(policy.stops(accumulated))
    network.train()
    found = sf.exit_early(network, X, policy, every=every)
    assert network.training
    assert torch.equal(found.steps, steps)
    assert len(steps.unique()) > 2
    assert torch.equal(found.answers, accumulated.argmax(-1)[steps - 1, torch.arange(9)])
    assert torch.equal(found.steps_run, (-(-steps // every) * every).clamp(max=14))
    for k in range(9):
        alone = sf.exit_early(network, X[:, k : k + 1], policy, every=every)
        assert [int(part[0]) for part in alone] == [int(part[k]) for part in found]


@pytest.mark.parametrize("name", networks())
def test_who_never_stops_gets_the_networks_answer(name):
    network = networks()[name].eval()
    found = sf.exit_early(network, X, sf.ConfidenceExit(temperature=1.0, threshold=math.inf), every=5)
    assert torch.equal(found.answers, network.scores(X).argmax(-1))
    assert (found.steps == 14).all() and (found.steps_run == 14).all()


def test_neurons_that_fire_by_chance_draw_by_the_number_of_the_sample():
    """Whatever is run together and in which order; and so scores, answers and accuracy are those of `evaluate`."""
    layers = [
        sf.Dense(6, 10, gain=80.0, seed=1),
        sf.Spiking(10, sf.ProbabilisticLIF(width=3.0), seed=1),
        sf.Dense(10, 4, seed=2),
    ]
    readout = sf.Membrane(4, sf.LIF(tau_m=10.0, v_rest=0.0, v_reset=-1.0, v_threshold=1.0))
    network = sf.Feedforward([*layers, readout], sf.MeanCrossEntropy()).double()
    x, target = X.double()[:, torch.arange(40) % 9], torch.arange(40) % 4
    scores, _ = sf.running_scores(network, (x, target))
    assert (scores[-1, 9:18] != scores[-1, :9]).any()  # same inputs, other draws
    for batch in (1, 7, 40):
        torch.testing.assert_close(sf.running_scores(network, (x, target), batch=batch)[0], scores)
        right = (scores[-1].argmax(-1) == target).double().mean()
        assert sf.evaluate(network, (x, target), batch=batch)[1] == pytest.approx(float(right), abs=1e-6)
    gap = scores.topk(2, -1).values
    policy = sf.MarginExit(margins=(1.01 * float((gap[..., 0] - gap[..., 1])[5:9].median()),) * 14)
    steps = sf.exit_steps(policy.stops(scores))
    assert len(steps.unique()) > 2
    found, order = sf.exit_early(network, x, policy, every=3), torch.arange(40).flip(0)
    assert torch.equal(found.steps, steps)
    assert torch.equal(found.answers, scores.argmax(-1)[steps - 1, torch.arange(40)])
    mixed = sf.exit_early(network, x[:, order], policy, every=3, samples=order)
    assert all(torch.equal(a, b[order]) for a, b in zip(mixed, found, strict=True))
    network.eval()
    torch.testing.assert_close(network.scores(x[:, order], samples=order), network.scores(x)[order])
    torch.testing.assert_close(network.activity(x[:, order], samples=order)[1], network.activity(x)[1][:, order])
    assert (network.activity(x[:, order])[1] != network.activity(x)[1][:, order]).any()
    for bad in (range(39), torch.arange(40) - 1, torch.arange(40) / 2):
        with pytest.raises(sf.InvalidValue, match="samples"):
            sf.exit_early(network, x, policy, samples=bad)


def test_samples_that_are_done_are_not_run():
    seen = []

    class Watched(sf.Dense):
        def forward(self, x, state=None):
            seen.append(tuple(x.shape[:2]))
            return super().forward(x, state)

    network = sf.Feedforward([Watched(6, 4), sf.Membrane(4, sf.LIF())])

    class InTurn:
        def stops(self, accumulated, first=0):
            made = torch.zeros(accumulated.shape[:2], dtype=torch.bool)
            made[:, : accumulated.shape[1] // 2] = True  # half of those that are left
            return made

    found = sf.exit_early(network, X[:, :8], InTurn(), every=2)
    assert seen == [(2, 8), (2, 4), (2, 2), *[(2, 1)] * 4]
    assert found.steps.tolist() == [1, 1, 1, 1, 3, 3, 5, 14]


def test_the_chosen_samples_of_any_state_are_kept():
    lstm = {
        "h": (torch.arange(6.0).reshape(3, 2), None, 7),
        "rest": [sf.neurons.lif.LIFState(torch.ones(3, 1), torch.zeros(3, 1))],
    }
    kept = sf.Dense(2, 2).select(lstm, torch.tensor([True, False, True]))
    assert kept["h"][0].tolist() == [[0.0, 1.0], [4.0, 5.0]] and kept["h"][1:] == (None, 7)
    assert type(kept["rest"][0]) is sf.neurons.lif.LIFState and kept["rest"][0].v.shape == (2, 1)
    for state in (torch.zeros(4, 3), (torch.tensor(1.0),), object()):
        with pytest.raises(sf.InvalidValue, match="select"):
            sf.Dense(2, 2).select(state, torch.tensor([True, False, True]))


def test_the_temperature_makes_the_likelihood_largest():
    fitted = sf.DynamicConfidence().fit(SCORES, TARGET)

    def loss(temperature):
        return float(torch.nn.functional.cross_entropy((SCORES / temperature).flatten(0, 1), TARGET.repeat(14)))

    best = loss(fitted.temperature)
    assert 0.1 < fitted.temperature < 10.0
    assert best < min(loss(fitted.temperature * factor) for factor in (0.99, 1.01))
    scaled = sf.DynamicConfidence().fit(1000.0 * SCORES, TARGET)
    assert scaled.temperature == pytest.approx(1000.0 * fitted.temperature, rel=1e-4)


def test_calibrated_confidence_of_calibrated_scores_is_theirs():
    """Classes drawn from softmax(2 z): the temperature is 1/2, and confidence is the share that is right."""
    draw = torch.Generator().manual_seed(3)
    z = torch.randn((1, 20_000, 3), dtype=torch.float64, generator=draw)
    drawn = torch.multinomial((2.0 * z[0]).softmax(-1), 1, generator=draw)[:, 0]
    fitted = sf.DynamicConfidence(candidates=10).fit(z, drawn)
    assert fitted.temperature == pytest.approx(0.5, rel=0.05)
    right = float((z[0].argmax(-1) == drawn).double().mean())
    assert float(fitted.confidence(z).mean()) == pytest.approx(right, abs=0.015)


@pytest.mark.parametrize("tolerance", [0.0, 0.025, 0.1])
def test_the_threshold_is_the_fastest_of_those_that_are_good_enough(tolerance):
    fitted = sf.DynamicConfidence(tolerance=tolerance, candidates=10_000).fit(SCORES, TARGET)
    probabilities = np.asarray((SCORES / fitted.temperature).softmax(-1))
    level, answer = probabilities.max(-1), probabilities.argmax(-1)

    def point(threshold):
        steps = [next((t for t in range(14) if level[t, k] >= threshold), 13) for k in range(40)]
        return np.mean([answer[t, k] == TARGET[k] for k, t in enumerate(steps)]), np.mean(steps) + 1.0

    full = np.mean(answer[-1] == TARGET.numpy())
    points = [point(threshold) for threshold in [*np.unique(level), math.inf]]
    fastest = min(steps for accuracy, steps in points if accuracy >= full - tolerance - 1e-9)
    assert point(fitted.threshold)[1] == pytest.approx(fastest)
    assert full > 0.3 and fastest < 14.0
    curve = sf.accuracy_latency(SCORES, TARGET, [fitted, sf.FixedExit(step=14)])
    assert (float(curve.accuracy[0]), float(curve.mean_steps[0])) == pytest.approx(point(fitted.threshold))
    assert (float(curve.accuracy[1]), float(curve.mean_steps[1])) == pytest.approx((full, 14.0))


def test_more_tolerance_and_lower_thresholds_never_take_longer():
    fits = [sf.DynamicConfidence(tolerance=t).fit(SCORES, TARGET) for t in (0.0, 0.05, 0.2, 1.0)]
    assert (np.diff(sf.accuracy_latency(SCORES, TARGET, fits).mean_steps) <= 0.0).all()
    levels = [sf.ConfidenceExit(temperature=1.0, threshold=level) for level in np.linspace(0.3, 1.0, 20)]
    assert (np.diff(sf.accuracy_latency(SCORES, TARGET, levels).mean_steps) >= 0.0).all()
    assert float(sf.accuracy_latency(SCORES, TARGET, fits).mean_steps[-1]) == 1.0  # any answer will do


@pytest.mark.parametrize(("epsilon", "least"), [(0.0, 3), (0.1, 3), (0.3, 10), (1.0, 40)])
def test_margins_are_the_least_above_which_enough_are_right(epsilon, least):
    rounded = (2.0 * SCORES).round() / 2.0  # with ties, as spike counts have
    fitted = sf.MarginCutoff(epsilon=epsilon, least=least).fit(rounded, TARGET)
    for t in range(14):
        two = np.sort(rounded[t].numpy(), -1)[:, -2:]
        gap, right = two[:, 1] - two[:, 0], rounded[t].argmax(-1).numpy() == TARGET.numpy()
        legal = [b for b in gap if (gap >= b).sum() >= least and right[gap >= b].mean() >= 1.0 - epsilon - 1e-9]
        assert fitted.margins[t] == min(legal, default=math.inf)
    assert min(fitted.margins) < math.inf


def test_margins_go_on_where_the_piece_before_stopped():
    fitted = sf.MarginCutoff(epsilon=0.1, least=3).fit(SCORES, TARGET)
    whole = fitted.stops(SCORES)
    assert whole.any() and not whole.all()
    assert torch.equal(torch.cat([fitted.stops(SCORES[:5]), fitted.stops(SCORES[5:], 5)]), whole)
    fixed = sf.FixedExit(step=7)
    assert torch.equal(torch.cat([fixed.stops(SCORES[:5]), fixed.stops(SCORES[5:], 5)]), fixed.stops(SCORES))
    assert (sf.exit_steps(fixed.stops(SCORES)) == 7).all()


def test_bounds_are_the_first_right_step_and_the_first_that_stays_right():
    right = np.array([[0, 1, 0, 0], [1, 0, 0, 1], [0, 0, 0, 1], [0, 1, 0, 1]], bool)  # (time, sample)
    scores = torch.zeros((4, 4, 2), dtype=torch.float64)
    scores[..., 0] = torch.from_numpy(right.astype(float))
    scores[..., 1] = 0.5
    bounds = sf.exit_bounds(scores, torch.zeros(4, dtype=torch.int64))
    assert bounds.ideal.tolist() == [2, 1, 4, 2]
    assert bounds.optimal.tolist() == [4, 4, 4, 2]


def test_layers_that_cannot_be_given_in_pieces_and_objectives_without_an_answer_are_refused():
    never = sf.FixedExit(step=99)
    for layer in (sf.Extend(3), sf.Count()):
        network = sf.Feedforward([sf.Dense(6, 4), layer, sf.Membrane(4, sf.LIF())])
        with pytest.raises(sf.InvalidValue, match=type(layer).__name__):
            sf.exit_early(network, X, never)
    for objective in (
        sf.SquaredError(),
        sf.MeanSquaredError(),
        sf.HeadCrossEntropy(first=0, last=2, inner=sf.SquaredError()),
    ):
        with pytest.raises(sf.InvalidValue, match="objective"):
            sf.exit_early(sf.feedforward([6, 4, 4], objective=objective), X, never)
    for bad in ({"every": 0}, {"every": True}):
        with pytest.raises(sf.InvalidValue, match="every"):
            sf.exit_early(sf.feedforward([6, 4, 4]), X, never, **bad)
    with pytest.raises(sf.InvalidValue, match="margins"):
        sf.exit_early(sf.feedforward([6, 4, 4]), X, sf.MarginExit(margins=(1e9,) * 13))


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: sf.DynamicConfidence(tolerance=-0.1), "tolerance"),
        (lambda: sf.DynamicConfidence(candidates=0), "candidates"),
        (lambda: sf.MarginCutoff(epsilon=math.nan), "epsilon"),
        (lambda: sf.MarginCutoff(least=0), "least"),
        (lambda: sf.ConfidenceExit(temperature=0.0, threshold=0.5), "temperature"),
        (lambda: sf.ConfidenceExit(temperature=1.0, threshold=math.nan), "threshold"),
        (lambda: sf.MarginExit(margins=(-1.0,)), "margins"),
        (lambda: sf.FixedExit(step=0), "step"),
        (lambda: sf.DynamicConfidence().fit(SCORES[0], TARGET), "accumulated"),
        (lambda: sf.DynamicConfidence().fit(torch.zeros(3, 40, 4), TARGET), "accumulated"),
        (lambda: sf.MarginCutoff(least=41).fit(SCORES, TARGET), "least"),
        (lambda: sf.MarginCutoff().fit(SCORES, TARGET + 1), "target"),
        (lambda: sf.accuracy_latency(SCORES, TARGET[:3], []), "target"),
    ],
)
def test_bad_values_are_refused(make, said):
    with pytest.raises(sf.InvalidValue, match=said):
        make()
