"""What becomes of wrong pairs: held-back checked ones say which kinds help, and the run draws by that."""

import json
from types import SimpleNamespace

import pyarrow.parquet as pq
import pytest
import torch

from made_up_pairs import pairs, tsv
from reweigh.audit import audit_run
from reweigh.errors import BadInput
from reweigh.report.rightness import about_labels
from reweigh.run import choice
from reweigh.run.bench import Bench
from reweigh.run.callbacks import Callback
from reweigh.run.choice.kinds import KindTried, compared, helping, kinds_tried
from reweigh.run.finished import data_of, open_run
from reweigh.run.folder.stored import digest_of, read_config
from reweigh.run.kept import Interrupted
from reweigh.run.start import resume, start
from reweigh.settings import Settings

from ..conftest import Nobody
from ..test_resume_own import results_of

KINDS_THERE = choice.kinds.kinds_there
COPIED = range(0, 150, 3)
LOST = torch.tensor([3.0, 3.2, 2.9, 3.1, 3.0, 3.3, 2.8, 3.1])


class Heard(Nobody):
    """What was said, and which trials there were."""

    def __init__(self):
        self.notes, self.parts = [], []

    def note(self, sentence, in_full=""):
        self.notes.append(sentence)

    def phase(self, what, part="", steps=None, turn=(1, 1)):
        if what == choice.kinds.TRIALS:
            self.parts.append((part, turn))


