#!/usr/bin/env bash
# All of the library that needs a GPU, in under 10 minutes (the trainer: gpu_trainer.sh): correctness on CUDA, then throughput,
# then neighbors at ImageNet's size. Uses the python3 that has torch for this device, with jointaug from this checkout; kornia
# and torchaug are measured if they are installed, and neither git nor sybil nor an installed jointaug is needed. Figures go to
# benchmarks/results, or to $OUT where the environment has that. A part that fails or runs out of its time does not keep the others from
# running; what it saved before stays.
set -uo pipefail
[[ -z ${OUT:-} ]] || export OUT=$(realpath -m "$OUT")
cd "$(dirname "$0")/.."
python3 setup.py -q build_ext --inplace || echo "no native kernels: the CPU side runs on torch"
export PYTHONPATH=$PWD:$PWD/examples
failed=0
timeout 150 python3 -m pytest -q -p no:cacheprovider -m gpu $(grep -rl "mark\.gpu" tests --include="test_*.py") || failed=1
cd benchmarks
timeout 320 python3 gpu.py "$@" || failed=1
timeout 90 python3 neighbors.py --device cuda --write || failed=1
exit $failed
