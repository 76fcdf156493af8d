"""The loop behind the command line: settings, data, epochs, checkpoints, the run folder, the demo."""
