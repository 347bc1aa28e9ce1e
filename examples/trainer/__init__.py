"""The reference trainer, in rooms; each imports from those before it.

record, inputs, networks, methods, evaluation, detection, papers, training. The scripts beside this package are its
commands.
"""
