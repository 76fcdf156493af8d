from reweigh.data.own.decided import dropped, left_out_notes, missing_note


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
