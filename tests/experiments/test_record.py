"""The results store: repeatable to the byte, safe against kills and full disks, and plain about foreign files."""

from __future__ import annotations

import errno
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import toy_experiment as toy

from synfire.experiments import disk, execute, registry
from synfire.experiments.record import LoadedRecord, Record, load
from synfire.neurons import InvalidValue, SynfireError, UnknownName, UnreadableFile

HEADER = {"experiment": "toy", "preset": "smoke", "config": {}, "seed": 0, "versions": {}, "commit": ""}
SMOKE = toy.PRESETS["smoke"]

# The toy on the command line, in a process of its own that can be killed.
PROGRAM = f"""
import sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
import toy_experiment
from synfire.experiments import cli, registry
registry.EXPERIMENTS["toy"] = toy_experiment
sys.exit(cli.main(sys.argv[1:]))
"""


@pytest.fixture(autouse=True)
def known_toy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(registry.EXPERIMENTS, "toy", toy)


@pytest.fixture
def record(tmp_path: Path) -> Iterator[Record]:
    with Record.create(tmp_path, HEADER) as record:
        yield record


def datasets(path: Path) -> dict[str, tuple[Any, ...]]:
    """Type, shape and bytes of every dataset in the file."""
    found: dict[str, tuple[Any, ...]] = {}

    def visit(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset):
            value = np.asarray(item[()])
            found[name] = (value.dtype.str, value.shape, value.tobytes())

    with h5py.File(path, "r") as file:
        file.visititems(visit)
    return found


def metrics(result: LoadedRecord) -> str:
    return repr(result.metrics)  # as text, since NaN differs from itself


def reference(folder: Path) -> Path:
    return execute.start("toy", SMOKE, "smoke", folder)


# What is written can be read back


def test_everything_recorded_is_read_back(tmp_path: Path) -> None:
    result = load(reference(tmp_path))
    assert (result.experiment, result.preset, result.seed) == ("toy", "smoke", 0)
    assert result.config["scales"] == [1.0, 2.0]
    assert result.versions["numpy"] == np.__version__
    assert list(result.metrics) == ["mean.scale1", "mean.scale2", "nothing"]
    row = result.metrics["mean.scale1"]
    assert row["paper"] == 0.5 and row["low"] <= row["value"] <= row["high"] and len(row["values"]) == SMOKE.seeds
    assert result.metrics["nothing"]["paper"] is None
    assert result.checks["near"] == {"claim": "the mean is near a half", "holds": True, "detail": "it is"}
    assert not result.checks["far"]["holds"]
    assert result.cost["wall_s.run"]["value"] > 0
    assert result.series_attributes("sorted") == {"units": "mV"}
    np.testing.assert_array_equal(result["sorted"], np.sort(result.blocks["scale1/seed0"]["numbers"]))
    assert len(result.blocks) == 8 and set(result.blocks["scale2/seed3"]) == {"numbers", "mean", "product"}
    assert result.block_cost("scale2/seed3")["wall_s"] >= 0


def test_unknown_names_in_a_result_are_told(tmp_path: Path) -> None:
    result = load(reference(tmp_path))
    for ask in (lambda: result["none"], lambda: result.blocks["none"], lambda: result.spikes("none")):
        with pytest.raises(UnknownName):
            ask()
    assert "none" not in result.blocks and "none" not in result and "sorted" in result


@pytest.mark.parametrize(
    "array",
    [
        np.arange(6, dtype=np.int16).reshape(2, 3),
        np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        np.arange(5000, dtype=np.float32),
        np.array([True, False]),
        np.array(["π", "lange Zeichen"]),
        np.array([], dtype=np.float64),
        np.array(["", ""]),
        np.empty((0, 3)),
        np.float64(2.5),
        np.array([1 + 2j]),
    ],
)
def test_arrays_of_every_kind_survive(record: Record, array: np.ndarray) -> None:
    record.series("x", array)
    loaded = load(record.finish())["x"]
    np.testing.assert_array_equal(loaded, array)
    assert loaded.dtype.kind == np.asarray(array).dtype.kind


@pytest.mark.parametrize("array", [np.array([None]), [[1], [1, 2]], np.array([object()])])
def test_arrays_that_would_need_pickle_are_refused(record: Record, array: Any) -> None:
    with pytest.raises(InvalidValue, match="series x"):
        record.series("x", array)


