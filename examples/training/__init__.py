"""The machinery that all methods share: settings, views, data, networks, optimizers, checkpoints, the loop."""