@pytest.fixture(scope="module", autouse=True)
def told():
    """So few pairs tell no share of each kind, but which are copies is seen without training."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(choice.kinds, "kinds_there", lambda found: {"copied": 1 / 3})
        yield


@pytest.fixture(scope="module")
def said(tmp_path_factory):
    """A third of the pairs are copies."""
    folder = tmp_path_factory.mktemp("kinds")
    given = pairs(150, 0)[0]
    tsv(folder / "pairs.tsv", [(s, s if row in COPIED else t) for row, (s, t) in enumerate(given)])
    tsv(folder / "checked.tsv", pairs(60, 1)[0])
    tsv(folder / "new.tsv", pairs(10, 2)[0])
    files = {"train": f"{folder}/pairs.tsv", "clean": f"{folder}/checked.tsv", "test": f"{folder}/new.tsv"}
    return {**files, "source": "de", "target": "en", "batch_size": 32, "epochs": 2, "threads": 1}


@pytest.fixture(scope="module")
def trained(said, tmp_path_factory):
    folder, heard = tmp_path_factory.mktemp("kinds") / "run", Heard()
    start(Settings.of(**said), folder, heard)
    return folder, heard


def test_a_kind_helps_where_checked_pairs_are_foretold_better_for_sure():
    def losses(helping):
        return LOST - {"cut": 0.2, "copied": -0.3}.get("".join(helping), 0.0) - 0.01 * torch.arange(8)

    tried = compared({"copied": 0.3, "cut": 0.1}, lambda helping: losses(helping) + 0.01 * torch.arange(8))
    assert tried["cut"].gain == pytest.approx(0.2)
    assert tried["cut"].helps
    assert tried["cut"].share == 0.1
    assert tried["copied"].gain == pytest.approx(-0.3)
    assert not tried["copied"].helps


def test_a_gain_that_may_be_luck_is_none():
    uneven = torch.tensor([1.0, -0.8, 0.9, -0.9, 1.1, -0.7, 0.8, -1.0])
    tried = compared({"cut": 0.2}, lambda helping: LOST - uneven * len(helping))
    assert tried["cut"].gain > 0
    assert not tried["cut"].helps
    assert tried["cut"].error == pytest.approx(float(uneven.double().std()) / 8**0.5)


def test_nothing_is_trained_where_no_kind_is_there():
    assert compared({}, lambda helping: pytest.fail("nothing to try")) == {}


def test_only_kinds_that_are_there_for_sure_are_tried_the_most_frequent_first():
    there, found = (
        KINDS_THERE,
        SimpleNamespace(
            kinds={"cut": 0.1, "copied": 0.3, "shuffled": 0.04},
            kind_intervals={"cut": (0.05, 0.2), "copied": (0.2, 0.4), "shuffled": (0.01, 0.1)},
        ),
    )
    assert list(there(found)) == ["copied", "cut"]
    assert there(SimpleNamespace(kinds={}, kind_intervals={})) == {}


def test_what_becomes_of_a_kind_in_a_sentence():
    told = KindTried(0.4, -0.25, 0.02).sentence("copied")
    assert (
        told == "copied pairs (40%) are left out: with them checked pairs are foretold 0.25 ± 0.02 nats a token worse"
    )
    assert "of_mine pairs" not in (better := KindTried(0.1, 0.25, 0.02).sentence("of_mine"))
    assert better.startswith("of mine pairs (10%) are drawn like right ones: ")
    assert better.endswith("better")


def test_a_run_says_and_keeps_what_becomes_of_them(trained):
    folder, heard = trained
    summary = json.loads((folder / "summary.json").read_text())
    assert list(summary["kinds"]) == ["copied"]
    assert summary["kinds"]["copied"]["share"] == pytest.approx(1 / 3, abs=0.05)
    assert read_config(folder).kinds == summary["kinds"]
    assert heard.parts == [("right ones alone", (1, 2)), ("copied", (2, 2))]
    assert any(note.startswith("copied pairs (3") for note in heard.notes)
    row = {row.name: row for row in about_labels(audit_run(folder)).kinds}
    assert row["copied"].becomes == ("drawn like right ones" if helping(summary["kinds"]) else "left out")
    assert row["cut"].becomes == ""


@pytest.mark.slow
@pytest.mark.parametrize("gain", [1.0, -1.0])
def test_pairs_of_a_kind_that_helps_are_drawn_like_right_ones(said, tmp_path, monkeypatch, gain):
    monkeypatch.setattr(Bench, "losses_without_checked", lambda self, helping: LOST - gain * len(helping))
    folder = tmp_path / "run"
    start(Settings.of(**said), folder, Nobody())
    weights = pq.read_table(folder / "weights.parquet", columns=["id", "visits"]).to_pydict()
    visits = dict(zip(weights["id"], weights["visits"], strict=True))
    seen = sum(visits[row] for row in COPIED)
    assert (seen > 60) if gain > 0 else (seen < 20)


def test_what_is_right_is_told_alike_whatever_helps(trained):
    """Audits rank by rightness: a kind that helps is no less wrong."""
    found = open_run(trained[0])
    halves = Bench(found.config, data_of(found)).halves
    clean, before = halves.clean.ids, halves.right(halves.clean.ids)
    known, as_right = halves.known(clean), halves.known(clean, frozenset({"copied"}))
    assert (as_right.right >= known.right).all()
    copies = torch.isin(known.ids, torch.tensor(COPIED))
    assert (as_right.right[copies] == 1).double().mean() > 0.9
    assert known.right[copies].mean() < 0.2
    assert torch.equal(halves.right(clean), before)


@pytest.mark.slow
def test_a_run_that_goes_on_does_not_try_again(said, trained, tmp_path, monkeypatch):
    """Not even where no step was made."""

    class Ends(Callback):
        def on_step(self, step):
            raise KeyboardInterrupt

    folder = tmp_path / "run"
    with pytest.raises((KeyboardInterrupt, Interrupted)):
        start(Settings.of(**said), folder, Nobody(), callbacks=[Ends()])
    monkeypatch.setattr(Bench, "losses_without_checked", lambda self, helping: pytest.fail("it is known"))
    resume(folder, {}, Nobody())
    assert results_of(folder) == results_of(trained[0])


def test_a_list_of_kinds_that_says_nothing_of_help_is_refused(trained, tmp_path):
    path = tmp_path / "config.json"
    content = json.loads((trained[0] / "config.json").read_text())
    content.pop("digest")
    del content["kinds"]["copied"]["helps"]
    path.write_text(json.dumps({**content, "digest": digest_of(content)}))
    with pytest.raises(BadInput, match=r"copied has no 'helps'"):
        read_config(tmp_path)


def test_classes_are_not_asked_about():
    bench = SimpleNamespace(inputs=SimpleNamespace(train=SimpleNamespace(task=SimpleNamespace(of_pairs=False))))
    assert kinds_tried(bench, torch.arange(100), Nobody()) == {}
