#!/usr/bin/env bash
# The trainer on a GPU. First the step's ratio to the bare network step, then 200 epochs of SimCLR on CIFAR-10 (ResNet-18 with
# the 3x3 stem, batch 512, bf16, channels-last; public k-NN figures: .83 to .85), then every method for MINUTES each.
#
#   benchmarks/gpu_trainer.sh /data/cifar10 runs/gpu [MINUTES]
#
# It goes on where it stopped: a finished run is passed over, an interrupted one resumed. The python3 on the path is the one
# that has torch for this device.
set -euo pipefail
data=$(realpath "$1") out=$(realpath -m "$2") minutes=${3:-3}
cd "$(dirname "$0")/.."
python3 setup.py -q build_ext --inplace || echo "no native kernels: the CPU side runs on torch"
export PYTHONPATH=$PWD
(cd benchmarks && python3 trainer.py --device cuda --write)

gpu=(--stem small --precision bfloat16 --channels_last true --device cuda --data "$data")
python3 examples/pretrain.py simclr-cifar10 "${gpu[@]}" --out "$out/simclr-200"

for recipe in moco1 moco2 mocov3 byol simsiam dino vicreg wmse npid npid2 \
    leoclr interclr-npid2 interclr-moco2 interclr-byol clim jointcrop-simclr; do
    python3 examples/pretrain.py "$recipe-cifar10" "${gpu[@]}" --minutes "$minutes" --out "$out/$recipe" \
        || [[ $? == 130 ]]  # stopped after so many minutes
done
for table in "$out"/*/log.csv; do
    echo "$(basename "$(dirname "$table")"): $(tail -n 1 "$table")"
done
