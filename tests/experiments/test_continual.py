"""The experiment `continual`: its measures by hand, what is rehearsed, that all is had from a seed, and its smoke preset."""

import dataclasses
import math

import numpy as np
import pytest
import torch

import synfire as sf
from synfire.experiments import continual
from synfire.experiments import continual_measures as measures
from synfire.experiments.cli import main
from synfire.experiments.continual_figures import COLOURS, SHORT
from synfire.experiments.continual_methods import LEARNERS, METHODS
from synfire.experiments.continual_report import write
from synfire.experiments.continual_tasks import ContinualTask
from synfire.experiments.continual_trials import Chosen, facing, rehearse, sequence_of, stored, trial
from synfire.experiments.results import load

MATRIX = np.array([[90.0, 50.0, 10.0], [80.0, 85.0, 20.0], [60.0, 70.0, 95.0]])
BEFORE = np.array([10.0, 20.0, 30.0])
SMOKE = continual.PRESETS["smoke"]
TINY = dataclasses.replace(SMOKE, tasks=2, train_size=64, test_size=40, hidden=(10,), ranks=((6, 4), (3, 2)))


def test_measures_of_a_matrix_are_those_counted_by_hand():
    assert measures.average_accuracy(MATRIX) == pytest.approx((60 + 70 + 95) / 3)
    assert measures.backward_transfer(MATRIX) == pytest.approx(((60 - 90) + (70 - 85)) / 2)
    assert measures.forward_transfer(MATRIX, BEFORE) == pytest.approx(((50 - 20) + (20 - 30)) / 2)


def test_measures_keep_seeds_apart():
    both, before = np.stack([MATRIX, np.full((3, 3), 50.0)]), np.stack([BEFORE, np.full(3, 50.0)])
    np.testing.assert_allclose(measures.average_accuracy(both), [75.0, 50.0])
    np.testing.assert_allclose(measures.backward_transfer(both), [-22.5, 0.0])
    np.testing.assert_allclose(measures.forward_transfer(both, before), [10.0, 0.0])


def test_a_single_task_has_no_transfer():
    assert measures.average_accuracy([[80.0]]) == 80.0
    assert math.isnan(measures.backward_transfer([[80.0]]))
    assert math.isnan(measures.forward_transfer([[80.0]], [10.0]))


def test_a_change_touches_activity_by_the_cosine_between_them():
    rows = torch.tensor([[3.0, 0.0, 4.0], [0.0, 5.0, 0.0]], dtype=torch.float64)
    away = torch.tensor([[4.0, 8.0], [0.0, 0.0], [-3.0, -6.0]], dtype=torch.float64)
    assert measures.touched(away, rows) == pytest.approx(0.0, abs=1e-15)
    along = torch.tensor([[0.0], [2.0], [0.0]], dtype=torch.float64)
    assert measures.touched(along, rows) == pytest.approx(1.0)
    between = torch.tensor([[2.0], [0.0], [0.0]], dtype=torch.float64)
    assert measures.touched(between, rows) == pytest.approx(0.6)
    assert measures.touched(0.0 * between, rows) == 0.0


def test_shares_along_principal_directions_are_the_largest_there_are():
    draw = torch.Generator().manual_seed(0)
    rows = torch.randn((300, 5), generator=draw, dtype=torch.float64) * torch.tensor([5.0, 3.0, 2.0, 1.0, 0.5])
    singular = torch.linalg.svdvals(rows).square()
    best = measures.principal_directions(rows, 3)
    torch.testing.assert_close(measures.shares(rows, best), singular[:3] / singular.sum())
    other = torch.randn((3, 5), generator=draw, dtype=torch.float64)
    assert float(measures.shares(rows, other).sum()) < float(singular[:3].sum() / singular.sum())
    # the span counts, not the rows that span it
    mixed = torch.tensor([[1.0, 2.0, 0.0], [0.0, 1.0, 5.0], [1.0, 0.0, 1.0]], dtype=torch.float64) @ best
    torch.testing.assert_close(measures.shares(rows, mixed), singular[:3] / singular.sum())


def made(samples, seed, classes=3, features=4):
    draw = torch.Generator().manual_seed(seed)
    return Pairs(torch.randn((1, samples, features), generator=draw), torch.arange(samples) % classes)


