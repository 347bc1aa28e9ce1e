#!/usr/bin/env bash
# All that needs a GPU, in half an hour, in calls of ten minutes: `half_hour.py` says which stages there are, and
# `--carry` what must travel with the checkout. Uses the python3 that has torch for this device; neither git nor sybil
# nor an installed jointaug is needed.
#
#   benchmarks/gpu.sh --stages 1-5     # then 6, then 7; results go to the folder that OUT or --out names
set -uo pipefail
cd "$(dirname "$0")/.."
exec python3 benchmarks/half_hour.py "$@"
