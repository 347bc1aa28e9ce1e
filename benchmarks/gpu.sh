#!/usr/bin/env bash
# All that needs a GPU, in under 10 minutes: correctness on CUDA, then throughput. Uses the python3 that has torch for this
# device, with jointaug from this checkout; kornia and torchaug are measured if they are installed.
set -euo pipefail
cd "$(dirname "$0")/.."
python3 setup.py -q build_ext --inplace || echo "no native kernels: the CPU side runs on torch"
export PYTHONPATH=$PWD
timeout 200 python3 -m pytest -q -m gpu tests
cd benchmarks
timeout 380 python3 gpu.py "$@"
