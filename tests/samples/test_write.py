"""The samples: what is in them, that they are the same each time, and whole or not there."""

import csv
import json
from pathlib import Path

import pytest

from reweigh.apply.decisions import read_decisions
from reweigh.cli.guard import run
from reweigh.data.own.image_files import find_images
from reweigh.errors import BadInput, MissingExtra
from reweigh.exchange import import_decisions
from reweigh.samples import SAMPLES, write_samples
from reweigh.samples import photographs as photographs_module


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("samples") / "here"
    write_samples(place)
    return place


def rows(path, delimiter=","):
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file, delimiter=delimiter))


def contents(folder: Path):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_they_are_the_same_each_time(folder, tmp_path):
    write_samples(tmp_path / "again")
    assert contents(tmp_path / "again") == contents(folder)
    assert sum(map(len, contents(folder).values())) < 3 << 20


@pytest.mark.parametrize(
    ("noisy", "target", "truth", "share"),
    [("noisy.csv", "label", "truth.csv", 0.2), ("messages.csv", "department", "messages-truth.csv", 0.25)],
)
def test_so_many_labels_of_a_table_are_wrong(folder, noisy, target, truth, share):
    given, right = [row[target] for row in rows(folder / noisy)], rows(folder / truth)
    assert [row["id"] for row in right] == [f"row {k}" for k in range(len(given))]
    wrong = sum(one != other["label"] for one, other in zip(given, right, strict=True))
    assert wrong == round(share * len(given)) > 50


def test_so_many_photographs_lie_in_the_wrong_folder(folder):
    found, right = find_images(folder / "photos", labelled=True), rows(folder / "photos-truth.csv")
    assert set(found.classes) == {"temple", "flower"}
    assert found.notes == ()
    truth = {row["id"]: row["label"] for row in right}
    wrong = [name for name, label in zip(found.names, found.classes, strict=True) if truth[name] != label]
    assert len(wrong) == round(0.2 * len(right)) == 64
    assert len(find_images(folder / "photos-new", labelled=False).names) == photographs_module.NEW


def test_no_example_stands_in_two_parts(folder):
    parts = [rows(folder / f"{name}.csv") for name in ("noisy", "checked", "test", "new")]
    cells = [tuple(list(row.values())[:10]) for part in parts for row in part]
    assert len(set(cells)) == len(cells) == 569
    texts = [row["text"] for name in ("", "-checked", "-test", "-new") for row in rows(folder / f"messages{name}.csv")]
    assert len(set(texts)) == len(texts)


def test_some_pairs_do_not_belong_together(folder):
    pairs, checked = rows(folder / "pairs.tsv", "\t"), rows(folder / "pairs-checked.tsv", "\t")
    assert all(pair["de"] != pair["en"] for pair in checked)
    assert 30 <= sum(pair["de"] == pair["en"] for pair in pairs) <= 50
    assert len((folder / "new.de").read_text().splitlines()) == 20


def test_what_a_reviewer_said_fits_the_table(folder):
    given, truth = rows(folder / "noisy.csv"), rows(folder / "truth.csv")
    decisions = read_decisions(folder / "decisions.csv")
    assert len(decisions) == 40
    for one in decisions:
        place = int(one.id.removeprefix("row "))
        assert one.given == given[place]["label"]
        assert (one.label or one.given) == truth[place]["label"]
        assert (one.word == "keep") == (one.given == truth[place]["label"])
    tasks = json.loads((folder / "annotations.json").read_text())
    assert [task["data"]["example_id"] for task in tasks] == [one.id for one in decisions]


def test_files_that_exist_are_left_alone(tmp_path, capsys):
    (tmp_path / "mine.txt").write_text("mine")
    assert run(["demo", "--files", str(tmp_path)]) == 2
    assert capsys.readouterr().err == f"reweigh: {tmp_path} exists: name a folder that is not there yet\n"
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_whole_or_not_at_all(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "PIL.Image", None)
    with pytest.raises(MissingExtra, match="PIL is not installed"):
        write_samples(tmp_path / "new")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    with pytest.raises(BadInput, match="exists"):
        write_samples(tmp_path / "link")


def test_the_command_prints_what_to_paste(tmp_path, capsys):
    assert run(["demo", "--files", str(tmp_path / "new place")]) == 0
    said = capsys.readouterr().out
    assert f"cd '{tmp_path}/new place'\n" in said
    commands = [line for line in said.splitlines() if line.startswith("reweigh ")]
    assert commands == [command for sample in SAMPLES for command in sample.commands]
    assert all(command in (tmp_path / "new place" / "README.txt").read_text() for command in commands)


@pytest.mark.slow
def test_decisions_of_annotators_can_be_imported(folder, tmp_path):
    options = (
        f"--train {folder}/noisy.csv --clean {folder}/checked.csv --target label --rule uniform --steps 60 --quick"
    )
    assert run(["train", *options.split(), "--output", str(tmp_path / "run")]) == 0
    found = import_decisions(tmp_path / "run", folder / "annotations.json", "label-studio")
    assert found.sentence() == "40 decisions (10 keep, 30 change, 0 drop)"
