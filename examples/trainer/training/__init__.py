"""The machinery that all methods share: processes, optimizers, schedules, steps, checkpoints, logs, the loop."""
