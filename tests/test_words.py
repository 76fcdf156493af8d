from reweigh.words import counted, listed, meant, or_dash, said_by, sentence, shown


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


def test_a_clause_becomes_a_sentence():
    assert sentence("about 3 are wrong, of Ids") == "About 3 are wrong, of Ids."
    assert sentence("3 % look wrong") == "3 % look wrong."


def test_a_number_that_is_not_there_is_a_dash():
    assert [or_dash(value, ".0%") for value in (0.125, float("nan"))] == ["12%", "–"]
    assert or_dash(2 / 3, ".2f") == "0.67"


def test_of_what_another_library_said_the_first_line():
    assert said_by(ValueError("not so.\nsee also the manual")) == "not so"
    assert said_by(KeyError()) == "KeyError"
