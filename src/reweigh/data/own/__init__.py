"""People's own data: tables, folders of images, texts and arrays, with a small checked part."""

from .encoding import Encoding as Encoding
from .names import Names as Names
from .own_data import NewData as NewData
from .own_data import OwnData as OwnData
from .read import read_new as read_new
from .read import read_own as read_own
from .sources import KINDS as KINDS
from .sources import Sources as Sources
