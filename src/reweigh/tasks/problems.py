"""What transformers calls tasks in a model's `config.problem_type`."""

ONE_LABEL = "single_label_classification"
SEVERAL_LABELS = "multi_label_classification"
NUMBERS = "regression"
