"""What a watcher is told before training, and nobody who looks on."""

from dataclasses import replace

from reweigh.run.watcher import SILENT, Plan

PLAN = Plan("mine.csv", 300, 42, 60, 18, None, "table", "l2rw", 600, 200, 0, "test_accuracy")


def test_where_the_examples_come_from_is_said():
    assert PLAN.sentence == "mine.csv: 342 to train on, 300 as given and 42 checked; 18 others to test"
    apart = replace(PLAN, kept=0, given=3000, wrong=1000)
    assert apart.sentence == (
        "mine.csv: 3,000 to train on (1,000 with a wrong label), 60 checked beside them; 18 others to test"
    )


def test_nobody_says_nothing(capsys):
    SILENT.note("a", "b")
    SILENT.phase("a", "b", 3, (1, 2))
    SILENT.started(PLAN)
    SILENT.step(1)
    SILENT.epoch({})
    assert capsys.readouterr().out == ""
