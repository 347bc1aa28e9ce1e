#!/usr/bin/env bash
# The trainer on a GPU. First the step's ratio to the bare network step, then 200 epochs of SimCLR on CIFAR-10 (ResNet-18 with
# the 3x3 stem, batch 512, bf16, channels-last; public k-NN figures: .83 to .85), then every method, ContrastiveCrop,
# multi-crop, ScoreCL and torch.compile for MINUTES each. With LONG, SimCLR stops after so many minutes, too.
#
#   benchmarks/gpu_trainer.sh /data/cifar10 runs/gpu [MINUTES] [LONG]
#
# It goes on where it stopped: a finished run is passed over, an interrupted one resumed. The python3 on the path is the one
# that has torch for this device.
set -euo pipefail
data=$1 out=$(realpath -m "$2") minutes=${3:-3} long=${4:-100000}
[[ $data == *:* ]] && data=${data%%:*}:$(realpath "${data#*:}") || data=$(realpath "$data")
cd "$(dirname "$0")/.."
python3 setup.py -q build_ext --inplace || echo "no native kernels: the CPU side runs on torch"
export PYTHONPATH=$PWD
(cd benchmarks && python3 trainer.py --device cuda --write)

gpu=(--stem small --precision bfloat16 --channels_last true --device cuda --data "$data")
run() {  # name, minutes, recipe, settings
    python3 examples/pretrain.py "$3-cifar10" "${gpu[@]}" --minutes "$2" --out "$out/$1" "${@:4}" || [[ $? == 130 ]]
}  # 130: stopped after so many minutes
run simclr-200 "$long" simclr

for recipe in moco1 moco2 mocov3 byol simsiam dino vicreg wmse npid npid2 \
    leoclr leoclr-e2e interclr-npid2 interclr-moco2 interclr-byol clim jointcrop-simclr; do
    run "$recipe" "$minutes" "$recipe"
done
run contrastive-crop "$minutes" simclr --crop contrastive --epochs 10 --warmup 1
run multi-crop "$minutes" dino --locals 4 --local_size 16
run compiled "$minutes" simclr --compile true
if [[ $data != *:* ]]; then  # its score network is trained on a folder of images
    score="$out/score/score.pt"
    [[ -s $score ]] || python3 examples/figures/scorecl.py 1 --data "$data" --steps 2000 --out "$out/score"
    run scorecl "$minutes" scorecl-simclr --score "$score"
fi
for table in "$out"/*/log.csv; do
    echo "$(basename "$(dirname "$table")"): $(tail -n 1 "$table")"
done
