"""From decisions to cleaned data that train as they are: tables, parts, JSON lines, pictures, texts, arrays."""

import csv
import shutil

import numpy as np
import pandas
import pytest

import own_files
import reweigh
from dirty import NAMES, csv_bytes, excel_bytes, rows, trained, write
from reweigh.apply import apply_run, write_decisions
from reweigh.apply.decisions import Decision
from reweigh.apply.written import whole_folder
from reweigh.cli.guard import run as command
from reweigh.data.own.paths import open_table
from reweigh.errors import BadInput


def read(path):
    with path.open(newline="", encoding="utf-8-sig") as file:
        return list(csv.DictReader(file))


def decided(wrong, truth, given, dropped=5):
    """What a reviewer says of rows: the wrong ones and as many right ones, by their ids "row N"."""
    found = []
    for place, row in enumerate(np.flatnonzero(wrong).tolist()):
        word = "drop" if place < dropped else "change"
        found.append(Decision(f"row {row}", given[row], word, "" if word == "drop" else truth[row], f"row {row} of it"))
    for row in np.flatnonzero(~wrong)[:20].tolist():
        found.append(Decision(f"row {row}", given[row], "keep", "", f"row {row} of it"))
    return found


@pytest.fixture(scope="module", params=["excel", "parquet", "parts", "json"])
def applied(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param)
    path, noisy, wrong, truth = trained(folder, request.param)
    given = open_table(noisy).table().column("label").to_pylist()
    before = {file: file.read_bytes() for file in folder.rglob("noisy*") if file.is_file()}
    decisions = decided(wrong, truth, given)
    write_decisions(folder / "decisions.csv", decisions)
    found = apply_run(path, folder / "decisions.csv", folder / "cleaned")
    assert all(file.read_bytes() == content for file, content in before.items())
    return found, noisy, wrong, truth, given, decisions


def test_the_cleaned_data_have_what_was_decided_and_nothing_else(applied):
    found, noisy, wrong, truth, _, decisions = applied
    dropped = [int(one.id[4:]) for one in decisions if one.word == "drop"]
    changed = [int(one.id[4:]) for one in decisions if one.word == "change"]
    assert found.train.name == noisy.name
    before, after = open_table(noisy).table().to_pylist(), open_table(found.train).table().to_pylist()
    for row in changed:
        before[row]["label"] = truth[row]
    assert after == [row for place, row in enumerate(before) if place not in dropped]
    assert found.rows == len(after) == len(wrong) - 5
    assert found.counts == {"keep": 20, "change": len(changed), "drop": 5}
    assert found.sentence() == f"{len(changed)} labels changed, 5 rows dropped, 20 labels reviewed and kept"


def test_the_checked_set_has_grown_and_the_test_set_stays(applied):
    found, noisy, _, _, given, decisions = applied
    before = open_table(noisy.with_name(noisy.name.replace("noisy", "checked"))).table()
    checked, test = open_table(found.checked).table(), open_table(found.test).table()
    reviewed = {one.id[4:]: one for one in decisions if one.word != "drop"}
    assert len(checked) + len(test) == len(before) + len(reviewed)
    assert found.checked_rows == len(checked)
    new = [row for row in checked.to_pylist() if row["key"].startswith("k0-")]
    mine = {row["key"]: row["label"] for row in new}
    keys = open_table(noisy).table().column("key").to_pylist()
    assert mine == {keys[int(k)]: one.label or given[int(k)] for k, one in reviewed.items()}
    assert {row["key"] for row in test.to_pylist()} < set(before.column("key").to_pylist())
    assert checked.column_names == before.column_names


def test_the_log_says_where_it_stood(applied):
    found, noisy, _, _, given, decisions = applied
    log = read(found.path / "changes.csv")
    assert len(log) == len(decisions)
    assert [int(row["id"][4:]) for row in log] == sorted(int(one.id[4:]) for one in decisions)
    assert {row["by"] for row in log} == {"review"}
    for row in log:
        assert row["given"] == given[int(row["id"][4:])]
        if noisy.suffix == ".csv":
            assert int(row["line"]) == int(row["id"][4:]) + 2
    by_word = {row["decision"]: row["label"] for row in log}
    assert by_word["drop"] == by_word["keep"] == ""


