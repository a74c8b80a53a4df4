"""Lempel-Ziv complexity against its definition in plain Python, on all short trains and on long ones of known structure."""

import math
import sys

import numba
import numpy as np
import pytest

import synfire as sf
from synfire.neurons import lempel_ziv_kernel
from synfire.neurons.lempel_ziv_kernel import count_components

STREAM = 284
BERNOULLI = {  # p: mean and sd of C of 60 trains of 1,000 bins, measured by somebody else with another program
    0.01: (0.095, 0.022), 0.02: (0.152, 0.024), 0.04: (0.252, 0.033),
    0.05: (0.292, 0.034), 0.10: (0.482, 0.038), 0.20: (0.748, 0.038),
}  # fmt: skip

SHORT = {  # the same for 128, 256, 512 and 1,024 bins, of 20 to 40 trains each
    0.01: ((0.200, 0.063), (0.147, 0.043), (0.120, 0.032), (0.100, 0.026)),
    0.05: ((0.398, 0.097), (0.334, 0.060), (0.295, 0.046), (0.303, 0.036)),
    0.10: ((0.563, 0.101), (0.536, 0.069), (0.502, 0.040), (0.488, 0.034)),
    0.20: ((0.883, 0.093), (0.804, 0.065), (0.789, 0.050), (0.742, 0.034)),
    0.50: ((1.162, 0.056), (1.111, 0.044), (1.078, 0.028), (1.062, 0.015)),
}


def components(train):
    """The definition: the shortest block from `begin` on that does not stand in the train from an earlier place on."""
    text, found, begin = bytes(train), [], 0
    while begin < len(text):
        end = begin + 1
        while end <= len(text) and text.find(text[begin:end], 0, end - 1) >= 0:
            end += 1
        found.append(text[begin:end])
        begin = end
    return found


@numba.njit
def compared(train):
    """Components by comparing with every earlier place, symbol by symbol."""
    n, begin, count = train.size, 0, 0
    while begin < n:
        longest = 0
        for j in range(begin):
            k = 0
            while begin + k < n and train[j + k] == train[begin + k]:
                k += 1
            longest = max(longest, k)
        begin += longest + 1
        count += 1
    return count


def of_text(text):
    return np.frombuffer(text.encode(), np.uint8) - ord("0")


@pytest.fixture(params=["bits", "automaton"])
def counted(request, monkeypatch):
    """Both ways to count, whatever the length."""
    monkeypatch.setattr(lempel_ziv_kernel, "_SHORT", 2**40 if request.param == "bits" else -1)
    return count_components


@pytest.mark.parametrize(
    ("text", "count"),
    [("0001101001000101", 6), ("0" * 16, 2), ("01" * 8, 3), ("", 0), ("0", 1), ("1", 1), ("00", 2), ("01", 2)],
)
def test_known_trains_have_their_components(text, count, counted):
    assert sf.lempel_ziv(of_text(text)) == len(components(of_text(text))) == count
    assert b".".join(components(of_text("0001101001000101"))) == bytes(of_text("0")) + b"." + b".".join(
        bytes(of_text(block)) for block in ("001", "10", "100", "1000", "101")
    )


def test_every_train_up_to_fourteen_bins_has_the_components_of_the_definition(counted):
    for n in range(1, 15):
        trains = (np.arange(2**n) >> np.arange(n)[:, None] & 1).astype(np.uint8)
        expected = [len(components(train)) for train in np.ascontiguousarray(trains.T)]
        np.testing.assert_array_equal(counted(trains), expected)


def test_a_thousand_random_trains_have_the_components_of_the_definition(counted):
    rng = sf.setup_generator(0, STREAM)
    trains = (rng.random((2000, 1000)) < rng.choice([0.003, 0.02, 0.1, 0.3, 0.5, 0.9], 1000)).astype(np.uint8)
    rows = np.ascontiguousarray(trains.T)
    expected = [compared(row) for row in rows]
    assert [len(components(row)) for row in rows[:20]] == expected[:20]
    np.testing.assert_array_equal(counted(trains), expected)


def fibonacci(n):
    old, new = b"\0", b"\0\1"
    while len(new) < n:
        old, new = new, new + old
    return np.frombuffer(new[:n], np.uint8)


def thue_morse(n):
    train = np.zeros(1, np.uint8)
    while train.size < n:
        train = np.concatenate([train, 1 - train])
    return train[:n]


def test_components_of_the_fibonacci_word_have_the_fibonacci_numbers_as_lengths(counted):
    lengths = [1, 1]
    while sum(lengths) < 100_000:
        lengths.append(lengths[-1] + lengths[-2])
    assert counted(fibonacci(100_000)[:, None]) == [len(lengths)]
    assert [len(block) for block in components(fibonacci(300))][:-1] == lengths[:11]


