"""The front page, and what stands beside it: short, true, and leading somewhere."""

import re
import tomllib

import yaml
from pages.front import README, ROOT, filled, rows

from reweigh import __version__

TEXT = README.read_text(encoding="utf-8")
PAGES = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md")]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def test_it_is_short():
    assert len(TEXT.split()) < 700


def test_its_table_is_what_was_measured():
    assert filled(TEXT) == TEXT, "run `python -m pages.front`"
    gains = [row[-1] for row in rows()]
    assert len(gains) == 5
    assert any(gain.startswith("−") for gain in gains)  # what is lost is shown as well
    assert any(gain.startswith("**+") for gain in gains)


def test_links_lead_somewhere():
    for page in PAGES:
        for link in re.findall(r"\]\(([^)#\s]+)", page.read_text()):
            assert link.startswith("https://") or (page.parent / link).exists(), (page.name, link)


def test_links_of_the_readme_are_whole_on_an_index():
    (rule,) = PROJECT["tool"]["hatch"]["metadata"]["hooks"]["fancy-pypi-readme"]["substitutions"]
    shown = re.sub(rule["pattern"], rule["replacement"].replace("\\1", r"\1"), TEXT)
    links = re.findall(r"\]\(([^)\s]+)", shown)
    assert len(links) > 15
    assert [link for link in links if not re.match("https?://", link)] == []
    address = PROJECT["project"]["urls"]["Homepage"]
    assert shown.count(f"]({address}/") == len(links) - TEXT.count("](https://")


def test_the_citation_is_of_this_version():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["version"] == __version__
    assert citation["license"] == PROJECT["project"]["license"]
    assert citation["url"] == PROJECT["project"]["urls"]["Homepage"]
