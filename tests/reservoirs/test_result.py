"""A saved run: the SONATA layout, whole or not there at all."""

import os

import h5py
import numpy as np
import pytest

import synfire as sf


@pytest.fixture(scope="module")
def ran():
    net = sf.Network(dt=0.5, seed=4)
    cells, others = (net.population(6, sf.LIF(), name=name) for name in ("cells", "others"))
    net.drive(cells, sf.GaussianNoise(mean=20.0, std=10.0))
    net.drive(others, sf.GaussianNoise(mean=20.0, std=10.0))
    net.readout(cells, 2, sf.ThreeFactor())
    record = [sf.Spikes(cells[[1, 4]]), sf.Spikes(others), sf.Trace(others[:2], "v", every=2.0)]
    return cells, others, net.run(100.0, record=record)


def test_spikes_are_in_the_sonata_layout(ran, tmp_path):
    cells, others, result = ran
    with h5py.File(result.save(tmp_path / "run.h5")) as file:
        assert file.attrs["magic"] == 0x0A7A
        assert file.attrs["version"].tolist() == [0, 1]
        assert set(file["spikes"]) == {"cells", "others"}
        for population, part in ((cells, cells[[1, 4]]), (others, others)):
            group, expected = file[f"spikes/{population.name}"], result.spikes(part)
            assert len(expected.times) > 0
            assert group.attrs["sorting"] == "by_time"
            assert group["timestamps"].attrs["units"] == "milliseconds"
            assert group["node_ids"].dtype == np.uint64
            np.testing.assert_array_equal(group["timestamps"], expected.times)
            np.testing.assert_array_equal(group["node_ids"], expected.neurons)
            assert (np.diff(group["timestamps"]) >= 0).all()


def test_traces_outputs_and_state_are_there_too(ran, tmp_path):
    _, others, result = ran
    with h5py.File(result.save(tmp_path / "run.h5")) as file:
        trace = result.trace(others[:2], "v")
        np.testing.assert_array_equal(file["traces/0/values"], trace.values)
        np.testing.assert_array_equal(file["traces/0/times"], trace.times)
        assert file["traces/0"].attrs["variable"] == "v"
        assert file["traces/0"].attrs["population"] == "others"
        np.testing.assert_array_equal(file["outputs/readout0"], result.outputs[0])
        assert set(file["state"]) == set(result.state)
        for name, array in result.state.items():
            np.testing.assert_array_equal(file[f"state/{name}"], array)
        assert (file.attrs["dt"], file.attrs["seed"], file.attrs["start"], file.attrs["stop"]) == (0.5, 4, 0.0, 100.0)
        assert not file.attrs["interrupted"]


def test_the_same_run_saves_the_same_data_twice(ran, tmp_path):
    _, _, result = ran
    read = []
    for name in ("one.h5", "two.h5"):
        found = {}
        with h5py.File(result.save(tmp_path / name)) as file:
            file.visititems(
                lambda path, item, found=found: found.update(
                    {path: item[()].tobytes()} if hasattr(item, "shape") else {}
                )
            )
        read.append(found)
    assert read[0] == read[1]


def test_a_save_that_fails_leaves_what_was_there_and_nothing_half_written(ran, tmp_path, monkeypatch):
    _, _, result = ran
    path = result.save(tmp_path / "run.h5")
    before = path.read_bytes()

    def full(*_args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(sf.SynfireError, match=r"save: cannot write .*free some space"):
        result.save(path)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["run.h5"]


def test_a_folder_that_does_not_exist_is_said_so(ran, tmp_path):
    with pytest.raises(sf.SynfireError, match="save: cannot write"):
        ran[2].save(tmp_path / "no such folder" / "run.h5")


def test_outputs_have_a_row_per_update_that_was_completed(ran):
    assert ran[2].outputs[0].shape == (100, 2)
