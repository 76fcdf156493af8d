"""What a user says about data of their own: where it lies, what is to be learned, and which part is checked.

Nothing but the training data and the checked part has to be said; the rest is found from the data and told.
"""

from dataclasses import MISSING, dataclass
from pathlib import Path
from typing import ClassVar

from ...errors import BadInput
from ...options import check, option
from ...tasks import check_task, column_tasks
from .vocabulary import SIZE

KINDS = ("table", "images", "text", "arrays", "pairs")
"""What an example can be in a file: a row of a table, an image, a text, a row of NumPy arrays, or a pair of texts."""

OUTSIDE = "source"
"""What it is where code of somebody's own hands it out."""
_TRAIN = (
    "What to learn from: a .csv, .tsv, .jsonl or .parquet file, an .npz, or a folder with a folder of images per class; of "
    "pairs of texts also .tmx, or two files, as CORPUS for CORPUS.de and CORPUS.en or as A,B."
)
_CLEAN_TARGET = (
    "Or the column of --train that has the right label of each row that was checked, and is empty elsewhere."
)
_TARGET = "The column to learn; several, 'a,b,c', for labels that may stand together."
_TASK = f"{', '.join(column_tasks())} or module:Class (your own)."
_SOURCE = "Of pairs of texts the column or language to translate from; --target is the other one."
_LANGUAGES = "What a model that knows many languages calls both, FROM,TO such as deu_Latn,eng_Latn."
_PIECES = "Of pairs of texts: a SentencePiece model (.model) by whose pieces both sides are cut."
_VOCABULARY = "Of pairs of texts: so many pieces are made of both sides at most."
_SIZE = "the usual of the images, at most 128, grey ones 64"


@dataclass(frozen=True, kw_only=True)
class Sources:
    """The user's own data. Paths are as given; the kind of `train` decides the kind of all, and None is found from it.

    Raises:
        BadInput: naming the first that cannot be used.
    """

    title: ClassVar[str] = "Your own data"

    train: str = option(MISSING, _TRAIN)
    clean: str | None = option(None, "The checked examples, the same kind of thing.")
    clean_column: str | None = option(None, "Or the column of --train that says true, 1 or yes where a row is checked.")
    clean_target: str | None = option(None, _CLEAN_TARGET)
    clean_ids: str | None = option(None, "Or a text file that names them, one a line: by id, file or row number.")
    test: str | None = option(None, "Examples that give the score; without it some of the checked ones are held back.")
    target: str | None = option(None, _TARGET)
    text: str | None = option(None, "The column of texts to learn from.")
    source: str | None = option(None, _SOURCE)
    pieces: str | None = option(None, _PIECES, usual="pieces made of both sides, or a hf: model's own")
    vocabulary: int | None = option(None, _VOCABULARY, usual=f"at most {SIZE}", least=300, most=200_000)
    languages: str | None = option(None, _LANGUAGES, usual="--source and --target")
    id_column: str | None = option(None, "The column that names examples.", usual="row numbers")
    drop: tuple[str, ...] = option((), "A column not to learn from, may be repeated.")
    task: str | None = option(None, _TASK, usual="found from the target")
    test_share: float = option(0.3, "Share of the checked examples to hold back.")
    image_size: int | None = option(None, "Pixels a side.", usual=_SIZE, least=1, most=4096)
    text_length: int | None = option(
        None, "Tokens a text.", usual="from the data, at most 128; of pairs 128", least=1, most=4096
    )

    def __post_init__(self) -> None:
        check(self)
        check_task(self.task)
        if not 0 < self.test_share < 1:
            raise BadInput(
                f"the share held back for testing is {self.test_share}: give one between 0 and 1, such as 0.3"
            )

    @property
    def name(self) -> str:
        """What people call the data: the name of the file or folder."""
        return Path(self.train).resolve().name
