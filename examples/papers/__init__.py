"""One file a paper: its recipes as data, and the numbers that it reports."""