@dataclasses.dataclass(frozen=True)
class Pairs:
    """Samples in memory."""

    x: torch.Tensor
    labels: torch.Tensor

    def __len__(self):
        return len(self.labels)

    def batch(self, indices):
        return self.x[:, indices], self.labels[indices]


def test_stored_samples_are_so_many_of_each_class_drawn_by_the_seed():
    samples = made(40, 0)
    kept = stored(samples, 5, seed=3, task=1)
    assert len(set(kept.which.tolist())) == len(kept) == 15
    assert np.bincount(samples.labels[kept.which]).tolist() == [5, 5, 5]
    np.testing.assert_array_equal(kept.which, stored(samples, 5, seed=3, task=1).which)
    assert kept.which.tolist() != stored(samples, 5, seed=3, task=2).which.tolist()
    assert len(stored(samples, 50, seed=3, task=1)) == 40  # a class that has fewer gives all it has


def test_chosen_samples_are_those_of_their_numbers():
    samples = made(10, 0)
    x, labels = Chosen(samples, np.array([7, 2])).batch(np.array([1]))
    assert torch.equal(x, samples.x[:, [2]]) and labels.tolist() == [2]


@pytest.mark.parametrize("outputs", [((0, 3), (0, 3)), (None, None), ((0, 3), (3, 6))], ids=["same", "all", "apart"])
def test_an_update_of_rehearsal_descends_the_sum_of_the_tasks_losses(outputs):
    tasks = [ContinualTask(name=str(k), train=made(8, k), test=None, outputs=each) for k, each in enumerate(outputs)]
    network = sf.perceptron([4, 5, 6], seed=1)
    after = rehearse(
        network, sf.BPTT(), None, tasks, batch=8, updates=1, learning_rate=0.5, steps=1, seed=0
    )  # all samples are in the one update
    total = 0.0
    for task in tasks:
        first, last = task.outputs or (0, 6)
        scores = network(task.train.x)[0][0, :, first:last]
        total = total + torch.nn.functional.cross_entropy(scores, task.train.labels)
    total.backward()
    for old, new in zip(network.parameters(), after.parameters(), strict=True):
        torch.testing.assert_close(new, old - 0.5 * old.grad)


def test_a_network_faces_one_task_after_the_other_and_stays_as_it_was():
    network = sf.perceptron([4, 6], seed=0)
    usual = network.objective
    second = facing(facing(network, (0, 3)), (3, 6))
    outputs = torch.arange(6.0).expand(1, 2, 6)
    assert second.objective.scores(outputs).shape == (2, 3)
    assert network.objective is usual
    assert facing(network, None) is network


def test_all_learners_of_a_seed_start_from_the_same_weights():
    first = [w.detach() for w in LEARNERS["bp"].network([6, 5, 4, 3], 7).parameters()]
    for name, learner in LEARNERS.items():
        weights = list(learner.network([6, 5, 4, 3], 7).parameters())
        assert all(torch.equal(a, b) for a, b in zip(first, weights, strict=True)), name


def test_neurons_with_surrogates_are_those_of_the_paper():
    current = 1.5 * torch.ones(6, 1, 1)
    v, spikes = 0.0, []  # decaying input, hard reset
    for _ in range(6):
        v += (1.5 - v) / 2.0
        spikes.append(float(v >= 1.0))
        v = 0.0 if v >= 1.0 else v
    found = LEARNERS["bptt"].network([2, 1, 2], 0).layers[1](current)[0]
    assert found.flatten().tolist() == spikes
    v, spikes = 0.0, []  # input not scaled, soft reset
    for _ in range(6):
        v = 0.5 * v + 0.7
        spikes.append(float(v >= 1.0))
        v -= float(v >= 1.0)
    found = LEARNERS["ottt"].network([2, 1, 2], 0).layers[1](0.7 / 1.5 * current)[0]
    assert found.flatten().tolist() == spikes


def test_every_tuned_method_has_as_many_settings_as_every_other_and_hlop_is_not_tuned():
    counts = {len(method.settings) for method in METHODS.values()}
    assert counts == {1, 4}
    assert all(len(METHODS[name].settings) == 1 for name in ("hlop", "hlop_qr", "hlop_spiking", "svd", "sequential"))
    assert all(method.setting for method in METHODS.values() if len(method.settings) > 1)
    assert set(METHODS) == set(COLOURS) == set(SHORT)


