"""Pages are pasted in a folder of samples; here small ones, and of the documentation what costs little."""

import shlex
from pathlib import Path

import pytest
from pages.blocks import blocks_of, commands_outside, first_words
from pages.compare import same_output
from pages.pasted import README, ROOT, Terminal, in_order, main, paste, shows_mistake

from reweigh.cli.app import app
from reweigh.cli.guard import run
from reweigh.samples import write_samples

PAGES = [README, *in_order()]


def page(tmp_path, text):
    path = tmp_path / "page.md"
    path.write_text(text)
    return path


def test_what_is_printed_otherwise_than_shown_is_told_with_its_line(tmp_path):
    said = "```console\n$ echo 12 apples\n12 pears\n$ echo 5\n5\n$ false\n```\n"
    first, second = paste(page(tmp_path, said), Terminal(tmp_path))
    assert first.splitlines()[0] == f"{tmp_path}/page.md:2: echo 12 apples"
    assert "12 pears\nprinted:\n12 apples" in first
    assert ":6: false\nexit code 1" in second


def test_a_mistake_is_written_and_a_failure_is_not(tmp_path):
    path = page(tmp_path, "```console\n$ echo reweigh: no >&2; false\n?\n$ echo a bug; false\n?\n```\n")
    (told,) = paste(path, Terminal(tmp_path), write=True)
    assert "a bug" in told
    assert path.read_text() == "```console\n$ echo reweigh: no >&2; false\nreweigh: no\n$ echo a bug; false\n?\n```\n"


def test_python_is_run_in_tutorials_alone(tmp_path):
    text = "```python\nprint(open('made').read())\n```\n\n```text\nby hand\n```\n"
    (tmp_path / "made").write_text("by a file")
    assert [*paste(page(tmp_path, text), Terminal(tmp_path))] == []
    (tmp_path / "tutorials").mkdir()
    (told,) = paste(page(tmp_path / "tutorials", text), Terminal(tmp_path))
    assert told.endswith("shown:\nby hand\nprinted:\nby a file\n")


def test_pages_share_a_folder_of_samples(tmp_path, capsys, monkeypatch):
    def some(folder):
        folder.mkdir()
        (folder / "new.de").write_text("eins\nzwei\n")

    monkeypatch.setattr("pages.pasted.write_samples", some)
    one, other = tmp_path / "one.md", tmp_path / "other.md"
    one.write_text("```console\n$ head -1 new.de > kept\n```\n")
    other.write_text("```console\n$ cat kept\n...\n$ wc -l < kept\n1\n```\n")
    assert main([str(one), str(other), "--keep", str(tmp_path / "tried")]) == 0
    assert capsys.readouterr().out == "every command did what its page shows\n"
    assert (tmp_path / "tried" / "kept").is_file()
    other.write_text("```console\n$ cat kept\nother words\n```\n")
    assert main([str(one), str(other)]) == 1
    assert "other words" in capsys.readouterr().out


def test_a_mistake_may_be_shown(tmp_path):
    assert [
        *paste(page(tmp_path, "```console\n$ echo reweigh: no >&2; false\nreweigh: no\n```\n"), Terminal(tmp_path))
    ] == []


def test_a_folder_is_kept_from_one_command_to_the_next(tmp_path):
    text = page(tmp_path, "```console\n$ mkdir below && cd below\n$ basename $PWD\nbelow\n```\n")
    assert [*paste(text, Terminal(tmp_path))] == []


def test_outputs_are_written(tmp_path):
    path = page(tmp_path, "Words.\n\n```console\n$ echo a; echo b\n?\n$ echo 100\n101\n$ echo silent\n```\n\nMore.\n")
    assert [*paste(path, Terminal(tmp_path), write=True)] == []
    assert (
        path.read_text()
        == "Words.\n\n```console\n$ echo a; echo b\na\nb\n$ echo 100\n101\n$ echo silent\n```\n\nMore.\n"
    )


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_commands_name_options_that_there_are(path):
    """Each command of reweigh is taken apart by the command line itself, which refuses what it does not know."""
    commands = [one for block in blocks_of(path.read_text(), python=False) for one in block.pasted]
    for one in commands:
        words = shlex.split(" ".join(first_words(one.code)))
        if words and "--version" not in words and not shows_mistake(one.shown):
            app.parse_args(words[1:], exit_on_error=False, print_error=False)


def test_no_command_of_a_page_escapes_the_test():
    pages = [path for path in [README, *(ROOT / "docs").rglob("*.md")] if path.name != "reference.md"]
    assert {str(path.relative_to(ROOT)): found for path in pages if (found := commands_outside(path.read_text()))} == {}


def test_mistakes_are_told_as_the_page_says(tmp_path, monkeypatch, capsys):
    """The cheap ones, in this process; everything else by `make test-docs`."""
    write_samples(tmp_path / "samples")
    monkeypatch.chdir(tmp_path / "samples")
    blocks = blocks_of((ROOT / "docs" / "command_line.md").read_text(), python=False)
    mistakes = [one for block in blocks for one in block.pasted if shows_mistake(one.shown)]
    assert len(mistakes) == 2
    for one in mistakes:
        assert run(shlex.split(one.code)[1:]) == 2
        said = capsys.readouterr()
        assert same_output(one.shown, (said.out + said.err).splitlines())


@pytest.mark.slow
def test_everything_that_is_shown_can_be_pasted(capfd):
    assert main([]) == 0, capfd.readouterr().out


def test_pages_come_in_the_order_of_the_navigation():
    names = [str(Path(path).relative_to(ROOT / "docs")) for path in in_order()]
    assert names.index("install.md") == 0
    assert names.index("own_data.md") < names.index("audit.md") < names.index("apply.md")
