from reweigh.data.own.decided import Decision, dropped, empty_note, left_out_notes, missing_note


def test_columns_left_out_for_one_reason_are_one_sentence():
    decisions = {f"c{place}": dropped(f"c{place}", "it is empty") for place in range(12)} | {
        "d": dropped("d", "it is odd")
    }
    assert left_out_notes(decisions) == [
        "columns 'c0', 'c1', 'c2', 'c3', 'c4', 'c5', 'c6', 'c7' and 4 more are not learned from: it is empty",
        "column 'd' is not learned from: it is odd",
    ]


def test_words_are_counted():
    note = missing_note("c", "numbers", {"a": 1, "b": 2, "d": 3, "e": 4})
    assert (
        note
        == "column 'c' is taken as numbers; 10 cells with words ('a', 'b' 2 times, 'd' 3 times and 1 more) count as missing"
    )


def test_empty_cells_are_counted_by_column():
    told = {"a": {"missing": 5, "missing_words": {"?": 2}}, "b": {"missing": 0}, "c": {"left_out": "it is empty"}}
    decisions = {name: Decision({}, (), counts) for name, counts in told.items()}
    assert empty_note(decisions) == ["cells that hold nothing count as missing: 3 of column 'a'"]