def test_a_trial_is_a_function_of_its_arguments():
    one, other = (trial("rate", "replay", 1, TINY, 5) for _ in range(2))
    for key in one:
        if not key.startswith("cost/"):
            np.testing.assert_array_equal(one[key], other[key], err_msg=key)
    assert (trial("rate", "replay", 1, TINY, 6)["accuracy"] != one["accuracy"]).any()


def test_methods_of_a_seed_start_alike_and_learn_the_first_task_alike():
    plain, kept = trial("bp", "sequential", 0, TINY, 3), trial("bp", "svd", 0, TINY, 3)
    np.testing.assert_array_equal(plain["before"], kept["before"])
    np.testing.assert_array_equal(plain["accuracy"][0], kept["accuracy"][0])


def test_a_projection_with_all_directions_leaves_what_was_learned_as_it_is():
    config = dataclasses.replace(TINY, ranks=((64, 10),))
    found = trial("rate", "svd", 0, config, 0)
    assert found["touched"][0, 0] < 1e-5  # weights in single precision
    assert found["accuracy"][1, 0] == found["accuracy"][0, 0]
    assert trial("rate", "sequential", 0, config, 0)["touched"][0, 0] > 0.1


def test_joint_training_is_tested_at_its_end_alone():
    matrix = trial("rate", "multitask", 0, TINY, 0)["accuracy"]
    assert np.isnan(matrix[:-1]).all() and np.isfinite(matrix[-1]).all()


def test_settings_are_chosen_on_training_images_that_are_not_trained_on():
    tasks, sizes = sequence_of(TINY, 0, validation=True)
    reported, _ = sequence_of(TINY, 0, validation=False)
    assert sizes == [64, 10, 10]
    inner, trained = tasks[0].test.samples, tasks[0].train.samples
    assert inner.images is trained.images
    assert not set(inner.order.tolist()) & set(trained.order.tolist())
    assert reported[0].test.samples.images is not trained.images


def test_the_setting_with_the_highest_final_accuracy_is_chosen_and_one_that_diverged_is_not():
    trials = [{"accuracy": np.full((2, 2), value)} for value in (math.nan, 40.0, 60.0, 50.0)]
    assert continual.chosen(trials) == 2


@pytest.fixture(scope="module")
def smoke(tmp_path_factory):
    folder = tmp_path_factory.mktemp("continual")
    options = ["--preset", "smoke", "--train-size", "160", "--jobs", "1", "--out", str(folder)]
    assert main(["run", "continual", *options]) == 0
    return folder / "continual" / "smoke-seed0.h5"


def test_smoke_metrics_are_those_of_its_matrices(smoke):
    record = load(smoke)
    for name in ("hlop", "sequential", "svd", "replay", "rate.hlop", "rate.sequential"):
        matrix, before = record.series(f"accuracy/{name}"), record.series(f"before/{name}")
        assert matrix.shape == (2, 3, 3)
        np.testing.assert_allclose(record.metrics[f"acc.{name}"]["values"], matrix[:, 2].mean(1))
        forgotten = (matrix[:, 2, 0] - matrix[:, 0, 0] + matrix[:, 2, 1] - matrix[:, 1, 1]) / 2.0
        np.testing.assert_allclose(record.metrics[f"bwt.{name}"]["values"], forgotten)
        ahead = (matrix[:, 0, 1] - before[:, 1] + matrix[:, 1, 2] - before[:, 2]) / 2.0
        np.testing.assert_allclose(record.metrics[f"fwt.{name}"]["values"], ahead)
    assert all(record.metrics[name]["paper"] is None for name in record.metrics)
    kept = record.series("captured/hlop")
    assert kept.shape == (2, 3, 3) and (kept <= 1.0).all()
    assert record.series("touched/sequential").shape == (2, 2, 3)
    assert record.cost["batch_s.hlop"]["value"] > 0.0


