import pytest

from reweigh.digests import NAME, Digests, check_beside, sha256
from reweigh.errors import BadInput, ReweighError

RUN = "ab" * 32


def written(folder, **contents):
    digests = Digests(folder, RUN)
    for name, content in contents.items():
        digests.write(folder / name, content.encode())
    return digests


def test_what_was_written_is_known_again(tmp_path):
    written(tmp_path, one="1", two="2")
    assert (tmp_path / NAME).read_text() == f"# reweigh run {RUN}\n{sha256(b'1')}  one\n{sha256(b'2')}  two\n"
    digests = Digests(tmp_path, RUN)
    digests.check(tmp_path / "one", b"1")
    with pytest.raises(BadInput, match="one is damaged or was edited"):
        digests.check(tmp_path / "one", b"2")
    assert digests.intact(tmp_path / "two")
    assert not digests.intact(tmp_path / "three")
    assert "two" in digests
    assert "three" not in digests


def test_an_older_content_is_one_that_the_run_had_and_lines_are_not_said_twice(tmp_path):
    digests = written(tmp_path, one="1")
    digests.write(tmp_path / "one", b"2")
    digests.write(tmp_path / "one", b"1")
    assert len((tmp_path / NAME).read_text().splitlines()) == 3
    assert digests.holds(tmp_path / "one", b"2")


def test_half_a_line_of_a_killed_process_is_written_over(tmp_path):
    written(tmp_path, one="1")
    with (tmp_path / NAME).open("a") as file:
        file.write("0123")
    Digests(tmp_path, RUN).write(tmp_path / "two", b"2")
    assert Digests(tmp_path, RUN).intact(tmp_path / "two")
    assert "0123" not in (tmp_path / NAME).read_text()


@pytest.mark.parametrize("content", ["x\n", f"# reweigh run {RUN}\nhello\n", f"# reweigh run {RUN}\n\n"])
def test_a_damaged_file_of_digests(content, tmp_path):
    (tmp_path / NAME).write_text(content)
    with pytest.raises(BadInput, match=r"SHA256SUMS is damaged"):
        Digests(tmp_path, RUN)


def test_digests_of_another_run(tmp_path):
    written(tmp_path, one="1")
    with pytest.raises(BadInput, match="of another run"):
        Digests(tmp_path, "cd" * 32)


def test_without_a_run_nothing_is_checked_or_kept(tmp_path):
    digests = Digests(tmp_path, None)
    digests.write(tmp_path / "one", b"1")
    digests.check(tmp_path / "one", b"2")
    assert not (tmp_path / NAME).exists()


def test_a_link_in_its_place_is_not_written_through(tmp_path):
    (tmp_path / "mine").write_text("mine")
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / NAME).symlink_to(tmp_path / "mine")
    digests = Digests.__new__(Digests)
    digests.folder, digests.run, digests._lines, digests._whole = tmp_path / "run", RUN, [], 0
    with pytest.raises(ReweighError, match="cannot write"):
        digests.write(tmp_path / "run/one", b"1")
    assert (tmp_path / "mine").read_text() == "mine"
    assert not (tmp_path / "run/one").exists()
    assert not (tmp_path / "run/.one.part").exists()


def test_a_file_used_by_itself_is_held_against_the_run_beside_it(tmp_path):
    check_beside(tmp_path / "one", b"x")  # nothing is known
    written(tmp_path, one="1")
    check_beside(tmp_path / "one", b"1")
    check_beside(tmp_path / "other", b"x")
    with pytest.raises(BadInput, match="one is damaged or was edited"):
        check_beside(tmp_path / "one", b"x")
