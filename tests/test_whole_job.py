"""The whole job: train, review on the page by the keyboard, apply, and train again on what came out.

Fewer labels are wrong than before, and the score is not lower. With a browser for a table, a folder of images and texts; for
the table also without one, with the decisions written as the page saves them.
"""

import csv
import json
import warnings
from pathlib import Path

import pytest

import browsing
from own_files import KINDS, WORDS, command
from reweigh.cli.guard import run
from reweigh.tables import write_table

OPTIONS = {"table": ["--steps", "250", "--batch-size", "64"], "text": ["--steps", "60"], "images": ["--steps", "60"]}


def rows_of(path):
    with path.open(encoding="utf-8") as file:
        return list(csv.reader(file))[1:]


def labels(kind, data):
    """By name, (the label that stands there, the right one) of each training example in the folder `data`."""
    if kind == "images":
        files = sorted((data / "noisy").glob("*/*.png"))
        return {str(file.relative_to(data / "noisy")): (file.parent.name, right_side(file)) for file in files}
    rows = rows_of(data / "noisy.csv")
    if kind == "text":
        return {
            key: (topic, next(k for k, words in WORDS.items() if title.split()[0] in words))
            for key, title, topic in rows
        }
    return {
        f"row {k}": (given, "yes" if float(age) > 50 and colour != "red" else "no")
        for k, (age, colour, _, given) in enumerate(rows)
    }


def topic_of(title):
    return next(topic for topic, words in WORDS.items() if title.split()[0] in words)


def right_side(file):
    return ("left", "right")[int(file.stem) % 2]


def wrong(kind, data):
    return sum(given != right for given, right in labels(kind, data).values())


def trained(arguments):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that so few checked examples are fitted soon
        assert run(arguments) == 0
    summary = json.loads((Path(arguments[arguments.index("--output") + 1]) / "summary.json").read_text())
    return summary[summary["score"]]


def whole_job(kind, folder, review):
    """From a noisy folder to one that was reviewed: what `review(page, truth)` decided, as text, is applied."""
    data = folder / "data"
    test = [] if kind == "images" else ["--test", f"{data}/new.csv"]
    score = trained(command(kind, data, folder / "run", *test, *OPTIONS[kind]))
    assert run(["review", str(folder / "run")]) == 0
    truth = {name: right for name, (_, right) in labels(kind, data).items()}
    decisions = folder / "decisions.csv"
    decisions.write_bytes(review(folder / "run" / "review.html", truth).encode())
    assert run(["apply", str(folder / "run"), str(decisions), "--output", str(folder / "cleaned")]) == 0
    before, after = wrong(kind, data), wrong(kind, folder / "cleaned")
    assert before > 15
    assert after < before / 4
    again = trained(
        ["train", "--config", f"{folder}/cleaned/settings.json", "--quick", "--output", str(folder / "again")]
    )
    assert again >= score
    return decisions


def by_keyboard(browser):
    """A person who knows the right label of each suspect, and presses its key."""

    def review(path, truth):
        with browsing.opened(browser, path) as page:
            classes, suspects = page.evaluate("[data.classes, data.suspects.map((one) => one.id)]")
            for k, name in enumerate(suspects):
                assert page.inner_text("#title") == name
                browsing.keys(page, str(classes.index(truth[name]) + 1))
                assert page.inner_text("#progress").startswith(f"{k + 1} of {len(suspects)} reviewed")
            assert [url for url in page.asked if not url.startswith("data:")] == [path.as_uri()]
            return browsing.saved(page)

    return review


@pytest.mark.parametrize("kind", ["table", "images", "text"])
def test_from_a_noisy_set_to_a_cleaned_one_by_the_keyboard(browser, tmp_path, kind):
    assert kind in KINDS
    whole_job(kind, tmp_path, by_keyboard(browser))


def test_the_same_with_decisions_as_the_page_saves_them(tmp_path):
    def review(path, truth):
        text = path.read_text(encoding="utf-8")
        data = json.loads(text[text.index('id="data">') + 10 :].partition("</script>")[0])
        rows = [(one["id"], data["classes"][one["given"]], truth[one["id"]]) for one in data["suspects"]]
        columns = {
            "id": [name for name, _, _ in rows],
            "given": [given for _, given, _ in rows],
            "decision": ["keep" if given == right else "change" for _, given, right in rows],
            "label": ["" if given == right else right for _, given, right in rows],
        }
        write_table(tmp_path / "saved.csv", columns)
        return (tmp_path / "saved.csv").read_text(encoding="utf-8")

    whole_job("table", tmp_path, review)
