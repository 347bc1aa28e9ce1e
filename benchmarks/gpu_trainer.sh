#!/usr/bin/env bash
# The trainer on a GPU, in parts: each ends within ten minutes, all four together within half an hour.
#
#   step      the training step's ratio to the bare network step
#   long      SimCLR on CIFAR-10 (ResNet-18 with the 3x3 stem, batch 512, bf16, channels-last), 200 epochs or as far as
#             it comes in a part's time (public k-NN figures of 200 epochs: .83 to .85); call it again to go on
#   methods   17 recipes, a few epochs each: that they run, how fast, how the loss starts
#   options   ContrastiveCrop, multi-crop, torch.compile, ScoreCL, likewise
#
#   benchmarks/gpu_trainer.sh DATA RUNS PART [SECONDS]
#
# DATA is as pretrain.py takes it, RUNS the folder of the runs, and SECONDS a part's time, if not its own.
# What a part's time does not reach is named, and the exit code is 1; the same command goes on there: a run that had its
# share is passed over, an interrupted one is resumed. Where the environment has OUT, the step's figures and the runs'
# tables are copied there (the figures else go to benchmarks/results). The python3 on the path is the one that has torch
# for this device; jointaug need not be installed, and git is not needed. DEVICE=cpu tries it out.
set -euo pipefail
data=$1 out=$(realpath -m "$2") part=$3
declare -A seconds_of=([step]=120 [long]=420 [methods]=570 [options]=400)
budget=${4:-${seconds_of[$part]:-0}}
[[ $data == *:* ]] && data=${data%%:*}:$(realpath "${data#*:}") || { [[ $data == rendered ]] || data=$(realpath "$data"); }
[[ -z ${OUT:-} ]] || export OUT=$(realpath -m "$OUT")
cd "$(dirname "$0")/.."
python3 setup.py -q build_ext --inplace || echo "no native kernels: the CPU side runs on torch"
export PYTHONPATH=$PWD:$PWD/examples
mkdir -p "$out"
left() { echo $((budget - SECONDS)); }

common=(--stem small --precision bfloat16 --channels_last true --device "${DEVICE:-cuda}" --data "$data")
share=20 start=8 failed=0  # seconds of a short run's training, which ends with an epoch; and until it trains
run() {  # name, seconds, recipe, settings
    local name=$1 seconds=$2 recipe=$3-cifar10 code=0
    [[ ! -e $out/$name.had ]] || return 0
    if (($(left) < start + seconds)); then
        echo "not reached: $name"
        failed=1
        return 0
    fi
    timeout -s INT -k 20 "$(left)" python3 examples/pretrain.py "$recipe" "${common[@]}" --out "$out/$name" \
        --minutes "$(awk "BEGIN {print $seconds / 60}")" "${@:4}" || code=$?
    case $code in
        0 | 130) touch "$out/$name.had" ;;  # 130: stopped after its share
        124) failed=1 && echo "cut short: $name" ;;
        *) failed=1 && echo "failed: $name ($code)" ;;
    esac
}

case $part in
    step)
        (cd benchmarks && timeout "$(left)" python3 training_step.py --device "${DEVICE:-cuda}" --write) || failed=1
        ;;
    long)
        rm -f "$out/simclr-200.had"
        run simclr-200 $((budget - SECONDS - 2 * start)) simclr --epochs 200
        ;;
    methods)
        for recipe in moco1 moco2 mocov3 byol simsiam dino vicreg wmse npid npid2 \
            leoclr leoclr-e2e interclr-npid2 interclr-moco2 interclr-byol clim jointcrop-simclr; do
            run "$recipe" $share "$recipe"
        done
        ;;
    options)
        run contrastive-crop $share simclr --crop contrastive --epochs 10 --warmup 1
        run multi-crop $share dino --locals 4 --local_size 16
        run compiled $((3 * share)) simclr --compile true
        if [[ $data != *:* && $data != rendered ]]; then  # its score network is trained on a folder of images
            score="$out/score/score.pt"
            [[ -s $score ]] || timeout "$(left)" python3 examples/figures/scorecl.py 1 --data "$data" --steps 2000 \
                --out "$out/score" || failed=1
            run scorecl $share scorecl-simclr --score "$score"
        fi
        ;;
    *)
        echo "PART must be step, long, methods or options, got '$part'" >&2
        exit 2
        ;;
esac
for table in "$out"/*/log.csv; do
    [[ -e $table ]] || continue
    folder=$(dirname "$table") name=$(basename "$(dirname "$table")")
    echo "$name: $(tail -n 1 "$table")"
    if [[ -n ${OUT:-} ]]; then
        mkdir -p "$OUT/trainer/$name"
        find "$folder" -maxdepth 1 \( -name '*.csv' -o -name '*.json' \) -exec cp {} "$OUT/trainer/$name" \;
    fi
done
exit $failed
