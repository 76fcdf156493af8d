import pytest

from reweigh.data.own.paths import kind_at, open_table


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.csv", "table"),
        ("a.tsv.gz", "table"),
        ("A.CSV", "table"),
        ("a.b.parquet", "table"),
        ("a.npz", "arrays"),
        ("a.JPG", "images"),
    ],
)
def test_the_end_of_the_name_decides(desk, name, kind):
    assert kind_at(desk.write(name, "x")) == kind


def test_a_folder_is_of_images(desk):
    assert kind_at(desk.folder) == "images"


def test_a_folder_is_no_table(desk, refused):
    with refused("is a folder where a table is expected"):
        open_table(desk.folder)
