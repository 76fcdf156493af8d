import numpy as np
import pytest
import torch

from reweigh.data import human_labels
from reweigh.data.cifar_n import IMAGES, KINDS
from reweigh.errors import BadInput


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "cifar-10n").mkdir()
    return tmp_path / "cifar-10n"


def labels(seed=0):
    return np.random.default_rng(seed).integers(0, 10, IMAGES)


def test_single_arrays(folder):
    np.save(folder / "human_random1.npy", labels().astype(np.uint8))
    found = human_labels("random1", folder.parent)
    assert found.dtype == torch.int64
    assert np.array_equal(found, labels())


@pytest.mark.parametrize("core", ["core", "_core"])
def test_the_publishers_file(core, folder, monkeypatch):
    names = ("aggre_label", "random_label1", "random_label2", "random_label3", "worse_label", "clean_label")
    torch.save({name: labels(seed) for seed, name in enumerate(names)}, folder / "CIFAR-10_human.pt")
    other = (folder / "CIFAR-10_human.pt").read_bytes()
    if core == "core":  # as numpy 1 wrote it; the two names differ in length, so the archive is made anew
        import io
        import zipfile

        made = io.BytesIO()
        with zipfile.ZipFile(io.BytesIO(other)) as old, zipfile.ZipFile(made, "w") as new:
            for item in old.infolist():
                new.writestr(item, old.read(item).replace(b"numpy._core.multiarray", b"numpy.core.multiarray"))
        (folder / "CIFAR-10_human.pt").write_bytes(made.getvalue())
    for seed, kind in enumerate(KINDS):
        assert np.array_equal(human_labels(kind, folder.parent), labels(seed))


class Evil:
    def __reduce__(self):
        return (print, ("this must not run",))


def test_nothing_in_a_file_is_run(folder, capsys):
    torch.save({"aggre_label": Evil()}, folder / "CIFAR-10_human.pt")
    with pytest.raises(BadInput, match="cannot be read as the publisher's file"):
        human_labels("aggregate", folder.parent)
    (folder / "CIFAR-10_human.pt").unlink()
    np.save(folder / "human_aggregate.npy", np.array([Evil()], dtype=object), allow_pickle=True)
    with pytest.raises(BadInput, match="not an array of labels"):
        human_labels("aggregate", folder.parent)
    assert "must not" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("array", "said"),
    [(labels()[:-1], "not 50000 labels"), (labels() / 2, "type float64"), (labels() + 1, "outside 0..9")],
)
def test_other_arrays(array, said, folder):
    np.save(folder / "human_worst.npy", array)
    with pytest.raises(BadInput, match=said):
        human_labels("worst", folder.parent)


def test_files_that_are_not_there_or_something_else(folder):
    with pytest.raises(BadInput, match="choose one of aggregate"):
        human_labels("best", folder.parent)
    with pytest.raises(BadInput, match=r"holds neither CIFAR-10_human\.pt nor human_worst\.npy"):
        human_labels("worst", folder.parent)
    for content in (b"", b"hello"):
        (folder / "human_worst.npy").write_bytes(content)
        with pytest.raises(BadInput, match="not an array"):
            human_labels("worst", folder.parent)
    torch.save({"other": torch.zeros(3)}, folder / "CIFAR-10_human.pt")
    with pytest.raises(BadInput, match="holds no 'worse_label'"):
        human_labels("worst", folder.parent)
    (folder / "CIFAR-10_human.pt").write_bytes(b"hello")
    with pytest.raises(BadInput, match="cannot be read"):
        human_labels("worst", folder.parent)
