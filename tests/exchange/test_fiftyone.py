"""Suspects as a data set of FiftyOne, and its exports as decisions; by its own importer where it is installed."""

import importlib.util
import json
import subprocess
import sys
import warnings
from dataclasses import replace
from pathlib import Path

import pytest

import own_files
from reweigh.apply import apply_run
from reweigh.audit import audit_run
from reweigh.cli.guard import run
from reweigh.errors import BadInput
from reweigh.exchange import export_run, import_decisions
from reweigh.exchange.fiftyone import FiftyOne


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    folder = tmp_path_factory.mktemp("fiftyone")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert run(own_files.command("images", folder / "data", folder / "run", "--steps", "60")) == 0
    return folder / "run"


@pytest.fixture(scope="module")
def written(images):
    target = images.parent / "suspects.json"
    found = export_run(images, target, "fiftyone", top=12)
    return found, json.loads(target.read_text())


def test_labels_name_their_pictures_and_say_how_likely_they_are_right(images, written):
    found, content = written
    audit = audit_run(images)
    assert found.examples == len(content["labels"]) == 12
    assert content["classes"] == ["left", "right", "drop this example"]
    for row, (path, label) in zip(audit.order[:12].tolist(), content["labels"].items(), strict=True):
        assert Path(path).is_absolute()
        assert Path(path).is_file()
        assert path.endswith(audit.name(row))
        assert label["label"] == label["attributes"]["given"] == audit.told(audit.given[row])
        assert label["confidence"] == pytest.approx(audit.given_probability[row])
        assert label["attributes"]["example_id"] == audit.name(row)
        assert label["attributes"]["suggested"] == audit.told(audit.suggested[row])
    assert "labels_path=" in found.steps[0]
    assert found.steps[-1].startswith(f"`reweigh import {images} ")


def exported(written, answers, numbered=False):
    """An export of the first examples with these labels, as FiftyOne writes it."""
    classes = written[1]["classes"]
    labels = {
        path: label | {"label": classes.index(answer) if numbered else answer}
        for (path, label), answer in zip(written[1]["labels"].items(), answers, strict=False)
    }
    return {"classes": classes if numbered else None, "labels": labels}


def imported(images, folder, content):
    (folder / "decided.json").write_text(json.dumps(content))
    return import_decisions(images, folder / "decided.json", "fiftyone")


@pytest.mark.parametrize("numbered", [False, True])
def test_what_was_decided_comes_back(images, written, tmp_path, numbered):
    given = [label["label"] for label in written[1]["labels"].values()]
    other = {"left": "right", "right": "left"}
    back = imported(images, tmp_path, exported(written, [other[given[0]], given[1], "drop this example"], numbered))
    assert [one.word for one in back.decisions] == ["change", "keep", "drop"]
    assert back.decisions[0].label == other[given[0]]
    cleaned = apply_run(images, back.decisions, tmp_path / "cleaned")
    assert cleaned.counts == {"change": 1, "drop": 1, "keep": 1}


def test_an_example_without_a_label_is_not_decided(images, written, tmp_path):
    path = next(iter(written[1]["labels"]))
    assert imported(images, tmp_path, {"classes": None, "labels": {path: None}}).decisions == []


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"labels": {"/a.png": "left"}}, "has no attribute 'example_id'"),
        ({"labels": {"/a.png": {"label": "left", "attributes": {}}}}, "include_attributes=True"),
        ({"labels": {"/a.png": {"label": None, "attributes": {"example_id": "left/000.png"}}}}, "has no label"),
        ({"labels": [1]}, "has no 'labels'"),
        ({"labels": {"/a.png": {"label": "up", "attributes": {"example_id": "left/000.png", "given": "left"}}}}, "up"),
    ],
)
def test_what_is_no_such_export_is_refused(images, tmp_path, content, said):
    with pytest.raises(BadInput, match=said):
        imported(images, tmp_path, content)


def test_what_are_no_pictures_is_refused(images, tmp_path, capsys):
    audit = audit_run(images)
    table = replace(audit, encoding=replace(audit.encoding, kind="table"))
    with pytest.raises(BadInput, match="learnt from table, and FiftyOne takes folders of images"):
        FiftyOne().write(table, audit.order[:3], tmp_path / "x.json")
    with pytest.raises(BadInput, match="opens them where they lie"):
        export_run(images, tmp_path / "x.json", "fiftyone", root=tmp_path)
    capsys.readouterr()
    assert run(["export", str(images), str(tmp_path / "s.json"), "--to", "fiftyone", "--top", "3"]) == 0
    assert "3 suspects" in capsys.readouterr().out


THERE_AND_BACK = """
import sys
from fiftyone.core.labels import Classification
from fiftyone.utils.data.exporters import FiftyOneImageClassificationDatasetExporter as Exporter
from fiftyone.utils.data.importers import FiftyOneImageClassificationDatasetImporter as Importer

with Importer(labels_path=sys.argv[1]) as read:
    samples = list(read)
with Exporter(labels_path=sys.argv[2], export_media=False, abs_paths=True, include_attributes=True) as write:
    for path, _, label in samples:
        assert isinstance(label, Classification) and 0 <= label.confidence <= 1
        label.label = label["suggested"]
        write.export_sample(path, label)
"""


@pytest.mark.skipif(importlib.util.find_spec("fiftyone") is None, reason="fiftyone is not installed")
def test_its_own_importer_reads_them_and_what_its_exporter_writes_is_read(images, written, tmp_path):
    back = tmp_path / "back.json"
    subprocess.run([sys.executable, "-c", THERE_AND_BACK, str(written[0].path), str(back)], check=True)
    decisions = import_decisions(images, back, "fiftyone").decisions
    assert len(decisions) == 12
    suggested = {
        one["attributes"]["example_id"]: one["attributes"]["suggested"] for one in written[1]["labels"].values()
    }
    changed = [one for one in decisions if one.word == "change"]
    assert changed
    assert all(one.label == suggested[one.id] for one in changed)