@pytest.mark.parametrize("name", ["", "/", "a/", "..", "a//b", "a\x00b", "x" * 81])
def test_names_that_hdf5_cannot_hold_are_refused(record: Record, name: str) -> None:
    with pytest.raises(InvalidValue):
        record.series(name, 1.0)


def test_a_name_is_given_once(record: Record) -> None:
    record.metric("a.b", [1.0])
    with pytest.raises(InvalidValue, match="not used before"):
        record.metric("a.b", [2.0])
    record.series("a", 1.0)
    with pytest.raises(InvalidValue, match="neither inside nor around"):
        record.series("a/b", 1.0)
    record.map(toy.draw, {"t/1": (3, 1.0, 0, 0.0)})
    with pytest.raises(InvalidValue, match="not used before"):
        record.map(toy.draw, {"t/1": (3, 1.0, 0, 0.0)})
    with pytest.raises(InvalidValue, match="neither inside nor around"):
        record.map(toy.draw, {"t": (3, 1.0, 0, 0.0)})


def test_spikes_stand_in_the_sonata_layout(tmp_path: Path) -> None:
    path = reference(tmp_path)
    with h5py.File(path, "r") as file:
        assert file.attrs["magic"] == 0x0A7A and list(file.attrs["version"]) == [0, 1]
        group = file["spikes/core"]
        sorting = group.attrs.get_id("sorting").dtype
        assert h5py.check_enum_dtype(sorting)["by_time"] == group.attrs["sorting"]
        assert group["timestamps"].attrs["units"] == "ms"
        assert group["node_ids"].dtype == np.uint64
    times, nodes = load(path).spikes("core")
    np.testing.assert_array_equal(times, [1.0, 1.0, 3.0])
    np.testing.assert_array_equal(nodes, [1, 2, 0])


@pytest.mark.parametrize(("times", "nodes"), [([1.0], [1, 2]), ([1.0], [-1]), ([1.0], [0.5]), ([[1.0]], [[1]])])
def test_spikes_without_sense_are_refused(record: Record, times: Any, nodes: Any) -> None:
    with pytest.raises(InvalidValue, match="spikes core"):
        record.spikes("core", times, nodes)


# The same config and seed give the same bytes


def test_same_seed_twice_gives_the_same_bytes_in_every_dataset(tmp_path: Path) -> None:
    first, second = reference(tmp_path), reference(tmp_path)
    assert first != second
    assert datasets(first) == datasets(second)


def test_number_of_jobs_does_not_change_a_byte(tmp_path: Path) -> None:
    config = toy.Config(n=1500, seeds=2)  # large enough for products to be spread over threads
    one = execute.start("toy", config, "smoke", tmp_path, jobs=1)
    two = execute.start("toy", config, "smoke", tmp_path, jobs=2)
    assert datasets(one) == datasets(two)


# Nothing is overwritten, nothing half-written


def test_results_and_unfinished_runs_are_never_overwritten(tmp_path: Path) -> None:
    names = [reference(tmp_path).name]
    with Record.create(tmp_path, HEADER) as unfinished:
        names += [unfinished.path.name, reference(tmp_path).name]
    assert names == ["smoke-seed0.h5", "smoke-seed0-2.h5", "smoke-seed0-3.h5"]
    assert unfinished.partial.is_dir()


def test_a_finished_run_leaves_one_file(tmp_path: Path) -> None:
    path = reference(tmp_path)
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_full_disk_at_the_end_keeps_all_tasks_and_can_be_resumed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    expected = datasets(reference(tmp_path / "reference"))
    monkeypatch.setattr(toy, "figures", None)

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def disk_fills_up(config: toy.Config, record: Record) -> None:
        toy_run(config, record)
        monkeypatch.setattr(disk.os, call, full)

    toy_run = toy.run
    with monkeypatch.context():
        monkeypatch.setattr(toy, "run", disk_fills_up)
        with pytest.raises(SynfireError, match=r"smoke-seed0\.h5: no room left on the disk.*synfire resume"):
            reference(tmp_path)
    monkeypatch.undo()
    monkeypatch.setitem(registry.EXPERIMENTS, "toy", toy)
    (left,) = (tmp_path / "toy").iterdir()
    assert left.name == "smoke-seed0.h5.partial"
    assert len(list(left.glob("*.npz"))) == 8 and not list(left.glob("*.tmp"))
    assert datasets(execute.resume(left)) == expected


