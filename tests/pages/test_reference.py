"""The reference of options is the one that the settings give."""

from pages.reference import PAGE, reference

from reweigh.options import settings_of
from reweigh.settings.settings import groups


def test_the_page_is_up_to_date():
    assert PAGE.read_text() == reference(), "run `python -m pages.reference`"


def test_every_setting_and_command_stands_there():
    page = reference()
    names = [name.replace("_", "-") for kinds in groups().values() for kind in kinds for name in settings_of(kind)]
    assert len(names) > 40
    assert [name for name in names if f"`--{name} " not in page and f"`--{name}," not in page] == []
    assert all(f"## reweigh {name}\n" in page for name in ("train", "audit", "review", "apply", "import", "predict"))
    assert "pages.reference" not in page.partition("-->")[2]
