"""Data sets whose examples have ids, corruptions with a known truth, and clean sets to learn from."""

from .augment import augment as augment
from .catalogue import NAMES as NAMES
from .catalogue import load as load
from .cifar_n import human_labels as human_labels
from .download import Progress as Progress
from .examples import Examples as Examples
from .examples import Splits as Splits
from .files import DownloadFailed as DownloadFailed
from .imbalance import long_tail as long_tail
from .imbalance import two_class as two_class
from .loader import Loader as Loader
from .loader import Portion as Portion
from .noise import Corruption as Corruption
from .noise_settings import Noise as Noise
from .noise_settings import parse_noise as parse_noise
from .roots import data_root as data_root
from .source import Source as Source
from .split import Split as Split
from .split import clean_split as clean_split
from .split import random_clean_split as random_clean_split