def test_file_system_that_refuses_more_bytes_is_a_full_disk(tmp_path: Path) -> None:
    limited = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))\n" + PROGRAM
    command = [sys.executable, "-c", limited, "run", "toy", "--out", str(tmp_path), "--jobs", "1", "--n", "400"]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert ran.returncode == 2
    assert "no room left on the disk" in ran.stderr and "Traceback" not in ran.stderr
    assert not list(tmp_path.rglob("*.h5")) and not list(tmp_path.rglob("*.tmp"))


def test_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SynfireError, match=r"cannot be written.*--out"):
        reference(tmp_path / "file")


def test_a_run_that_fails_before_any_task_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(config: toy.Config, record: Record) -> None:
        raise InvalidValue("n", config.n, "even")

    monkeypatch.setattr(toy, "run", refuse)
    with pytest.raises(InvalidValue):
        reference(tmp_path)
    assert not list((tmp_path / "toy").iterdir())


# Unfinished runs are continued


def test_damaged_and_missing_blocks_are_computed_again(tmp_path: Path) -> None:
    config = toy.Config(seeds=2)
    tasks = {f"scale{scale:g}/seed{seed}": (config.n, scale, seed, 0.0) for scale in config.scales for seed in range(2)}
    header = HEADER | {"config": {"n": 50, "seeds": 2, "scales": [1.0, 2.0], "pause_s": 0.0, "seed": 0}}
    with Record.create(tmp_path, header) as record:
        record.map(toy.draw, tasks)
    blocks = sorted(record.partial.glob("*.npz"))
    content = blocks[0].read_bytes()
    blocks[0].write_bytes(content[: len(content) // 2])
    flipped = bytearray(blocks[1].read_bytes())
    flipped[len(flipped) // 3] ^= 0xFF
    blocks[1].write_bytes(flipped)
    blocks[2].write_bytes(b"")
    (record.partial / "left.npz.1.tmp").write_bytes(b"half")
    resumed = execute.resume(record.path)
    assert datasets(resumed) == datasets(execute.start("toy", config, "smoke", tmp_path))


def test_kept_tasks_are_not_run_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tasks = {"a": (3, 1.0, 0, 0.0), "b": (3, 1.0, 1, 0.0)}
    with Record.create(tmp_path, HEADER) as record:
        first = record.map(toy.draw, tasks)

    def never(*_: object) -> dict[str, Any]:
        raise AssertionError("run again")

    with Record.resume(record.partial) as record:
        again = record.map(never, tasks)
    assert list(again) == list(first)
    for name in first:
        assert {key: value.tobytes() for key, value in first[name].items()} == {
            key: value.tobytes() for key, value in again[name].items()
        }


def test_killed_at_random_moments_and_resumed_gives_the_same_result(tmp_path: Path) -> None:
    expected = reference(tmp_path / "reference")
    out = tmp_path / "killed"
    options = ["--preset", "smoke", "--out", str(out), "--jobs", "2"]
    path = out / "toy" / "smoke-seed0.h5"
    moments = random.Random(0)
    for kill in range(4):
        arguments = ["resume", str(path), "--jobs", "2"] if kill else ["run", "toy", *options]
        process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        while process.poll() is None and not path.with_name(path.name + ".partial").is_dir() and not path.exists():
            time.sleep(0.01)
        time.sleep(moments.uniform(0.1, 0.9))
        process.send_signal(signal.SIGKILL)
        process.wait()
        if path.exists():
            break
    result = execute.resume(path)
    assert result == path
    assert metrics(load(path)) == metrics(load(expected))
    assert datasets(path) == datasets(expected)
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


def test_kill_between_the_last_two_acts_is_a_finished_run(tmp_path: Path) -> None:
    path = reference(tmp_path)
    leftover = path.with_name(path.name + ".partial")
    leftover.mkdir()
    assert execute.resume(leftover) == path
    assert not leftover.exists()


def test_a_run_that_is_still_going_on_is_not_resumed(record: Record) -> None:
    with pytest.raises(SynfireError, match="still going on"):
        Record.resume(record.path)


@pytest.mark.parametrize("header", [None, b"", b"[]", b"{}", b"\xff"])
def test_folder_without_a_header_is_no_run(tmp_path: Path, header: bytes | None) -> None:
    folder = tmp_path / "x.h5.partial"
    folder.mkdir()
    if header is not None:
        (folder / "header.json").write_bytes(header)
    with pytest.raises(UnreadableFile, match="header"):
        execute.resume(folder)


def test_config_of_another_version_is_not_guessed_at(tmp_path: Path) -> None:
    Record.create(tmp_path, HEADER | {"config": {"neurons": 3}}).__exit__(None, None, None)
    with pytest.raises(UnreadableFile, match="another version"):
        execute.resume(tmp_path / "toy" / "smoke-seed0.h5")


def failing(number: int) -> dict[str, Any]:
    if number == 1:
        raise InvalidValue("number", number, "even", "add one")
    return {"number": number}


def exiting(number: int) -> dict[str, Any]:
    os._exit(3)


@pytest.mark.parametrize("jobs", [1, 2])
def test_error_of_a_task_arrives_as_it_was_raised(tmp_path: Path, jobs: int) -> None:
    told = "number: must be even, got 1; add one"
    with pytest.raises(InvalidValue, match=told), Record.create(tmp_path, HEADER, jobs) as record:
        record.map(failing, {"a": (0,), "b": (1,), "c": (2,)})


def test_dead_worker_is_told_with_what_to_do(tmp_path: Path) -> None:
    told = "a worker process died.*fewer --jobs"
    with pytest.raises(SynfireError, match=told), Record.create(tmp_path, HEADER, 2) as record:
        record.map(exiting, {"a": (0,), "b": (1,)})


# Files that are not results


@pytest.mark.parametrize("keep", [0, 8, 100, 0.5, -1])
def test_truncated_result_is_unreadable(tmp_path: Path, keep: float) -> None:
    path = reference(tmp_path)
    content = path.read_bytes()
    path.write_bytes(content[: int(keep * len(content)) if isinstance(keep, float) else keep])
    with pytest.raises(UnreadableFile, match=str(path)):
        load(path)


def test_bytes_changed_in_a_result_never_raise_anything_else(tmp_path: Path) -> None:
    path = reference(tmp_path)
    content = path.read_bytes()
    rng = random.Random(1)
    for _ in range(60):
        changed = bytearray(content)
        for _ in range(20):
            changed[rng.randrange(len(changed))] = rng.randrange(256)
        path.write_bytes(changed)
        try:
            result = load(path)
            for name in result.series_names:
                result.series(name)
            for task in result.blocks:
                dict(result.blocks[task])
        except SynfireError:
            pass


def test_foreign_and_other_versions_of_files_are_unreadable(tmp_path: Path) -> None:
    path = tmp_path / "x.h5"
    with h5py.File(path, "w") as file:
        file["data"] = 1
    with pytest.raises(UnreadableFile, match="not a Synfire result"):
        load(path)
    with h5py.File(path, "a") as file:
        file.attrs["synfire_format"] = 99
    with pytest.raises(UnreadableFile, match="format 99"):
        load(path)
    with h5py.File(path, "a") as file:
        file.attrs["synfire_format"] = 1
    with pytest.raises(UnreadableFile, match="damaged"):
        load(path)


def test_missing_files_folders_and_text_are_unreadable(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("hello")
    for path, told in {"none.h5": "no such file", ".": "a folder", "text": "not an HDF5 file"}.items():
        with pytest.raises(UnreadableFile, match=told):
            load(tmp_path / path)


def test_unfinished_result_says_how_to_continue(record: Record) -> None:
    with pytest.raises(UnreadableFile, match="synfire resume"):
        load(record.path)
    with pytest.raises(UnreadableFile, match="synfire resume"):
        load(record.partial)


def test_no_permission_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = reference(tmp_path)

    def denied(*_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, "denied")

    monkeypatch.setattr("builtins.open", denied)
    with pytest.raises(UnreadableFile, match="permissions"):
        load(path)


@pytest.mark.parametrize("jobs", [0, -1])
def test_jobs_below_one_are_refused(tmp_path: Path, jobs: int) -> None:
    with pytest.raises(InvalidValue, match="--jobs"):
        Record.create(tmp_path, HEADER, jobs)
