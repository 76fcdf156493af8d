"""From settings to a job: data, student, rule, reweigher, and what each epoch does and notes."""
