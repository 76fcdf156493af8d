"""Pictures are small, end where nothing is, and are refused in a sentence where they cannot be made."""

import io

import pytest
from pages.pictures import COLOURS, main, only_suspects, photograph, small
from PIL import Image, ImageDraw

from pages import pictures


def shot(height=300, drawn=100):
    image = Image.new("RGB", (200, height), "white")
    if drawn:
        pen = ImageDraw.Draw(image)
        for x in range(200):
            pen.line([(x, 0), (x, drawn - 1)], fill=(x, 255 - x, x // 2))
    content = io.BytesIO()
    image.save(content, "PNG")
    return content.getvalue()


def test_what_is_empty_below_is_cut(tmp_path):
    small(shot(), tmp_path / "a.png")
    made = Image.open(tmp_path / "a.png")
    assert made.size == (200, 111)
    assert len(made.convert("RGB").getcolors(1 << 16)) <= COLOURS


@pytest.mark.parametrize("drawn", [0, 300])
def test_nothing_is_cut_of_a_full_page_nor_of_an_empty_one(drawn, tmp_path):
    small(shot(drawn=drawn), tmp_path / "a.png")
    assert Image.open(tmp_path / "a.png").size == (200, 300)


def test_a_page_that_is_not_there(tmp_path):
    with pytest.raises(SystemExit, match="paste the tutorials"):
        photograph(tmp_path / "none.html", tmp_path / "a.png")
    with pytest.raises(SystemExit, match=r"table.review\.html is not there"):
        main(["--tried", str(tmp_path), "--images", str(tmp_path)])
    assert list(tmp_path.glob("*.png")) == []


def test_no_browser(tmp_path, monkeypatch):
    (tmp_path / "page.html").write_text("<p>words")
    monkeypatch.delenv("CHROMIUM", raising=False)
    monkeypatch.setattr(pictures.shutil, "which", lambda name: None)
    with pytest.raises(SystemExit, match="there is no Chromium"):
        photograph(tmp_path / "page.html", tmp_path / "a.png")


def test_the_page_is_what_the_browser_is_shown(tmp_path, monkeypatch):
    asked = []

    def browser(command, **_):
        asked.extend(command)
        (target,) = [one.partition("=")[2] for one in command if one.startswith("--screenshot=")]
        with open(target, "wb") as file:
            file.write(shot())

    monkeypatch.setenv("CHROMIUM", "a-browser")
    monkeypatch.setattr(pictures.subprocess, "run", browser)
    (tmp_path / "page.html").write_text("<p>words")
    photograph(tmp_path / "page.html", tmp_path / "a.png")
    assert asked[0] == "a-browser"
    assert asked[-1] == (tmp_path / "page.html").as_uri()
    assert Image.open(tmp_path / "a.png").width == 200


def test_of_a_report_the_suspects_alone(tmp_path):
    policy = '<meta http-equiv="Content-Security-Policy" content="style-src \'sha256-a\'">'
    (tmp_path / "report.html").write_text(
        f"<head>{policy}</head><nav></nav><section aria-labelledby=suspects></section>"
    )
    found = only_suspects(tmp_path / "report.html").read_text()
    assert "Content-Security-Policy" not in found
    assert "section:not([aria-labelledby=suspects])" in found
    assert policy in (tmp_path / "report.html").read_text()
