"""What goes wrong with pairs on the command line is one sentence on stderr and exit code 2, and nothing is left behind."""

import pytest

from made_up_pairs import pairs, tsv
from reweigh.cli.guard import run

SIDES = ["--source", "de", "--target", "en"]


@pytest.fixture
def checked(tmp_path):
    return tsv(tmp_path / "checked.tsv", pairs(20, 1)[0], ("de", "en"))


def write(path, content):
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return str(path)


MISTAKES = {
    "unequal": (lambda d: (write(d / "c.de", "a\n" * 30), write(d / "c.en", "b\n" * 29)) and str(d / "c"), SIDES,
                "c.de has 30 lines and"),
    "encoding": (lambda d: write(d / "t.tsv", b"a\tb\n\xff\tc\n"), SIDES,
                 "is not UTF-8 throughout, byte 4 (0xff) in line 2"),
    "no tab": (lambda d: write(d / "t.tsv", "a\tb\nno\n"), SIDES, "line 2 of"),
    "no source": (lambda d: tsv(d / "t.tsv", pairs(30)[0], ("de", "en")), ["--target", "en", "--task", "translation"],
                  "name both columns, or languages, by --source and --target"),
    "no target": (lambda d: tsv(d / "t.tsv", pairs(30)[0], ("de", "en")), ["--source", "de"], "name it by --target"),
    "long lines alone": (lambda d: write(d / "t.tsv", ("wort " * 10_000 + "\tword\n") * 3), SIDES, "no training example of"),
    "checked alone": (lambda d: tsv(d / "t.tsv", pairs(20, 1)[0], ("de", "en")), SIDES, "no training example of"),
    "no such rule": (lambda d: tsv(d / "t.tsv", pairs(30)[0], ("de", "en")), [*SIDES, "--rule", "proportion"],
                     "the rule proportion looks at each example's class"),
}  # fmt: skip


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_a_sentence(name, checked, tmp_path, capsys):
    make, options, sentence = MISTAKES[name]
    output = tmp_path / "run"
    assert run(["train", "--train", make(tmp_path), "--clean", checked, *options, "--output", str(output)]) == 2
    said = capsys.readouterr().err
    assert sentence in said
    assert len(said.splitlines()) == 1
    assert "Traceback" not in said
    assert not output.exists()


def test_export_refuses_what_it_does_not_know(tmp_path, capsys):
    assert run(["export", str(tmp_path), str(tmp_path / "x"), "--to", "marain"]) == 2
    assert 'Invalid value "marain" for --to' in (said := capsys.readouterr().err)
    assert 'Did you mean "marian"?' in said
    assert run(["export", str(tmp_path), str(tmp_path / "x"), "--to", "hf"]) == 2
    assert "there is no run in" in capsys.readouterr().err
