"""Works with what people train with: one file a habit, every engine in a training loop against a plain one."""
