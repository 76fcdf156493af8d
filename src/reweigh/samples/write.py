"""All samples in one folder, whole or not at all."""

from pathlib import Path

from reweigh.apply.written import whole_folder
from reweigh.errors import BadInput
from reweigh.samples.messages import MESSAGES
from reweigh.samples.photographs import PHOTOGRAPHS
from reweigh.samples.sample import Sample
from reweigh.samples.sentences import SENTENCES
from reweigh.samples.tumours import TUMOURS

SAMPLES: tuple[Sample, ...] = (TUMOURS, PHOTOGRAPHS, MESSAGES, SENTENCES)
README, SETTINGS = "README.txt", "mine.yaml"
_SETTINGS = "train: noisy.csv\nclean: checked.csv\ntarget: label\nrule: class-aware\nepochs: 20\n"
_SOURCES = """\
The table is the Wisconsin diagnostic breast cancer set (W. Wolberg, N. Street, O. Mangasarian; UCI, CC BY 4.0), and the
photographs are "china" and "flower", as scikit-learn ships them. Their photographers, whom scikit-learn names as
danielbuechele and vultilion on Flickr, gave them under CC BY 2.0 (https://creativecommons.org/licenses/by/2.0/); here they
are cut into tiles. Texts and pairs of sentences are made by rules. Labels were made wrong on purpose: nothing here is
medical data to rely on.
"""


def write_samples(folder: Path) -> None:
    """Every sample's files below `folder`, which is not there before; the same files each time.

    Raises:
        BadInput: if `folder` exists.
        MissingExtra: if scikit-learn is not installed.
        ReweighError: if the disk refuses.
    """
    folder = folder.absolute()
    if folder.exists() or folder.is_symlink():
        raise BadInput(f"{folder} exists: name a folder that is not there yet")
    with whole_folder(folder, overwrite=False) as part:
        for sample in SAMPLES:
            sample.write(part)
        (part / SETTINGS).write_text(_SETTINGS, encoding="utf-8")
        (part / README).write_text(_readme(), encoding="utf-8")


def _readme() -> str:
    parts = [f"{sample.title[0].upper()}{sample.title[1:]}:\n\n{_indented(sample)}" for sample in SAMPLES]
    return "\n".join(["Files to try the commands of reweigh's documentation on.\n", *parts, _SOURCES])


def _indented(sample: Sample) -> str:
    return "".join(f"  {command}\n" for command in sample.commands)
