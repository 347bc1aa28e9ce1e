"""What a result is kept with: whole files, the machine, the versions, the intervals of what was measured."""
