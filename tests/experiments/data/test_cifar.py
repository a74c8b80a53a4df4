"""CIFAR's binary archives are read byte for byte, and nothing else is taken for one."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import pickle
import tarfile
from pathlib import Path

import numpy as np
import pytest

from synfire.experiments.data import archive, cifar, load_cifar
from synfire.neurons import UnknownName, UnreadableFile

PER_MEMBER = 3


def tar(members: dict[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as file:
        for name, contents in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(contents)
            file.addfile(member, io.BytesIO(contents))
    return packed.getvalue()


def records(name: str) -> dict[str, np.ndarray]:
    """Random records of every member of a small archive, with labels that are legal."""
    rng = np.random.default_rng(0)
    kind = cifar.ARCHIVES[name]
    made = {}
    for member in kind.train | kind.test:
        made[member] = rng.integers(0, 256, (PER_MEMBER, kind.labels + 3072), dtype=np.uint8)
        made[member][:, : kind.labels] = rng.integers(0, kind.classes, (PER_MEMBER, kind.labels))
    return made


def put(folder: Path, name: str, packed: bytes, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An archive in the place of the published one, of members that are small, with its checksum."""
    kind = cifar.ARCHIVES[name]
    small = dataclasses.replace(
        kind,
        checksum=f"md5:{hashlib.md5(packed).hexdigest()}",
        train=dict.fromkeys(kind.train, PER_MEMBER),
        test=dict.fromkeys(kind.test, PER_MEMBER),
    )
    monkeypatch.setitem(cifar.ARCHIVES, name, small)
    monkeypatch.setenv("SYNFIRE_DATA", str(folder))
    path = folder / name / kind.file
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(packed)
    return path


@pytest.mark.parametrize("name", ["cifar10", "cifar100"])
def test_every_pixel_and_class_of_an_archive_is_where_it_belongs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    made, kind = records(name), cifar.ARCHIVES[name]
    reversed_members = {member: made[member].tobytes() for member in reversed(made)}
    put(tmp_path, name, tar({"readme.html": b"<html>", **reversed_members}), monkeypatch)
    images = load_cifar(name)
    assert images.train_images.shape == (PER_MEMBER * len(kind.train), 32, 32, 3)
    assert images.test_images.shape == (PER_MEMBER, 32, 32, 3)
    number = 0
    for member in kind.train:
        for record in made[member]:
            assert images.train_labels[number] == record[kind.labels - 1]  # of CIFAR-100 the second, fine one
            for row, column, channel in [(0, 0, 0), (0, 31, 0), (5, 2, 1), (31, 30, 2)]:
                pixel = record[kind.labels + 1024 * channel + 32 * row + column]
                assert images.train_images[number, row, column, channel] == pixel
            number += 1
    for number, record in enumerate(made[next(iter(kind.test))]):
        np.testing.assert_array_equal(images.test_images[number].transpose(2, 0, 1).ravel(), record[kind.labels :])


def test_another_archive_is_refused_before_it_is_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = {member: array.tobytes() for member, array in records("cifar10").items()}
    path = put(tmp_path, "cifar10", tar(made), monkeypatch)
    monkeypatch.setattr(archive.tarfile, "open", lambda *_, **__: pytest.fail("a foreign archive was opened"))
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(UnreadableFile, match=r"cifar-10-binary.*truncated or not the published file \(its md5 differs"):
        load_cifar("cifar10")
    path.unlink()
    with pytest.raises(UnreadableFile, match=r"cifar-10-binary.*unset SYNFIRE_DATA"):
        load_cifar("cifar10")


def one_short(made: dict[str, bytes]) -> dict[str, bytes]:
    return made | {"cifar-10-batches-bin/data_batch_2.bin": made["cifar-10-batches-bin/data_batch_2.bin"][:-1]}


def one_missing(made: dict[str, bytes]) -> dict[str, bytes]:
    return {name: contents for name, contents in made.items() if "data_batch_4" not in name}


def a_label_of_ten(made: dict[str, bytes]) -> dict[str, bytes]:
    return made | {"cifar-10-batches-bin/test_batch.bin": bytes([10]) + made["cifar-10-batches-bin/test_batch.bin"][1:]}


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (one_short, r"data_batch_2.bin has 9218 bytes, wanted 9219"),
        (one_missing, r"lacks cifar-10-batches-bin/data_batch_4.bin"),
        (a_label_of_ten, r"has a label 10, wanted 0 to 9"),
    ],
)
def test_members_of_other_sizes_or_labels_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spoil: object, said: str
) -> None:
    made = {member: array.tobytes() for member, array in records("cifar10").items()}
    put(tmp_path, "cifar10", tar(spoil(made)), monkeypatch)  # type: ignore[operator]
    with pytest.raises(UnreadableFile, match=said):
        load_cifar("cifar10")


@pytest.mark.parametrize("packed", [b"", b"no archive", pickle.dumps({b"data": [1, 2]})])
def test_what_is_no_archive_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, packed: bytes) -> None:
    put(tmp_path, "cifar100", packed, monkeypatch)
    with pytest.raises(UnreadableFile, match=r"cifar-100-binary.*(not a tar.gz|lacks)"):
        load_cifar("cifar100")


def test_links_in_an_archive_are_not_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as file:
        link = tarfile.TarInfo("cifar-100-binary/train.bin")
        link.type, link.linkname, link.size = tarfile.SYMTYPE, "/etc/passwd", PER_MEMBER * 3074
        file.addfile(link)
    put(tmp_path, "cifar100", packed.getvalue(), monkeypatch)
    with pytest.raises(UnreadableFile, match=r"train.bin is no plain file"):
        load_cifar("cifar100")


def test_only_the_two_sets_are_known() -> None:
    with pytest.raises(UnknownName, match="did you mean cifar10"):
        load_cifar("cifar11")
