"""The live line, and what takes its place where nothing is repainted. Nothing is trained here."""

import io
import warnings

import pytest

from reweigh.cli import guard, live, show
from reweigh.run.watcher import Plan
from terminal import Drawn

PLAN = Plan("mine.csv", 300, 42, 60, 18, None, "table", "l2rw", 600, 200, 0, "test_accuracy")
LINE = {
    "train_loss": 0.714, "clean_loss": 0.5, "direction_norm": 0.35, "effective_sample_size": 66.8, "zero_share": 0.27,
    "auroc": 0.91, "test_accuracy": 0.889, "seconds": 0.1,
}  # fmt: skip


@pytest.fixture
def drawn(monkeypatch):
    """Calls a function with a screen; returns what then stands on a terminal, or in a file."""

    def draw(show_it, *, terminal=True, columns=80, verbose=False):
        console = show._Plain(
            file=io.StringIO(), force_terminal=terminal, width=columns, highlight=False, markup=False, emoji=False
        )
        monkeypatch.setattr(live, "console", console)
        with live.Line() as line:
            show_it(live.Screen(line, verbose=verbose))
        return Drawn(console.file.getvalue().replace("\n", "\r\n"))

    return draw


def whole_run(screen):
    screen.phase("reading mine.csv")
    screen.note("the task is classification")
    for number in (1, 2):
        screen.phase("choosing a rule", "judged-and-helpful", 600, (number, 10))
        for done in range(1, 601, 60):
            screen.step(done)
    screen.note("rule l2rw, by trials: better", "rule l2rw: better (and all the scores)")
    screen.started(PLAN)
    for epoch in range(1, 201):
        screen.step(3 * epoch)
        screen.epoch({**LINE, "epoch": epoch})
    screen._line._progress.refresh()  # which it does by itself ten times a second
    screen.phase("comparing with other ways", "plain training on all rows", 600)
    screen.phase("comparing with other ways", "boosted trees on the cleaned rows")


@pytest.mark.parametrize("columns", [80, 40])
def test_a_terminal_has_one_line_that_goes_away(drawn, columns):
    found = drawn(whole_run, columns=columns)
    said = {"the task is classification", "rule l2rw, by trials: better"}
    assert said <= set(found.lines)
    assert found.most == len(found.lines) + 1
    assert found.widest <= columns
    assert not found.hidden
    assert not any("epoch" in line or "choosing" in line for line in found.lines)


def test_the_line_has_epoch_loss_score_and_what_comes_before_and_after(drawn):
    seen = drawn(whole_run).seen
    for words in (
        "reading mine.csv",
        "choosing a rule 2/10: judged-and-helpful",
        "epoch 200/200  loss 0.714  accuracy 88.9 %",
        "comparing with other ways: boosted trees on the cleaned rows",
    ):
        assert any(line.startswith(words) for line in seen), words


def test_trials_count_as_one_stretch(drawn):
    places = []

    def show_it(screen):
        for number in (1, 2):
            screen.phase("choosing a rule", "l2rw", 600, (number, 4))
            screen.step(300)
            task = screen._line._progress.tasks[0]
            places.append((task.completed, task.total))

    drawn(show_it)
    assert places == [(300, 2400), (900, 2400)]


def test_elsewhere_ten_plain_lines_of_the_epochs_and_each_phase_once(drawn):
    found = drawn(whole_run, terminal=False)
    assert "\x1b" not in "".join(found.lines)
    epochs = [line for line in found.lines if line.startswith("epoch")]
    assert len(epochs) == live.LINES
    assert epochs[-1] == "epoch 200 of 200: loss 0.714, accuracy 88.9 %"
    assert [line for line in found.lines if ":" not in line] == [
        "reading mine.csv",
        "the task is classification",
        "choosing a rule",
        "comparing with other ways",
    ]


def test_verbose_says_a_line_an_epoch_with_its_columns_explained(drawn):
    found = drawn(whole_run, terminal=False, verbose=True)
    text = "\n".join(found.lines)
    assert sum("/200 " in line for line in found.lines) == 200
    assert found.widest <= 80
    assert "rule l2rw: better (and all the scores)" in text
    assert "ESS, how many examples of a batch count" in " ".join(text.split())
    assert "AUROC" not in text  # nobody knows which labels are wrong
    heads, first = next((a, b) for a, b in zip(found.lines, found.lines[1:], strict=False) if "/200 " in b)
    assert len(heads) == len(first)


def test_a_column_is_there_where_wrong_labels_are_known(drawn):
    plan = Plan(**{**vars(PLAN), "wrong": 528})

    def show_it(screen):
        screen.started(plan)
        screen.epoch({**LINE, "epoch": 1})

    text = "\n".join(drawn(show_it, verbose=True, terminal=False).lines)
    assert "528 with a wrong label" in text
    assert "AUROC" in text
    assert " 0.910 " in text


def test_many_sentences_are_counted_and_said_where_all_is_asked_for(drawn):
    def show_it(screen):
        for number in range(20):
            screen.note(f"sentence {number}")
        screen.note("the rule", "the rule, and why")
        screen.started(PLAN)
        screen.note("one more")
        assert len(screen.notes) == 22

    lines = drawn(show_it).lines
    assert lines[: live.MOST_NOTES] == [f"sentence {number}" for number in range(live.MOST_NOTES)]
    assert lines[live.MOST_NOTES] == "the rule"
    assert lines[live.MOST_NOTES + 1] == "16 more such sentences: --verbose says them"
    assert lines[-1] == "one more"
    assert "sentence 19" in drawn(show_it, verbose=True).lines
    assert "sentence 19" in drawn(show_it, terminal=False).lines  # a file has room


def test_a_number_that_is_not_known_is_a_dash(drawn):
    def show_it(screen):
        screen.started(PLAN)
        screen.epoch({**LINE, "epoch": 1, "direction_norm": None, "clean_loss": float("nan"), "zero_share": None})

    assert drawn(show_it, verbose=True, terminal=False).lines[-1].count("–") == 3


def test_names_do_nothing_to_the_line(drawn):
    found = drawn(lambda screen: screen.phase("reading [bold]\x1b[2J.csv"))
    assert any(line.startswith("reading [bold]\\x1b[2J.csv") for line in found.seen)


def test_a_warning_is_said_once(monkeypatch, capsys):
    def warned(arguments):
        for place in ("here", "there"):
            exec(compile("warnings.warn('stop here', stacklevel=1)", place, "exec"), {"warnings": warnings})
        warnings.warn("for programmers", DeprecationWarning, stacklevel=1)
        return 0

    monkeypatch.setattr(guard, "_guarded", warned)
    assert guard.run([]) == 0
    assert capsys.readouterr().err == "reweigh: warning: stop here\n"
