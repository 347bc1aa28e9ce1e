"""What is compiled: C in ``csrc``, and the library that is made of it."""
