"""Who is reviewed, and what the page knows of each of them."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from reweigh.audit import write_export
from reweigh.audit.suspects import AT_LEAST, suspects
from reweigh.review.content import content
from reweigh.review.nearest import NEAREST, nearest_checked
from reweigh.review.why import why
from reweigh.run.finished import trained_model
from reweigh.run.job.look import look
from reweigh.tables import cell

KINDS = ["table", "regression", "multi-label", "text", "images", "arrays"]


def test_those_that_look_wrong_and_a_hundred_at_least(audited):
    audit = audited("table")
    few = replace(audit, issue=np.zeros(len(audit), dtype=bool))
    assert suspects(few).tolist() == audit.order[:AT_LEAST].tolist()
    all_of_them = replace(audit, issue=np.ones(len(audit), dtype=bool))
    assert len(suspects(all_of_them)) == len(audit)
    late = np.zeros(len(audit), dtype=bool)
    late[audit.order[-1]] = True
    assert suspects(replace(audit, issue=late)).tolist() == [*audit.order[:AT_LEAST].tolist(), audit.order[-1]]
    assert suspects(audit, 7).tolist() == audit.order[:7].tolist()


def test_what_was_never_seen_or_is_checked_is_nobodys_suspect(audited):
    audit = audited("table")
    quality = audit.quality.copy()
    quality[audit.order[0]] = np.nan
    assert suspects(replace(audit, quality=quality), 2).tolist() == audit.order[1:3].tolist()
    known = replace(audit, checked=audit.examples.select(torch.from_numpy(audit.order[:5].copy())))
    assert suspects(known, 2).tolist() == audit.order[5:7].tolist()


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_said_is_what_the_audit_says(audited, kind, tmp_path):
    import pandas

    audit = audited(kind)
    rows = suspects(audit, 25)
    told = content(audit, rows)
    assert len(told["suspects"]) == 25
    write_export(audit, tmp_path / "audit.csv")
    exported = pandas.read_csv(tmp_path / "audit.csv", dtype=str, keep_default_na=False)[:25]

    def text(label):  # as the page's `labelText`, and as the file has it
        if isinstance(label, list):
            return cell("; ".join(told["classes"][k] for k in label))
        return cell(told["classes"][label]) if isinstance(label, int) else label

    assert [cell(one["id"]) for one in told["suspects"]] == exported["id"].tolist()
    assert [text(one["given"]) for one in told["suspects"]] == exported["given_label"].tolist()
    assert [text(one["suggested"]) for one in told["suspects"]] == exported["suggested_label"].tolist()
    wrong = [np.nan if one["wrong"] is None else one["wrong"] for one in told["suspects"]]
    assert np.allclose(wrong, 1 - audit.right[rows], atol=1e-4, equal_nan=True)
    assert all(one["why"].endswith(".") for one in told["suspects"])
    assert all(len(one["near"]) == NEAREST for one in told["suspects"])
    assert {k for one in told["suspects"] for k in one["near"]} == set(range(len(told["checked"])))
    if told["form"] == "picture":
        assert len(told["pictures"]) == 25 + len(told["checked"])
        assert all(line.startswith("data:image/") and "\n" not in line for line in told["pictures"])


def test_what_a_spreadsheet_would_run_is_known_beforehand(audited):
    audit = audited("table")
    task = replace(audit.task, classes=("=no", "yes"))
    examples = replace(audit.examples)
    object.__setattr__(examples, "task", task)
    assert content(replace(audit, examples=examples), suspects(audit, 3))["written"] == {"=no": "'=no"}


def test_the_nearest_ones_are_nearest_by_brute_force(audited):
    audit = audited("arrays")
    model = trained_model(audit.run, tuple(audit.examples.x.shape[1:]), audit.task.outputs, audit.encoding)
    rows = suspects(audit, 12)
    found = nearest_checked(audit, model, rows)
    states = look(model, [(audit.examples, torch.from_numpy(rows))])[1]
    checked = look(model, [(audit.checked, torch.arange(len(audit.checked)))])[1]
    spread = np.maximum(torch.cat([states, checked]).numpy().std(0), 1e-2)
    for k in range(12):
        apart = (((states[k] - checked).numpy() / spread) ** 2).sum(1)
        assert found.used[found.places[k]].tolist() == np.argsort(apart, kind="stable")[:NEAREST].tolist()


def test_a_checked_example_is_not_its_own_neighbour(audited):
    audit = audited("arrays")
    model = trained_model(audit.run, tuple(audit.examples.x.shape[1:]), audit.task.outputs, audit.encoding)
    rows = suspects(audit, 10)
    known = replace(audit, checked=audit.examples.select(torch.from_numpy(rows.copy())))
    found = nearest_checked(known, model, rows)
    assert all(k not in found.used[places] for k, places in enumerate(found.places))


def test_fewer_checked_examples_than_neighbours(audited):
    audit = audited("arrays")
    model = trained_model(audit.run, tuple(audit.examples.x.shape[1:]), audit.task.outputs, audit.encoding)
    few = replace(audit, checked=audit.checked.select(torch.arange(2)))
    assert nearest_checked(few, model, suspects(audit, 4)).places.shape == (4, 2)


def test_why_of_classes(audited):
    audit = audited("table")
    row = int(audit.order[0])
    near = np.array([audit.suggested[row]] * 4 + [audit.given[row]])
    given, suggested = (audit.told(label) for label in (audit.given[row], audit.suggested[row]))
    beside = f"of its 5 nearest checked examples 1 is “{given}” and 4 are “{suggested}”."
    assert why(audit, row, near) == f"Two models that have not seen this label find “{suggested}” likelier; {beside}"
    untold = replace(audit, judged=None, zero_share=np.full(len(audit), 0.25))
    assert why(untold, row, near) == (
        f"The trained model finds “{suggested}” likelier, and training used it at 75% of its visits; {beside}"
    )
    agreed = replace(audit, suggested=audit.given)
    assert why(agreed, row, near) == f"No other label is likelier; of its 5 nearest checked examples 1 is “{given}”."


def test_why_of_several_labels_and_of_numbers(audited):
    audit = audited("multi-label")
    names = audit.task.classes
    given, suggested = audit.given.copy(), audit.given.copy()
    given[0], suggested[0] = [1, 0], [0, 1]
    changed = replace(audit, given=given, suggested=suggested)
    near = np.array([[1, 1], [0, 1], [0, 1]])
    assert why(changed, 0, near) == (
        f"“{names[0]}” is likely too many (1 of the 3 nearest checked examples have it), "
        f"“{names[1]}” is likely missing (3 of the 3 nearest checked examples have it)."
    )
    assert why(replace(changed, suggested=given), 0, near) == "No other labels are likelier."
    numbers = audited("regression")
    row = int(numbers.order[0])
    said = why(numbers, row, np.array([3.0, 1.0, 2.0]))
    assert said == (
        f"Two models that have not seen this label find “{numbers.told(numbers.suggested[row])}” likelier; its 3 nearest "
        "checked examples have 1 to 3."
    )
    agreed = replace(numbers, suggested=numbers.given)
    assert (
        why(agreed, row, np.array([2.0, 2.0])) == "No other number is likelier; its 2 nearest checked examples have 2."
    )
