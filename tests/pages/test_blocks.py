"""What a page has to paste, and how its outputs are written anew."""

import pytest
from pages.blocks import blocks_of, commands_outside, first_words, rewritten

PAGE = """# A page

```console
$ reweigh one --a \\
    --b
$ reweigh two    # a comment
printed
so
```

```python
print("three")
```

```text
three
```

```python
print("no output is shown")
```

```text
of something else, since words stand between
```
"""


def test_commands_and_their_outputs():
    (block,) = blocks_of(PAGE, python=False)
    assert [(one.code, one.shown, one.line) for one in block.pasted] == [
        ("reweigh one --a \\\n    --b", [], 4),
        ("reweigh two    # a comment", ["printed", "so"], 6),
    ]


def test_python_takes_the_text_that_comes_next():
    _, first, second = blocks_of(
        PAGE.replace("shown", "shown\\n").replace("```text\nof", "Words.\n\n```text\nof"), python=True
    )
    assert first.pasted[0].shown == ["three"]
    assert second.pasted[0].code.startswith("print(")


def test_a_page_is_written_with_other_outputs_and_nothing_else():
    blocks = blocks_of(PAGE, python=True)
    assert rewritten(PAGE, blocks) == PAGE
    blocks[0].pasted[1].shown = ["other"]
    blocks[1].pasted[0].shown = ["four", "five"]
    assert rewritten(PAGE, blocks) == PAGE.replace("printed\nso", "other").replace(
        "```text\nthree", "```text\nfour\nfive"
    )


def test_output_before_a_command_is_refused_by_its_line():
    with pytest.raises(ValueError, match="line 2: printed"):
        blocks_of("```console\nprinted\n```\n", python=False)


def test_commands_that_nothing_pastes():
    assert commands_outside(PAGE) == []
    page = "    reweigh train --a\n\n```sh\nreweigh audit\n```\nThe command `reweigh review` and\nreweigh: a mistake\n"
    assert commands_outside(page) == ["reweigh train --a", "reweigh audit"]


def test_the_words_of_a_command():
    assert first_words("reweigh audit runs/mine \\\n  --top 5   # a comment") == [
        "reweigh",
        "audit",
        "runs/mine",
        "--top",
        "5",
    ]
    assert first_words("reweigh predict a | head") == ["reweigh", "predict", "a"]
    assert first_words("python x.py") == []