def test_smoke_writes_its_table_and_figures(smoke):
    record = load(smoke)
    table = continual.tables(record)["transfer"]
    assert len(table.rows) == 6
    assert table.rows[0][2] == record.metrics["acc.hlop"]["value"]
    names = {path.name for path in smoke.parent.glob("*.png")}
    assert names == {
        f"smoke-seed0-{name}.png"
        for name in ("summary", "matrices", "courses", "tasks", "learners", "subspace", "captured")
    }
    assert smoke.with_name("smoke-seed0-transfer.csv").exists()


def test_smoke_says_that_a_check_is_vacuous_where_nothing_is_forgotten(smoke):
    record = load(smoke)
    for learner, name in (("bp", "sequential"), ("rate", "rate.sequential")):
        lost = record.metrics[f"bwt.{name}"]["value"]
        assert ("vacuous" in record.checks[f"forgets_less_{learner}"]["detail"]) == (lost > -3.0)


def test_the_papers_number_stands_beside_ours_only_where_the_budget_is_the_papers():
    paper = continual.PRESETS["paper"]
    assert continual.as_published(dataclasses.replace(paper, seeds=1, seed=4, methods=("hlop",)))
    assert not continual.as_published(dataclasses.replace(paper, epochs=2))
    assert not continual.as_published(continual.PRESETS["laptop"])


@pytest.mark.parametrize(
    ("field", "value"),
    [("sequence", "permuted_letters"), ("tasks", 1), ("learners", ()), ("learners", ("bp", "bp")), ("learners", ("tpr",)),
     ("methods", ()), ("methods", ("magic",)), ("hidden", ()), ("hidden", (8, 0)), ("ranks", ()), ("ranks", ((1, 2),)),
     ("ranks", ((1, 2, -1),)), ("lateral_rates", (0.1,)), ("lateral_rates", (0.1, 0.0)), ("learning_rate", 0.0),
     ("surrogate_learning_rate", math.inf), ("rate_learning_rate", -1.0), ("steps", 0), ("surrogate_steps", True),
     ("train_size", -1), ("test_size", -1), ("epochs", 0), ("batch", 0), ("stored_per_class", 0), ("rehearsal_batch", 0),
     ("rehearsals", 0), ("seeds", 0), ("seed", -1)],
)  # fmt: skip
def test_continual_config_refuses(field, value):
    with pytest.raises(sf.InvalidValue, match=field):
        dataclasses.replace(SMOKE, **{field: value})


class Written:
    """Keeps what is written."""

    def __init__(self):
        self.series_by_name, self.metrics = {}, {}

    def series(self, name, values, **said):
        self.series_by_name[name] = values

    def metric(self, name, values, *said, **more):
        self.metrics[name] = values

    def cost(self, name, values, said):
        pass


def test_trials_that_keep_other_numbers_of_directions_or_diverged_are_written_with_the_others():
    good, diverged = trial("rate", "gpm", 1, TINY, 0), trial("rate", "gpm", 3, TINY, 1)
    assert len(good["angles/0"]) != len(diverged["angles/0"])
    record = Written()
    write(record, "rate", "gpm", "gpm", [good, diverged], {})
    assert record.series_by_name["angles/0/gpm"].shape == (2, max(len(good["angles/0"]), len(diverged["angles/0"])))
    for key in ("angles/0", "captured", "not_orthonormal", "longest", "touched"):
        del diverged[key]
    record = Written()
    write(record, "rate", "gpm", "gpm", [good, diverged], {})
    assert "angles/0/gpm" not in record.series_by_name
    assert "acc.gpm" in record.metrics


def test_what_cannot_be_done_is_told_before_anything_is_trained():
    for changed, said in (
        ({"ranks": ((900, 4), (3, 2))}, "900"),
        ({"train_size": 10**6}, "train_size"),
        ({"sequence": "split_digits_maps"}, "continual-maps"),
    ):
        with pytest.raises(sf.InvalidValue, match=said):
            continual.run(dataclasses.replace(TINY, **changed), None)


def test_an_interrupted_training_never_counts_as_done(monkeypatch):
    halfway = sf.Fitted(network=None, history=None, interrupted=True)
    monkeypatch.setattr("synfire.reservoirs.training.fit", lambda *arguments, **options: halfway)
    monkeypatch.setattr("synfire.reservoirs.fit", lambda *arguments, **options: halfway, raising=False)
    with pytest.raises(KeyboardInterrupt):
        trial("rate", "sequential", 0, TINY, 0)
