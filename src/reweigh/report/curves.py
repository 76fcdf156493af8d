"""How a run was learnt: its curves beside those of others, and whether they are healthy."""

from collections.abc import Sequence

import numpy as np

from reweigh.audit import Audit, FinishedRun
from reweigh.ledger import Ledger
from reweigh.report.charts import Chart, Line, area_chart, line_chart
from reweigh.report.scores import rule_name
from reweigh.report.weights import BINS, weight_shares
from reweigh.report.words import Finding, about_direction, about_sample_size, about_zeros, column
from reweigh.run.folder import run_folder as files
from reweigh.run.gallery import are_images
from reweigh.tasks import MEASURES

MOST_CLASSES = 12


def learning(run: FinishedRun, others: Sequence[FinishedRun]) -> list[tuple[str, Chart | None, str]]:
    """Scores of the runs, losses, and where wrong labels are known how well weights tell them: title, chart, meaning."""
    runs = [run, *others]
    names = [rule_name(one.config.weights.rule) for one in runs]
    if len(set(names)) < len(names):  # two runs of one rule are told apart by their folders
        names = [f"{name}, {one.path.resolve().name}" for name, one in zip(names, runs, strict=True)]
    measure = MEASURES[run.score_name]
    tested = [
        Line(n, column(one.metrics, run.score_name), k + 1) for k, (n, one) in enumerate(zip(names, runs, strict=True))
    ]
    losses = [
        Line("training, all labels as given", column(run.metrics, "train_loss"), 2),
        Line("training, weighted", column(run.metrics, "weighted_loss"), 1),
        Line("clean examples", column(run.metrics, "clean_loss"), 3),
    ]
    found = [
        (f"Test {measure.words}", line_chart(f"Test {measure.words}", tested[:6], percent=measure.share), ""),
        ("Losses", line_chart("Mean losses", losses), ""),
    ]
    aurocs = column(run.metrics, "auroc")
    if any(value is not None for value in aurocs):
        chart = line_chart("AUROC of each epoch's weights", [Line("AUROC", aurocs, 1)])
        meaning = "How well each epoch's weights tell the labels that are known to be wrong; 0.5 is chance."
        found.append(("AUROC of the weights", chart, meaning))
    return [item for item in found if item[1] is not None]


def class_charts(audit: Audit) -> list[Chart]:
    """A chart for each class, those with the highest estimated noise rate first."""
    names, rates = audit.groups.names, audit.noise_rates
    history = Ledger.read(audit.run.path / files.LEDGER, audit.run.digests)
    shares = weight_shares(history, audit.examples.ids.numpy(), audit.groups.given, len(names))
    there = (c for c in range(len(names)) if audit.groups.counts[c])
    order = sorted(there, key=lambda c: -np.nan_to_num(rates[c]))[:MOST_CLASSES]
    return [area_chart(names[c], shares[:, c].tolist(), BINS) for c in order]


def health(audit: Audit) -> list[tuple[str, Chart | None, str, Finding]]:
    """Title, chart, what it means, and what is found."""
    run = audit.run
    sizes, norms, zeros = (
        column(run.metrics, name) for name in ("effective_sample_size", "direction_norm", "zero_share")
    )
    return [
        (
            "Length of the clean direction, ‖v‖",
            line_chart("Length of the clean direction", [Line("‖v‖", norms, 1)], log=True),
            "How strongly the clean examples still pull the model. Every weight compares an example with this pull.",
            about_direction(norms, images=are_images(audit.examples)),
        ),
        (
            "Effective sample size",
            line_chart("Effective sample size of a batch", [Line("effective sample size", sizes, 1)]),
            "How many equally weighted examples the weights of a batch are worth.",
            about_sample_size(sizes, run.config.student.batch_size),
        ),
        (
            "Weights at zero",
            line_chart("Share of a batch with weight zero", [Line("at zero", zeros, 1)], percent=True),
            "How much of each batch was left out of its step.",
            about_zeros(zeros),
        ),
    ]
