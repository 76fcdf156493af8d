"""Names that mean something to somebody else: a shell, a terminal, a browser. Here they are names."""

import os
import shutil

import pytest

from own_files import command, write_csv
from reweigh.cli.guard import run
from reweigh.report import write_report

NAMES = {
    "markup": "[bold]run[/bold]",
    "markup that ends nothing": "[/x]",
    "a link": "[link=file:///etc]x[/link]",
    "emoji code": ":smile:",
    "emoji": "🙂 run",
    "newline": "a\nb",
    "tab": "a\tb",
    "escape codes": "\x1b[2Jx",
    "right to left": "\u202egnp.x",
    "a space": " run ",
    "at": "@run",
    "equals": "=run",
    "quotes": "a'b\"c",
    "long": "n" * 200,
    "no UTF-8": os.fsdecode(b"a\xffb"),
    "html": "<script>x<",
}


def train(folder, output, capsys, *more, labels=("yes", "no")):
    rows = [[f"{k % 17}", f"name {k}", labels[k % 2]] for k in range(60)]
    write_csv(folder / "noisy.csv", ["a", "id", "y"], rows)
    write_csv(folder / "checked.csv", ["a", "id", "y"], rows[:24])
    said = ["train", "--train", f"{folder}/noisy.csv", "--clean", f"{folder}/checked.csv", "--target", "y"]
    code = run([*said, "--id-column", "id", "--steps", "4", "--rule", "l2rw", "--quick", f"--output={output}", *more])
    return code, capsys.readouterr()


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_a_run_of_any_name(name, tmp_path, capsys):
    folder = tmp_path / name
    code, said = train(tmp_path, folder, capsys)
    assert code == 0, said
    assert "\x1b" not in said.out
    code = run(["audit", str(folder), "--output", str(tmp_path / name) + ".csv"])
    told = capsys.readouterr()
    assert code == 0, told
    assert "\x1b" not in told.out + told.err
    page = write_report(folder).read_text("utf-8")
    assert "\x1b" not in page
    assert page.count("<script") == 1  # its own
    code = run(["predict", str(folder), str(tmp_path / "nothing" / name)])
    assert code == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


@pytest.mark.parametrize("name", ["[bold]x[/bold]", "[/x]", ":smile:", "[red]"])
def test_a_name_is_printed_as_it_is(name, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, said = train(tmp_path, name, capsys, labels=(name, "no"))
    assert code == 0, said
    assert f"All of it is in {name}. Next:" in said.out
    assert run(["audit", name]) == 0
    assert name in capsys.readouterr().out


def test_terminal_codes_in_a_label_do_nothing(tmp_path, capsys):
    train(tmp_path, tmp_path / "run", capsys, labels=("\x1b[31mred", "no"))
    assert run(["audit", str(tmp_path / "run")]) == 0
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert "\\x1b[31mred" in out


def test_a_tilde_that_no_shell_expanded(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "me"))
    monkeypatch.chdir(tmp_path)
    code, said = train(tmp_path, "~/run", capsys)
    assert code == 0, said
    assert (tmp_path / "me/run/summary.json").exists()
    assert run(["audit", "~/run", "--output=~/audit.csv"]) == 0
    assert (tmp_path / "me/audit.csv").exists()
    assert run(["report", "~/run", "--output=~/page.html"]) == 0
    assert run(["train", "--resume", "--quick", "--output=~/run"]) == 0
    assert not (tmp_path / "~").exists()


def test_a_home_of_nobody_is_a_sentence(tmp_path, refused):
    refused(
        "train", "--train=~nobody-of-that-name/x.csv", "--clean=x.csv", "--target", "y", "--output", tmp_path / "run"
    )


def test_a_name_too_long_for_the_system_is_a_sentence(tmp_path, refused):
    for words in (["audit", "n" * 300], ["train", "--dataset", "digits", "--output", tmp_path / ("n" * 300)]):
        refused(*words)


def test_overwrite_takes_the_old_report_with_it(folder, tmp_path):
    write_report(folder)
    (folder / "notes.txt").write_text("mine")
    said = command("table", tmp_path / "data", folder, "--steps", "3", "--overwrite")
    assert run(said) == 0
    assert not (folder / "report.html").exists()
    assert not (folder / "teacher.safetensors").exists()
    assert (folder / "notes.txt").read_text() == "mine"
    assert len((folder / "SHA256SUMS").read_text().splitlines()) < 12


@pytest.mark.parametrize("flag", [[], ["--overwrite"]])
def test_a_folder_of_another_program_is_left_alone(flag, tmp_path, refused):
    (tmp_path / "bert").mkdir()
    for name in ("config.json", "model.safetensors"):
        (tmp_path / "bert" / name).write_text('{"architectures": ["Bert"]}')
    sentence = refused("train", "--dataset", "digits", "--steps", "2", "--output", tmp_path / "bert", *flag)
    assert "no run of reweigh" in sentence
    assert (tmp_path / "bert/model.safetensors").read_text() == '{"architectures": ["Bert"]}'
    shutil.rmtree(tmp_path / "bert")
