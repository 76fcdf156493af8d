"""What a run can be asked from Python."""

import numpy as np
import pandas as pd
import pytest
import torch

import reweigh
from notebook_data import CHECKED, ROWS
from reweigh.errors import BadInput


def test_predictions_have_the_frame_s_rows_and_the_labels_type(frame, run):
    asked = frame.sample(20, random_state=1)[["day", "odd", "gap", "kind", "size"]]  # other order, no target
    found = run.predict(asked).to_pandas()
    assert found.index.equals(asked.index)
    assert found["prediction"].dtype == np.int64
    scores = run.predict(frame).scores
    assert scores["test_accuracy"] == pytest.approx((run.predict(frame).values == frame["y"].to_numpy()).mean())
    with torch.no_grad():
        logits = run.model(run.model.encode(asked))
    assert np.array_equal(logits.argmax(1).numpy(), np.asarray(run.predict(asked)))


def test_a_column_that_is_missing(frame, run):
    with pytest.raises(BadInput, match="the new data has no column 'size'"):
        run.predict(frame.drop(columns="size"))
    with pytest.raises(BadInput, match="of the kind arrays, but the model learned from table"):
        run.predict(np.zeros((2, 5)))


def test_the_audit_as_frames_leads_back_to_the_rows(frame, run):
    table = run.audit().to_pandas()
    assert len(table) == ROWS - CHECKED.sum()  # checked rows are not audited
    assert (frame["y"].iloc[table.index].to_numpy() == table["given_label"].to_numpy()).all()
    assert list(frame.index[table.index]) == list(table["id"])
    assert table["label_quality"].is_monotonic_increasing
    assert run.audit().to_polars()["row"].to_list() == list(table.index)


def test_suspects_and_issues_are_the_audits_first_rows(frame, run):
    audit = run.audit()
    suspects, issues = run.suspects(7).to_pandas(), run.issues().to_pandas()
    assert list(suspects) == ["id", "given", "suggested", "right", "kind", "helpful", "standing"]
    assert list(suspects.index) == list(audit.to_pandas().index[:7])
    assert (frame["y"].iloc[suspects.index].to_numpy() == suspects["given"].to_numpy()).all()
    told = audit.audit.estimate is not None
    assert suspects["right"].notna().all() == told
    assert len(issues) == len(run.issues()) == audit.audit.issue.sum()
    assert (issues["given"] != issues["suggested"]).all()
    by_row = audit.to_pandas()["mean_weight"]
    assert suspects["helpful"].equals(by_row.loc[suspects.index].rename("helpful"))
    assert run.suspects(3).to_polars()["row"].to_list() == list(suspects.index[:3])


def test_a_run_that_is_saved_and_loaded(frame, run, tmp_path):
    saved = run.save(tmp_path / "elsewhere")
    loaded = reweigh.load(tmp_path / "elsewhere")
    pd.testing.assert_frame_equal(loaded.audit().to_pandas(), run.audit().to_pandas())
    pd.testing.assert_frame_equal(saved.predict(frame).to_pandas(), run.predict(frame).to_pandas())
    assert "elsewhere" in repr(loaded)
    assert not [note for note in loaded.notes if "/" in note]
    with pytest.raises(BadInput, match="exists"):
        run.save(tmp_path / "elsewhere")
    moved = (tmp_path / "elsewhere").rename(tmp_path / "moved")
    assert len(reweigh.load(moved).audit()) == len(run.audit())


def test_the_page(frame, run, tmp_path):
    plain = reweigh.fit(frame, clean=CHECKED, target="y", rule="uniform", steps=20, quick=True, verbose=False)
    page = run.report(tmp_path / "page.html", against=[plain])
    assert page.read_text().startswith("<!doctype html>")
    with pytest.raises(BadInput, match="overwrite=True"):
        run.report(page)


def test_the_suspects_as_a_page_to_decide_on(run, tmp_path):
    page = run.review(tmp_path / "review.html", count=5)
    text = page.read_text()
    assert text.count('"why":') == 5
    assert str(run.path) not in text  # nobody's business where the frame was written
    with pytest.raises(BadInput, match="overwrite=True"):
        run.review(page)
    with pytest.raises(BadInput, match=r"temporary, .* name one, review\('page.html'\)"):
        run.review()
    with pytest.raises(BadInput, match="0 examples are to be reviewed"):
        run.review(page, count=0, overwrite=True)
    kept = run.save(tmp_path / "kept")
    assert kept.review() == kept.path / "review.html"