def test_it_trains_as_it_is_and_can_be_applied_to_again(applied, tmp_path, capsys):
    found = applied[0]
    config = ["train", "--config", str(found.path / "settings.json"), "--output", str(tmp_path / "again"), "--quick"]
    assert command(config) == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert f"and {found.checked_rows} checked; " in printed
    assert "left out of training" in printed  # what was reviewed is checked now
    again = apply_run(tmp_path / "again", [], tmp_path / "same")
    assert open_table(again.train).table().equals(open_table(found.train).table())
    one = reweigh.fit(**found.settings, quick=True, verbose=False)
    assert one.summary["clean_examples"] == found.checked_rows


def test_a_csv_file_of_a_spreadsheet_stays_to_the_last_byte(tmp_path):
    path, noisy, wrong, truth = trained(tmp_path, "excel")
    made = rows()[0]
    row = int(np.flatnonzero(wrong)[0])
    decision = Decision(f"row {row}", made[row]["label"], "change", truth[row], "line 2 of d.csv")
    found = apply_run(path, [decision], tmp_path / "cleaned")
    made[row]["label"] = truth[row]
    assert found.train.read_bytes() == excel_bytes(made)
    assert found.checked.read_bytes().startswith(b"\xef\xbb\xbfkey;a;b;c;note;label\r\n")
    assert noisy.read_bytes() != excel_bytes(made)


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    return trained(tmp_path_factory.mktemp("table"), "csv")


def decision(one="row 3", given=None, word="keep", label="", where="line 2 of d.csv"):
    return Decision(one, rows()[0][3]["label"] if given is None else given, word, label, where)


@pytest.mark.parametrize(
    ("one", "said"),
    [
        (decision("row 999"), r"line 2 of d.csv is about 'row 999', which is no training example .* such as 'row 0'"),
        (decision(given="mauve"), "was decided when the label of 'row 3' was 'mauve', and in .*noisy.csv it is"),
        (decision(given=next(name for name in NAMES if name != rows()[0][3]["label"])), "review that example again"),
        (decision(word="change", label="mauve"), "has the label 'mauve'.*correct it to one of 'blue', 'green', 'red'"),
        (decision(word="change"), "line 2 of d.csv has no label"),
    ],
)
def test_decisions_that_cannot_be_applied(table, tmp_path, one, said):
    with pytest.raises(BadInput, match=said):
        apply_run(table[0], [one], tmp_path / "cleaned")
    assert list(tmp_path.iterdir()) == []


def test_a_change_to_the_label_that_stands_there_is_no_change(table, tmp_path):
    """The number of labels that changed is what is said to have changed; whoever names the given one has kept it."""
    given = [row["label"] for row in rows()[0]]
    right = next(name for name in NAMES if name != given[4])
    ones = [
        decision(word="change", label=f" {given[3]} "),
        decision("row 4", given[4], "change", right),
        decision("row 5", given[5]),
    ]
    found = apply_run(table[0], ones, tmp_path / "cleaned")
    assert found.sentence() == "1 label changed, 0 rows dropped, 2 labels reviewed and kept"
    before, after = (path.read_bytes().splitlines() for path in (table[1], found.train))
    assert sum(one != other for one, other in zip(before, after, strict=True)) == 1
    assert [(row["decision"], row["label"]) for row in read(found.path / "changes.csv")] == [
        ("keep", ""), ("change", right), ("keep", "")
    ]  # fmt: skip


