"""What can be learnt, one object a task: it encodes, collates, gives losses, scores, predicts, and has words for people."""

from reweigh.tasks.checks import check_labels as check_labels
from reweigh.tasks.classification import Classification as Classification
from reweigh.tasks.find import find_task as find_task
from reweigh.tasks.find import task_of as task_of
from reweigh.tasks.find import task_of_folders as task_of_folders
from reweigh.tasks.groups import Groups as Groups
from reweigh.tasks.language_model import LanguageModel as LanguageModel
from reweigh.tasks.measures import MEASURES as MEASURES
from reweigh.tasks.measures import Measure as Measure
from reweigh.tasks.measures import score_text as score_text
from reweigh.tasks.multi_label import MultiLabel as MultiLabel
from reweigh.tasks.registry import check_task as check_task
from reweigh.tasks.registry import column_tasks as column_tasks
from reweigh.tasks.registry import known_task as known_task
from reweigh.tasks.registry import task as task
from reweigh.tasks.registry import task_named as task_named
from reweigh.tasks.registry import use_task as use_task
from reweigh.tasks.regression import Regression as Regression
from reweigh.tasks.targets import Targets as Targets
from reweigh.tasks.targets import Writing as Writing
from reweigh.tasks.task import Judged as Judged
from reweigh.tasks.task import Overview as Overview
from reweigh.tasks.task import Task as Task
from reweigh.tasks.task import Words as Words
from reweigh.tasks.translation import Translation as Translation
