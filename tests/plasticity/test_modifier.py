"""Chains: the order of modifiers, their states, and what a chain passes on of the rule it wraps."""

import dataclasses

import pytest
import torch

import synfire as sf


@dataclasses.dataclass(frozen=True)
class Times(sf.Modifier):
    """Gradients times a factor; counts its calls."""

    factor: float

    def init(self, weights):
        return {"weights": sorted(weights), "updates": 0, "settled": 0}

    def update(self, gradients, state, *, weights, activity):
        return {name: self.factor * g for name, g in gradients.items()}, state | {"updates": state["updates"] + 1}

    def settle(self, weights, state):
        return state | {"settled": state["settled"] + 1}


@dataclasses.dataclass(frozen=True)
class Plus(sf.Modifier):
    amount: float

    def update(self, gradients, state, *, weights, activity):
        return {name: g + self.amount for name, g in gradients.items()}, state


def setting():
    network = sf.perceptron([5, 4, 3], activation=sf.Elu(), seed=0)
    x = torch.randn(1, 24, 5, generator=torch.Generator().manual_seed(0))
    return network, sf.Batch(x, torch.arange(24) % 3)


def test_modifiers_are_applied_in_order_and_a_chain_of_none_is_the_rule():
    network, batch = setting()
    plain = sf.BPTT().gradients(network, batch, None)
    for modifiers, change in (
        ((), lambda g: g),
        ((Times(2.0), Plus(1.0)), lambda g: 2.0 * g + 1.0),
        ((Plus(1.0), Times(2.0)), lambda g: 2.0 * (g + 1.0)),
    ):
        rule = sf.chain(sf.BPTT(), *modifiers)
        credit = rule.gradients(network, batch, rule.init(network))
        assert torch.equal(credit.loss, plain.loss)
        for name, g in plain.gradients.items():
            assert torch.equal(credit.gradients[name], change(g))


def test_a_modifier_sees_what_the_rule_learns_and_is_told_of_every_step():
    network, batch = setting()
    rule = sf.chain(sf.chain(sf.CounterCurrent(), Times(1.0)), Times(0.5))
    fitted = sf.fit(network, rule, (batch.x, batch.target), epochs=3, batch=12, optimisers=sf.sgd(0.01), progress=False)
    (stream, (inner,)), (outer,) = fitted.state
    assert isinstance(stream, sf.FeedbackStream)
    for state in (inner, outer):
        assert (state["updates"], state["settled"]) == (6, 6)
        assert state["weights"] == [f"{part}layers.{k}.weight" for part in ("", "rule.") for k in (0, 2)]


@pytest.mark.parametrize(
    ("make", "said"),
    [(lambda: sf.chain(sf.BPTT(), sf.BPTT()), r"modifiers\[0\]"), (lambda: sf.chain(Times(1.0)), "chain: rule")],
)
def test_what_is_no_modifier_or_no_rule_is_refused(make, said):
    with pytest.raises(sf.InvalidValue, match=said):
        make()
