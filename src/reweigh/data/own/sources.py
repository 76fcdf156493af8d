"""What a user says about data of their own: where it lies, what is to be learned, and which part is checked.

Nothing but the training data and the checked part has to be said; the rest is found from the data and told.
"""

from dataclasses import dataclass

KINDS = ("table", "images", "text", "arrays")
"""What an example can be in a file: a row of a table, an image, a text, or a row of NumPy arrays."""

OUTSIDE = "source"
"""What it is where code of somebody's own hands it out."""


@dataclass(frozen=True, kw_only=True)
class Sources:
    """The user's own data. Paths are as given; the kind of `train` decides the kind of all.

    Attributes:
        train: a table (.csv, .tsv, .csv.gz, .tsv.gz, .jsonl, .parquet), a .npz file, or a folder with one folder of images
            a class.
        clean: the checked examples, the same kind of thing; or None, with one of the next two.
        clean_column: the column (of a .npz file, the array) of train whose true/1/yes rows are the checked ones.
        clean_ids: a text file with one id a line: the id column's value, a file name relative to the folder, or a row
            number from 0.
        test: the examples that give the score; None holds a part of the clean set back.
        target: the column to learn; for multi-label several, "a,b,c", or one whose labels stand between ";" or "|".
        text: the column of texts to learn from: makes a table kind "text".
        id_column: the column (the array) that names examples.
        task: the name of a task; None finds it from the target and says so.
        image_size: pixels a side that images are resized to; None takes their usual size, at most 128 (grey ones 64).
        text_length: tokens T a text; None takes it from the data, at most 128.
        test_share: share of the clean set that is held back, where there is no test set.
        drop: columns not to learn from.
    """

    train: str
    clean: str | None = None
    test: str | None = None
    target: str | None = None
    text: str | None = None
    clean_column: str | None = None
    clean_ids: str | None = None
    id_column: str | None = None
    task: str | None = None
    image_size: int | None = None
    text_length: int | None = None
    test_share: float = 0.3
    drop: tuple[str, ...] = ()
