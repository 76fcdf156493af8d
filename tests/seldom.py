"""Families of like cases of which the usual suite runs one in so many, drawn by their names; `make test-slow` runs the rest.

Each family holds one promise on many models, rules or settings, and takes seconds; what is promised is asked in every suite.
"""

import zlib

import pytest

ONE_IN = {
    "alignment/test_selection.py::test_the_same_gradient_over_the_zoo": 2,
    "capture/test_changes.py::test_the_model_changes": 2,
    "capture/test_changes.py::test_what_a_criterion_holds_changes": 2,
    "capture/test_rules.py::test_a_rule_weighs_as_by_python": 3,
    "cases/test_dtypes.py::test_a_rule_gives_the_same_weights_under_every_default_type": 3,
    "cases/test_names.py::test_a_run_of_any_name": 3,
    "cases/test_one_bad_number.py::test_a_nan_example_leaves_a_rule_that_learns_as_it_was": 3,
    "cases/test_skipped_steps.py::test_as_if_it_had_not_been": 3,
    "cases/test_users_errors.py::test_an_error_in_any_pass_reaches_the_caller": 3,
    "data/own/test_held.py::test_encodings_and_examples_are_the_same": 3,
    "hosts/sklearn/test_checks.py::test_scikit_learns_own_checks": 3,
    "practice/test_compile.py::test_compiled_training": 3,
    "run/test_resume.py::test_killed_at_each_renaming_of_a_file": 2,
    "run/test_teacher.py::test_stopped_and_resumed_it_ends_the_same": 2,
    "tasks/test_learned_weights.py::test_a_resumed_run_gives_the_same_weights": 3,
    "test_laws.py::test_the_fused_backward_trains_as_plainly": 2,
    "test_laws_captured.py::test_recorded_passes_are_those_by_python": 2,
    "test_laws_modes.py::test_right_after_every_change": 2,
    "verdict/test_interval.py::test_intervals_hold_the_truth": 3,
}
"""By the file below `tests/` and the test's name."""


def is_seldom(item: pytest.Item) -> bool:
    """Whether a test is of such a family and not among those that are usual."""
    name = item.nodeid.removeprefix("tests/").partition("[")[0]
    return zlib.crc32(item.nodeid.encode()) % ONE_IN.get(name, 1) != 0
