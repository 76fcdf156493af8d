"""The example of recorded passes."""

from examples import recorded


def test_the_example_says_what_it_did(capsys):
    recorded.main(["--steps", "30"])
    lines = capsys.readouterr().out.splitlines()
    assert lines[1] == "made again without Python: the clean gradient, weights and gradient by ghost"
    assert lines[2].startswith("replay: ")
    assert lines[2].endswith("the same weights")
