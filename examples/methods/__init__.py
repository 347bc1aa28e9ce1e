"""One file a method; each reads like the algorithm box of its paper."""
