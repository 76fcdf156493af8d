"""Families of like cases of which the usual suite runs one in so many, drawn by their names; `make test-slow` runs the rest.

Each family holds one promise on many models, rules or settings, and takes seconds; what is promised is asked in every suite.
"""

import zlib

import pytest

ONE_IN = {
    "alignment/test_against_unrolled.py::test_weights_of_the_look_ahead_differentiated_twice": 2,
    "alignment/test_selection.py::test_the_same_gradient_over_the_zoo": 3,
    "api/test_export.py::test_torch_export": 2,
    "apply/test_apply.py::test_it_trains_as_it_is_and_can_be_applied_to_again": 2,
    "benchmarks/test_torture.py::test_random_models_are_right_or_refused": 3,
    "capture/test_changes.py::test_the_model_changes": 2,
    "capture/test_changes.py::test_what_a_criterion_holds_changes": 2,
    "capture/test_rules.py::test_a_rule_weighs_as_by_python": 3,
    "cases/test_crafted_files.py::test_a_value_of_another_kind_in_the_summary": 2,
    "cases/test_dtypes.py::test_a_rule_gives_the_same_weights_under_every_default_type": 3,
    "cases/test_estimators.py::test_row_numbers_are_refused_by_every_meta_estimator_that_takes_some_rows": 2,
    "cases/test_extreme_sizes.py::test_the_sizes_of_losses_drop_out_of_l2rw": 2,
    "cases/test_mixing.py::test_hidden_states_that_begin_to_mix": 2,
    "cases/test_names.py::test_a_run_of_any_name": 3,
    "cases/test_one_bad_number.py::test_a_nan_example_leaves_a_rule_that_learns_as_it_was": 3,
    "cases/test_skipped_steps.py::test_as_if_it_had_not_been": 3,
    "cases/test_trainer.py::test_resumed_training_is_training_that_went_on": 2,
    "cases/test_trainer.py::test_weights_of_one_are_the_plain_trainer": 2,
    "cases/test_users_errors.py::test_an_error_in_any_pass_reaches_the_caller": 3,
    "data/own/test_held.py::test_encodings_and_examples_are_the_same": 3,
    "hosts/sklearn/test_checks.py::test_scikit_learns_own_checks": 6,
    "learning/test_learner.py::test_stopped_ten_times_it_ends_as_if_never_stopped": 2,
    "optimizers/test_reversible.py::test_steps_back_are_exact": 2,
    "practice/test_compile.py::test_compiled_training": 3,
    "recipes/test_finetune_lora.py::test_every_row_runs": 2,
    "review/test_suspects.py::test_what_is_said_is_what_the_audit_says": 2,
    "run/test_resume.py::test_killed_at_each_renaming_of_a_file": 2,
    "run/test_resume_own.py::test_killed_at_a_renaming_of_a_file": 2,
    "run/test_teacher.py::test_stopped_and_resumed_it_ends_the_same": 2,
    "run/test_translation_job.py::test_other_rules_weigh_pairs_too": 2,
    "tasks/test_learned_weights.py::test_a_resumed_run_gives_the_same_weights": 3,
    "test_laws.py::test_a_zero_weight_equals_an_absent_example": 2,
    "test_laws.py::test_asking_for_alignments_leaves_training_bit_for_bit": 2,
    "test_laws.py::test_the_fused_backward_trains_as_plainly": 2,
    "test_laws.py::test_weights_of_one_are_plain_training_bit_for_bit": 2,
    "test_laws_as_found.py::test_alignments_leave_all_as_found": 2,
    "test_laws_captured.py::test_recorded_passes_are_those_by_python": 2,
    "test_laws_modes.py::test_right_after_every_change": 2,
    "test_laws_modes.py::test_right_in_the_other_mode": 2,
    "test_laws_modes.py::test_right_under_autocast_and_after": 2,
    "verdict/test_interval.py::test_intervals_hold_the_truth": 3,
}
"""By the file below `tests/` and the test's name."""


def is_seldom(item: pytest.Item) -> bool:
    """Whether a test is of such a family and not among those that are usual."""
    name = item.nodeid.removeprefix("tests/").partition("[")[0]
    return zlib.crc32(item.nodeid.encode()) % ONE_IN.get(name, 1) != 0