def test_long_structured_trains_have_the_components_of_the_definition(counted):
    n = 100_000
    defect = np.tile(of_text("0110100"), n // 7 + 1)[:n]
    defect[60_001] ^= 1
    late = np.zeros(n, np.uint8)
    late[-1] = 1
    for train in (thue_morse(n), defect, np.zeros(n, np.uint8), late, fibonacci(n)[::-1].copy()):
        assert counted(train[:, None]) == [compared(train)]
    rng = sf.setup_generator(0, STREAM, 1)
    noise = (rng.random(12_000) < 0.2).astype(np.uint8)
    assert counted(np.concatenate([noise, noise])[:, None]) == [
        compared(noise) + 1
    ]  # the copy is one more block, at most


def test_train_and_its_complement_are_equally_complex():
    trains = sf.setup_generator(0, STREAM, 2).random((700, 50)) < 0.3
    np.testing.assert_array_equal(sf.complexity(trains), sf.complexity(~trains))


def test_a_longer_train_has_at_least_the_components_of_its_beginning():
    train = sf.setup_generator(0, STREAM, 3).random(300) < 0.2
    counts = np.array([sf.lempel_ziv(train[:n]) for n in range(301)])
    assert np.isin(np.diff(counts), (0, 1)).all()


def test_complexity_is_normalised_and_keeps_the_shape_of_all_but_time():
    trains = sf.setup_generator(0, STREAM, 4).random((130, 3, 70)) < 0.2
    found = sf.complexity(trains)
    assert found.shape == (3, 70)
    for sample, neuron in ((0, 0), (2, 69), (1, 63)):
        count = len(components(trains[:, sample, neuron]))
        assert found[sample, neuron] == pytest.approx(count * math.log2(130) / 130, rel=1e-12)
        assert sf.complexity(trains[:, sample, neuron]) == found[sample, neuron]
    np.testing.assert_array_equal(sf.complexity(trains.astype(np.float32)), found)
    np.testing.assert_array_equal(sf.complexity(trains[:, :, ::-1]), found[:, ::-1])
    assert sf.complexity(trains[:, :0]).shape == (0, 70)


@pytest.mark.parametrize("bins", [100, 5000])
def test_complexity_does_not_depend_on_the_number_of_threads(bins):
    torch = pytest.importorskip("torch")
    trains = sf.setup_generator(0, STREAM, 5).random((bins, 200_000 // bins)) < 0.1
    before, found = torch.get_num_threads(), []
    try:
        for threads in (1, 2, 3):
            torch.set_num_threads(threads)
            found.append(sf.complexity(trains))
    finally:
        torch.set_num_threads(before)
    np.testing.assert_array_equal(found[0], found[1])
    np.testing.assert_array_equal(found[0], found[2])


def test_a_few_trains_are_counted_without_threads_and_without_torch(monkeypatch):
    monkeypatch.setitem(sys.modules, "synfire.neurons.threads", None)  # importing it would fail
    assert sf.complexity([0, 1, 1, 0]) == 3 * 2 / 4


@pytest.mark.parametrize("p", BERNOULLI)
def test_complexity_of_bernoulli_trains_is_that_of_the_table(p):
    """4,000 trains, so that the standard error is the table's alone; the table's is its sd over the root of its 60 trains."""
    mean, sd = BERNOULLI[p]
    found = sf.complexity(sf.setup_generator(0, STREAM, 6).random((1000, 4000)) < p)
    assert abs(found.mean() - mean) < 2.0 * sd / math.sqrt(60)
    assert found.std() == pytest.approx(sd, rel=4.0 / math.sqrt(2 * 59))  # four standard errors of the table's sd


@pytest.mark.parametrize("p", SHORT)
def test_complexity_of_short_bernoulli_trains_is_that_of_the_table(p):
    """Three standard errors of 30 trains, because there are twenty cells."""
    for n, (mean, sd) in zip((128, 256, 512, 1024), SHORT[p], strict=True):
        found = sf.complexity(sf.setup_generator(0, STREAM, 7).random((n, 3000)) < p)
        assert abs(found.mean() - mean) < 3.0 * sd / math.sqrt(30)


@pytest.mark.parametrize(
    ("trains", "told"),
    [
        (np.array([0, 1, 2]), "zeros and ones"),
        (np.array([0.0, 0.5]), "zeros and ones"),
        (np.array([0.0, np.nan]), "zeros and ones"),
        (np.array([1, -1]), "zeros and ones"),
        (np.array(["0", "1"]), "zeros and ones"),
        (np.array([1j, 0]), "zeros and ones"),
        (np.zeros((1, 4)), "at least 2 bins"),
        (np.zeros((0, 4)), "at least 2 bins"),
        (np.zeros(()), "at least 2 bins"),
    ],
)
def test_complexity_refuses_what_is_no_train(trains, told):
    with pytest.raises(sf.InvalidValue, match=told):
        sf.complexity(trains)


def test_one_train_is_one_train(monkeypatch):
    with pytest.raises(sf.InvalidValue, match=r"of shape \(time,\)"):
        sf.lempel_ziv(np.zeros((4, 2)))
    monkeypatch.setattr("synfire.neurons.spike_complexity.TRAIN_LIMIT", 3)
    with pytest.raises(sf.InvalidValue, match="at most 3 bins"):
        sf.lempel_ziv(np.zeros(4))
