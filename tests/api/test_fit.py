"""`reweigh.fit` on what people have in memory, and what it says where it cannot be used."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch

import reweigh
from notebook_data import CHECKED, ROWS
from reweigh.errors import BadInput
from reweigh.tasks import Classification

QUICK = {"steps": 4, "rule": "l2rw", "quick": True, "verbose": False}
X = np.random.default_rng(1).normal(size=(ROWS, 3))
WORDS = np.where(X[:, 0] > 0, "pos", "neg")


def test_the_import_brings_nothing_but_torch_and_numpy():
    others = ("pandas", "polars", "pyarrow", "sklearn", "matplotlib")
    code = f"import reweigh, sys; print([m for m in {others} if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "[]"


def test_a_frame_gives_what_its_file_gives(frame, tmp_path):
    plain = frame[["size", "gap", "y"]].reset_index(drop=True)
    plain[CHECKED].to_parquet(tmp_path / "clean.parquet")
    plain[~CHECKED].to_parquet(tmp_path / "train.parquet")
    by_path = reweigh.fit(tmp_path / "train.parquet", clean=tmp_path / "clean.parquet", target="y", **QUICK)
    in_memory = reweigh.fit(plain[~CHECKED].reset_index(drop=True), clean=plain[CHECKED], target="y", **QUICK)
    for one, other in zip(by_path.model.parameters(), in_memory.model.parameters(), strict=True):
        assert torch.equal(one, other)


NAMED = [CHECKED, CHECKED.tolist(), list(range(80)), range(80), set(range(80)), torch.arange(80), pd.Series(CHECKED),
         pl.Series(CHECKED)]  # fmt: skip


@pytest.mark.parametrize("clean", NAMED, ids=lambda clean: type(clean).__name__)
def test_checked_rows_by_mask_or_number(clean):
    run = reweigh.fit((X, WORDS), clean=clean, **QUICK)
    assert run.summary["clean_examples"] + run.summary["test_examples"] == 80


def test_checked_rows_by_labels_of_the_index_or_a_column(frame):
    by_label = reweigh.fit(frame, clean=frame.index[:80], target="y", **QUICK)
    by_column = reweigh.fit(frame.assign(seen=CHECKED), clean="seen", target="y", **QUICK)
    assert torch.equal(next(by_label.model.parameters()), next(by_column.model.parameters()))
    assert by_label.summary["clean_examples"] + by_label.summary["test_examples"] == 80


def test_polars_lazy_or_not_and_a_dict_of_columns():
    frame = pl.DataFrame({"a": X[:, 0], "c": pl.Series(WORDS).cast(pl.Categorical), "y": WORDS})
    runs = [reweigh.fit(data, clean=CHECKED, target="y", **QUICK) for data in (frame, frame.lazy(), frame.to_dict())]
    assert len({run.score for run in runs}) == 1
    found = runs[0].predict(frame.head(3)).to_polars()
    assert isinstance(found, pl.DataFrame)
    assert found["prediction"].dtype == pl.String


def test_a_frame_and_its_series():
    run = reweigh.fit((pd.DataFrame(X), pd.Series(WORDS, name="sign")), clean=CHECKED, **QUICK)
    assert run.settings["target"] == "sign"
    assert set(run.predict((pd.DataFrame(X), pd.Series(WORDS))).scores) == {"test_accuracy", "test_macro_f1"}


def test_datasets_with_the_names_of_their_classes():
    datasets = pytest.importorskip("datasets")
    names = datasets.Features({"a": datasets.Value("float64"), "y": datasets.ClassLabel(names=["neg", "pos"])})
    data = datasets.Dataset.from_dict({"a": X[:, 0], "y": (WORDS == "pos").astype(int)}, features=names)
    run = reweigh.fit(data, clean=CHECKED, target="y", **QUICK)
    assert run.model.encoding.classes == ("neg", "pos")
    with pytest.raises(BadInput, match="holds several data sets"):
        reweigh.fit(datasets.DatasetDict({"train": data}), clean=CHECKED, target="y", **QUICK)


def test_regression_several_labels_and_images(tmp_path):
    value = reweigh.fit((X, X[:, 0] * 7), clean=CHECKED, **QUICK)
    assert value.predict(X[:5]).values.dtype.kind == "f"
    several = reweigh.fit((X, (X > 0).astype(int)), clean=CHECKED, **QUICK)
    assert several.predict(X[:5]).probabilities.shape == (5, 3)
    pixels = (np.random.default_rng(0).random((ROWS, 1, 8, 8)) * 255).astype(np.uint8)
    assert reweigh.fit((torch.from_numpy(pixels), WORDS), clean=CHECKED, **QUICK).model.input_shape == (1, 8, 8)


def test_targets_as_a_column():
    one, other = (reweigh.fit((X, y), clean=CHECKED, **QUICK) for y in (WORDS, WORDS[:, None]))
    assert torch.equal(next(one.model.parameters()), next(other.model.parameters()))


def test_a_known_data_set_too():
    run = reweigh.fit(dataset="digits", noise="background:0.4", **QUICK)
    assert run.model(torch.zeros(2, 1, 8, 8)).shape == (2, 10)
    assert {"given_label", "suggested_label"} <= set(run.audit().to_pandas())


def test_a_label_that_is_missing_is_no_class():
    labels = WORDS.astype(object)
    labels[[200, 201]] = None, float("nan")
    run = reweigh.fit((X, labels), clean=CHECKED, **QUICK)
    assert run.model.encoding.classes == ("neg", "pos")
    assert "2 examples without a label left out of training" in run.notes


def test_again_into_the_same_folder(frame, tmp_path):
    given = {"clean": CHECKED, "target": "y", "output": tmp_path / "run", **QUICK}
    first = reweigh.fit(frame, **given)
    with pytest.raises(BadInput, match="replace it with overwrite=True"):
        reweigh.fit(frame, **given)
    assert reweigh.fit(resume=True, output=tmp_path / "run").score == first.score
    with pytest.raises(BadInput, match="no setting"):
        reweigh.fit(frame.assign(size=0.0), overwrite=True, epoch=3, **given)
    with pytest.raises(BadInput, match="other settings"):
        reweigh.fit(frame.assign(size=0.0), resume=True, **given)
    assert reweigh.load(tmp_path / "run").audit().columns()["id"]  # the data of the first are still there
    reweigh.fit(frame.assign(size=0.0), overwrite=True, **given)
    assert len(list((tmp_path / "run" / "data").iterdir())) == 1


def test_nothing_is_left_where_it_was_refused(frame, tmp_path):
    with pytest.raises(BadInput, match=r"train has no column 'z' \(target=\)"):
        reweigh.fit(frame, clean=CHECKED, target="z", output=tmp_path / "run", **QUICK)
    assert not any(path.is_file() for path in tmp_path.rglob("*"))


def test_a_run_without_a_folder_lives_as_long_as_it_is_held():
    run = reweigh.fit((X, WORDS), clean=CHECKED, **QUICK)
    path = run.path
    assert path.is_dir()
    with pytest.raises(BadInput, match="temporary"):
        run.report()
    del run
    assert not path.exists()


def test_the_process_is_left_as_found(frame, capsys):
    threads = torch.get_num_threads()
    state = torch.random.get_rng_state()
    reweigh.fit((X, WORDS), clean=CHECKED, threads=threads + 1, steps=2, rule="l2rw", quick=True)
    assert torch.get_num_threads() == threads
    assert torch.equal(torch.random.get_rng_state(), state)
    assert "epoch 1/1: loss" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"clean": CHECKED[:3]}, "a mask of 3 entries, but the training data has 240 rows"),
        ({"clean": [1, 1]}, "names row 1 more than once"),
        ({"clean": ["a"]}, "the training data do not come with a pandas index"),
        ({}, "give clean= with"),
        ({"clean": CHECKED, "target": "y"}, "target= names a column"),
        ({"clean": CHECKED, "epoch": 3}, "did you mean 'epochs'"),
        ({"clean": CHECKED, "model": 3}, "model= is a int: give a name, a torch module, or a function"),
        ({"clean": CHECKED, "model": torch.nn.Linear(1, 1)}, r"these data, \(B, 3\) of torch.float32: Run"),
        ({"clean": CHECKED, "rule": torch.nn.Linear(1, 1)}, "rule= is a Linear: give a name, a rule, or a class"),
        ({"clean": CHECKED, "rule": reweigh.MetaWeightNet(), "normalise": "mean"}, "normalise= says how to make one"),
        ({"clean": CHECKED, "task": Classification(("a", "b"))}, "that is fitted already: give its class"),
        ({"clean": CHECKED, "task": dict}, "is no task"),
        ({"clean": CHECKED, "resume": True}, "name it by output="),
        ({"train": X, "clean": CHECKED}, "train= is a ndarray: give a pandas"),
        ({"train": 5, "clean": CHECKED}, "train= is a int: give a pandas"),
        ({"train": (X.astype(object), WORDS), "clean": CHECKED}, "x of train= holds other things than numbers"),
        ({"train": (np.where(X > 2, np.nan, X), WORDS), "clean": CHECKED}, "in train holds NaN"),
        ({"train": (pd.DataFrame(X), pd.Series(WORDS).sample(frac=1)), "clean": CHECKED}, "different indexes"),
        ({"train": "nowhere.csv", "clean": CHECKED}, "train= is a path"),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_said_in_arguments(given, said):
    with pytest.raises(BadInput, match=said) as caught:
        reweigh.fit(**{"train": (X, WORDS), **QUICK, **given})
    assert "--" not in str(caught.value)
    assert str(Path("/tmp")) not in str(caught.value)


SOURCES = [f"{word} {n}" for n in range(10) for word in ("hund rot", "katze", "rot und", "und katze")]


@pytest.mark.parametrize("of", [list, np.array, pd.Series, pl.Series])
def test_texts_by_themselves_are_those_of_the_column_that_is_read(of, texts_runs):
    new = of(["hund rot", "katze"])
    for run, column in texts_runs:
        assert run.predict(new).values.tolist() == run.predict({column: ["hund rot", "katze"]}).values.tolist()


@pytest.fixture(scope="module")
def texts_runs():
    """A run of pairs and one of texts, and the column that each reads."""
    quick = {"steps": 2, "quick": True, "verbose": False}
    pairs = {"de": SOURCES, "en": [text.upper() for text in SOURCES]}
    texts = {"text": SOURCES, "y": ["a", "b"] * 20}
    return [
        (
            reweigh.fit(
                pairs, clean={name: column[:20] for name, column in pairs.items()}, source="de", target="en", **quick
            ),
            "de",
        ),
        (
            reweigh.fit(
                texts, clean={name: column[:20] for name, column in texts.items()}, text="text", target="y", **quick
            ),
            "text",
        ),
    ]


def test_numbers_are_no_texts(texts_runs):
    with pytest.raises(BadInput, match="of the kind arrays, but the model learned from text"):
        texts_runs[1][0].predict([1, 2])