def test_labels_without_a_decision_are_counted_and_left_as_found(table, tmp_path, capsys):
    given = [row["label"] for row in rows()[0]]
    lines = [f"row {row},{given[row]},,{next(name for name in NAMES if name != given[row])}\n" for row in (3, 4)]
    (tmp_path / "d.csv").write_text("id,given,decision,label\n" + "".join(lines) + f"row 5,{given[5]},keep,\n")
    assert command(["apply", str(table[0]), str(tmp_path / "d.csv"), "--output", str(tmp_path / "cleaned")]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "0 labels changed, 0 rows dropped, 1 label reviewed and kept." in said
    assert "2 rows with another label and no decision left as found: write change beside a label that is meant." in said
    assert (tmp_path / "cleaned" / table[1].name).read_bytes() == table[1].read_bytes()


def test_an_output_that_is_there_is_replaced_only_if_asked_and_ours(table, tmp_path):
    folder = tmp_path / "cleaned"
    apply_run(table[0], [decision()], folder)
    with pytest.raises(BadInput, match=r"exists: replace it with --overwrite"):
        apply_run(table[0], [decision()], folder)
    (folder / "mine.txt").write_text("gone with it")
    found = apply_run(table[0], [], folder, overwrite=True)
    assert found.counts["keep"] == 0
    assert sorted(path.name for path in folder.iterdir()) == [
        "changes.csv", "checked.csv", "noisy.csv", "settings.json", "test.csv"
    ]  # fmt: skip
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cleaned"]
    (tmp_path / "other").mkdir()
    with pytest.raises(BadInput, match=r"exists: name a folder that is not there yet"):
        apply_run(table[0], [], tmp_path / "other", overwrite=True)
    with pytest.raises(BadInput, match=r"nothing is decided"):
        apply_run(table[0], None, tmp_path / "new")


def test_it_appears_whole_or_not_at_all(table, tmp_path, monkeypatch):
    apply_run(table[0], [decision()], tmp_path / "cleaned")
    before = (tmp_path / "cleaned" / "changes.csv").read_bytes()

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("reweigh.apply.apply.write_changes", full)
    with pytest.raises(reweigh.errors.ReweighError, match=r"the disk is full"):
        apply_run(table[0], [], tmp_path / "cleaned", overwrite=True)
    assert (tmp_path / "cleaned" / "changes.csv").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["cleaned"]


def test_a_kill_while_one_folder_takes_the_place_of_another_loses_neither(tmp_path):
    (tmp_path / ".cleaned.old").mkdir()
    (tmp_path / ".cleaned.old" / "changes.csv").write_text("before")

    def half():
        with whole_folder(tmp_path / "cleaned", overwrite=True) as part:
            (part / "half").touch()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        half()
    assert (tmp_path / "cleaned" / "changes.csv").read_text() == "before"
    with whole_folder(tmp_path / "cleaned", overwrite=True) as part:
        (part / "changes.csv").write_text("after")
    assert (tmp_path / "cleaned" / "changes.csv").read_text() == "after"
    assert [path.name for path in tmp_path.iterdir()] == ["cleaned"]


def test_training_data_that_are_called_as_a_file_of_ours(tmp_path):
    noisy, checked, *_ = write(tmp_path, "csv")
    noisy, checked = noisy.rename(tmp_path / "checked.2.csv"), checked.rename(tmp_path / "c.csv")
    noisy = noisy.rename(tmp_path / "Checked.csv")
    options = ["--clean", str(checked), "--target", "label", "--rule", "l2rw", "--steps", "10", "--quick"]
    assert command(["train", "--train", str(noisy), *options, "--output", str(tmp_path / "run")]) == 0
    found = apply_run(tmp_path / "run", [decision()], tmp_path / "cleaned")
    assert found.train == tmp_path / "cleaned" / "train" / "Checked.csv"
    assert found.train.read_bytes() == noisy.read_bytes()
    assert found.checked == tmp_path / "cleaned" / "checked.csv"


def test_data_that_have_changed_since(tmp_path):
    path, noisy, *_ = trained(tmp_path, "csv")
    noisy.write_bytes(noisy.read_bytes() + b"k,1,2,3,,red\r\n")
    with pytest.raises(BadInput, match=r"is not what it was when the run began"):
        apply_run(path, [decision()], tmp_path / "cleaned")


def test_runs_that_are_on_no_file_of_one_s_own(tmp_path):
    options = ["--dataset", "digits", "--steps", "5", "--quick", "--output", str(tmp_path / "run")]
    assert command(["train", *options]) == 0
    with pytest.raises(BadInput, match=r"was trained on digits: decisions are about files of your own"):
        apply_run(tmp_path / "run", [decision()], tmp_path / "cleaned")


@pytest.mark.parametrize("way", ["column", "ids"])
def test_checked_rows_within_the_training_file(tmp_path, way):
    made = [{**row, "ok": "yes" if place % 3 == 0 else ""} for place, row in enumerate(rows(spoil=0)[0])]
    (tmp_path / "noisy.csv").write_bytes(csv_bytes([{"ok": row.pop("ok"), **row} for row in made]))
    (tmp_path / "ids.txt").write_text("".join(f"k0-{row}\n" for row in range(0, 240, 3)))
    said = (
        ["--clean-column", "ok"]
        if way == "column"
        else ["--clean-ids", str(tmp_path / "ids.txt"), "--id-column", "key"]
    )
    options = ["--target", "label", "--rule", "l2rw", "--steps", "30", "--quick", *said]
    assert command(["train", "--train", str(tmp_path / "noisy.csv"), *options, "--output", str(tmp_path / "run")]) == 0
    name = "row 1" if way == "column" else "k0-1"
    found = apply_run(tmp_path / "run", [Decision(name, made[1]["label"], "keep", "", "row 0 of it")], tmp_path / "c")
    assert found.train.read_bytes() == (tmp_path / "noisy.csv").read_bytes()
    checked = read(found.checked)
    keys = [row["key"] for row in checked]
    assert "k0-1" in keys
    if way == "column":  # rows without names: those for testing could not be told from others
        assert found.test is None
        assert len(checked) == 81
        assert found.settings["drop"] == ["ok"]
    else:
        assert len(checked) + len(read(found.test)) == 81
        assert not {row["key"] for row in read(found.test)} & set(keys)
    again = reweigh.fit(**found.settings, quick=True, verbose=False)
    assert again.summary["examples"] <= 240


def test_pictures_move_to_the_other_class(tmp_path):
    assert command(own_files.command("images", tmp_path / "i", tmp_path / "run", "--steps", "10")) == 0
    noisy = tmp_path / "i" / "noisy"
    shutil.copy(noisy / "right" / "001.png", tmp_path / "kept.png")
    before = sorted(path.relative_to(noisy).as_posix() for path in noisy.rglob("*.png"))
    told = (
        ("left/003.png", "left", "change", "right"),
        ("left/000.png", "left", "keep", ""),
        ("right/001.png", "right", "drop", ""),
    )
    given = [Decision(*one, "a of b") for one in told]
    found = apply_run(tmp_path / "run", given, tmp_path / "cleaned")
    after = sorted(path.relative_to(found.train).as_posix() for path in found.train.rglob("*.png"))
    expected = {*before, "right/003.png"} - {"left/003.png", "right/001.png"}
    assert after == sorted(expected)
    assert (found.train / "right" / "003.png").read_bytes() == (noisy / "left" / "003.png").read_bytes()
    assert sorted(path.relative_to(noisy).as_posix() for path in noisy.rglob("*.png")) == before
    names = {path.relative_to(found.checked).as_posix() for path in found.checked.rglob("*.png")}
    assert len(names) == found.checked_rows
    assert len(names) + len(list(found.test.rglob("*.png"))) == 42
    log = read(found.path / "changes.csv")
    assert [row["file"] for row in log] == [f"{noisy}/left/000.png", f"{noisy}/left/003.png", f"{noisy}/right/001.png"]
    assert "line" not in log[0]
    assert (
        command(
            ["train", "--config", str(found.path / "settings.json"), "--output", str(tmp_path / "again"), "--quick"]
        )
        == 0
    )


def test_a_picture_whose_name_is_taken(tmp_path):
    assert command(own_files.command("images", tmp_path / "i", tmp_path / "run", "--steps", "10")) == 0
    noisy = tmp_path / "i" / "noisy"
    shutil.copy(noisy / "right" / "001.png", noisy / "left" / "001.png")
    assert command(["train", "--train", str(noisy), "--clean", str(tmp_path / "i" / "checked"), "--model", "lenet", "--rule",
                    "l2rw", "--steps", "5", "--quick", "--output", str(tmp_path / "two")]) == 0  # fmt: skip
    found = apply_run(tmp_path / "two", [Decision("left/001.png", "left", "change", "right", "a of b")], tmp_path / "c")
    assert (found.train / "right" / "001-2.png").exists()
    assert (found.train / "right" / "001.png").exists()


@pytest.mark.slow
def test_texts_arrays_and_numbers(tmp_path):
    for kind, one in {
        "text": Decision("t4", "food", "change", "sport", "a of b"),
        "arrays": Decision("row 4", "0", "change", "1", "a of b"),
        "regression": Decision("row 4", "", "change", "123456.5", "a of b"),
        "multi-label": Decision("row 4", "", "change", "warm; bright", "a of b"),
    }.items():
        folder = tmp_path / kind
        assert command(own_files.command(kind, folder, folder / "run", "--steps", "10")) == 0
        audit = reweigh.load(folder / "run").audit().to_arrow().to_pylist()
        given = next(row["given_label"] for row in audit if row["id"] == one.id)
        other = {"sport": "food", "food": "sport", "0": "1", "1": "0"}.get(str(given), one.label)
        found = apply_run(folder / "run", [one._replace(given=str(given), label=other)], folder / "cleaned")
        if kind == "arrays":
            before, after = np.load(folder / "noisy.npz"), np.load(found.train)
            assert (before["x"] == after["x"]).all()
            assert np.flatnonzero(before["y"] != after["y"]).tolist() == [4]
            assert len(np.load(found.checked)["x"]) == found.checked_rows
        else:
            old, new = (folder / "noisy.csv").read_text().splitlines(), found.train.read_text().splitlines()
            assert [a == b for a, b in zip(old, new, strict=True)].count(False) == 1
            assert new[5].endswith(
                {"regression": ",123456.5", "multi-label": ",warm;bright", "text": f",{other}"}[kind]
            )
        config = str(found.path / "settings.json")
        assert command(["train", "--config", config, "--output", str(folder / "again"), "--quick"]) == 0


def test_several_target_columns(tmp_path):
    made = rows()[0]
    for row in made:
        row["warm"], row["cold"] = ("yes" if row["label"] == "red" else "no"), str(int(row.pop("label") != "red"))
    (tmp_path / "noisy.csv").write_bytes(csv_bytes(made))
    (tmp_path / "checked.csv").write_bytes(csv_bytes(made[:90]))
    options = [
        "--clean",
        str(tmp_path / "checked.csv"),
        "--target",
        "warm,cold",
        "--rule",
        "l2rw",
        "--steps",
        "10",
        "--quick",
    ]
    assert command(["train", "--train", str(tmp_path / "noisy.csv"), *options, "--output", str(tmp_path / "run")]) == 0
    given = "warm" if made[150]["warm"] == "yes" else "cold"
    change = Decision("row 150", given, "change", "cold;warm", "a of b")
    found = apply_run(
        tmp_path / "run",
        [change, Decision("row 151", "warm" if made[151]["warm"] == "yes" else "cold", "change", "", "a of b")],
        tmp_path / "c",
    )
    made[150] |= {"warm": "yes", "cold": "1"}
    made[151] |= {"warm": "no", "cold": "0"}
    assert found.train.read_bytes() == csv_bytes(made)
    assert found.test is None  # the checked rows stand in the training file as well, and have no names


def test_from_python_with_a_frame(tmp_path):
    made, wrong, truth = rows()
    frame = pandas.DataFrame(made).astype(dict.fromkeys("abc", float)).drop(columns="note")
    frame["label"] = frame["label"].astype("category")
    checked = pandas.DataFrame(rows(90, 1, 0)[0]).astype(dict.fromkeys("abc", float)).drop(columns="note")
    one = reweigh.fit(
        frame, clean=checked, target="label", id_column="key", steps=20, rule="l2rw", quick=True, verbose=False
    )
    row = int(np.flatnonzero(wrong)[0])
    decisions = pandas.DataFrame(
        [{"id": f"k0-{row}", "given": made[row]["label"], "decision": "change", "label": truth[row]}]
    )
    found = one.apply(decisions, tmp_path / "cleaned")
    after = pandas.read_parquet(found.train)
    assert after["label"].dtype == "category"
    frame.loc[row, "label"] = truth[row]
    pandas.testing.assert_frame_equal(after[frame.columns], frame)
    with pytest.raises(BadInput, match=r"row 0 of decisions is about 'x', which is no training example"):
        one.apply([{"id": "x", "given": "red", "decision": "keep", "label": ""}], tmp_path / "other")
    with pytest.raises(BadInput, match=r"decisions= is a int"):
        one.apply(7, tmp_path / "other")
