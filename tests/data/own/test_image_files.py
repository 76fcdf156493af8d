from pathlib import Path

from reweigh.data.own.image_files import find_images


def test_images_are_found_in_order_and_in_deeper_folders(desk):
    for name in ("b/2.png", "b/1.JPG", "a/deep/er/3.webp", "a/.hidden.png", "a/Thumbs.db", ".git/x.png", "b/.DS_Store"):
        desk.write(f"train/{name}", "x")
    found = find_images(Path(desk.path("train")), labelled=True)
    assert found.names == ["a/deep/er/3.webp", "b/1.JPG", "b/2.png"]
    assert found.classes == ["a", "b", "b"]
    assert found.notes == ()


def test_what_is_passed_over_is_said(desk):
    for name in ("a/1.png", "b/1.png", "2.png", "a/notes.txt", "labels.csv"):
        desk.write(f"train/{name}", "x")
    Path(desk.path("train/empty")).mkdir()
    found = find_images(Path(desk.path("train")), labelled=True)
    assert found.names == ["a/1.png", "b/1.png"]
    notes = " ".join(found.notes)
    assert "1 image of" in notes
    assert "'empty'" in notes
    assert "'a/notes.txt', 'labels.csv'" in notes


def test_a_link_within_the_folder_is_a_file_like_others(desk):
    desk.write("train/a/1.png", "x")
    Path(desk.path("train/a/2.png")).symlink_to("1.png")
    assert find_images(Path(desk.path("train")), labelled=True).names == ["a/1.png", "a/2.png"]


def test_a_folder_that_is_a_link_itself_is_what_the_user_named(desk):
    desk.write("real/a/1.png", "x")
    Path(desk.path("train")).symlink_to(desk.path("real"))
    assert find_images(Path(desk.path("train")), labelled=True).names == ["a/1.png"]
