#!/usr/bin/env bash
# Make .venv-peers, an environment for the benchmarks: this checkout, the pinned pair, and the libraries it is held against.
# torchaug's metadata asks for an older torchvision and its plain install would replace torch, so it comes without dependencies.
set -euo pipefail
cd "$(dirname "$0")/.."
python3 -m venv .venv-peers
pip=.venv-peers/bin/pip
$pip install -q -c constraints.txt torch torchvision setuptools wheel
$pip install -q -c constraints.txt --no-build-isolation -e '.[examples]' -e examples
$pip install -q -c constraints.txt kornia albumentations opencv-python-headless faiss-cpu scikit-learn numba
$pip install -q -c constraints.txt --no-deps torchaug lightning-utilities
$pip install -q -c constraints.txt lightly
.venv-peers/bin/python -c "import torch, torchvision; print('torch', torch.__version__, 'torchvision', torchvision.__version__)"
