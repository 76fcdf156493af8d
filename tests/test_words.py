from reweigh.words import counted, listed, meant, shown


def test_long_values_are_cut():
    assert shown("a" * 10_000) == repr("a" * 39 + "…")
    assert shown(3) == "'3'"


def test_lists_end():
    assert listed(["a", "b"]) == "'a', 'b'"
    assert listed(range(20), 2) == "'0', '1' and 18 more"


def test_near_names_are_found_whatever_their_case():
    assert meant("Lable", ["size", "LABEL"]) == "did you mean 'LABEL'"
    assert meant("zzz", ["size", "label"]) == "choose one of 'size', 'label'"


def test_counting():
    assert (counted(1, "row"), counted(2000, "row")) == ("1 row", "2,000 rows")
