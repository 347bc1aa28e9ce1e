"""What do semi-hard negatives cost, beside sorting all similarities, and beside the product that any method needs?

    python benchmarks/negatives.py --write              # 256 queries, 16,384 of the nearest tenth of 200,000 rows
    python benchmarks/negatives.py --imagenet --device cuda --write

The released code of InterCLR sorts the similarities of each query to the whole bank, takes the nearest tenth and draws
from it by a permutation (it redraws rows of the query's own label, which is left out here, in its favor).

Operations: the product, 2 B N d: 13 GFLOP; 84 GFLOP at 1.28 M rows. A sort reads and writes the B N similarities,
205 MB, some twenty times; ours reads them once (to compare with a threshold from a sample, which leaves an eighth).
"""

from __future__ import annotations

import argparse

import torch
from interleaved import interleaved, ratio, save, summary
from kmeans import D, clustered
from torch.nn import functional as F

from jointaug.neighbors import STRATEGIES, sample_negatives

B, K = 256, 16_384


def measure(rows: int, device: str, turns: int) -> dict[str, object]:
    """All cases, in turn."""
    generator = torch.Generator(device).manual_seed(1)
    bank = clustered(rows, rows // 128, 1.0, device)
    labels = torch.randint(rows // 128, (rows,), generator=generator, device=device)
    index = torch.randperm(rows, generator=generator, device=device)[:B]
    noise = torch.randn(B, D, generator=generator, device=device)
    queries = F.normalize(bank[index] + 0.05 * noise, dim=1)
    scores = torch.empty(B, rows, device=device)

    def sorting() -> None:
        order = (queries @ bank.T).argsort(dim=1, descending=True)[:, : rows // 10]
        order[:, torch.randperm(rows // 10, device=device)[:K]]

    def waited(case: object) -> object:
        def call() -> None:
            case()  # type: ignore[operator]
            if device == "cuda":
                torch.cuda.synchronize()

        return call

    cases = {"sorting": sorting, "product": lambda: torch.mm(queries, bank.T, out=scores)}
    for strategy in STRATEGIES:
        cases[strategy] = lambda strategy=strategy: sample_negatives(queries, index, bank, labels, K, strategy=strategy)
    seconds = interleaved({name: waited(case) for name, case in cases.items()}, rounds=turns, least=0)
    return {
        "size": {"queries": B, "rows": rows, "width": D, "negatives": K, "threads": torch.get_num_threads()},
        "device": torch.cuda.get_device_name() if device == "cuda" else "cpu",
        "seconds": {name: summary(values) for name, values in seconds.items()},
        "ratio of semi-hard to sorting": ratio(seconds["semi-hard"], seconds["sorting"]),
    }


def main() -> None:
    """Measure, print, and with --write save."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--imagenet", action="store_true", help="1,281,167 rows")
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    parser.add_argument("--turns", type=int, default=7)
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    result = measure(1_281_167 if arguments.imagenet else 200_000, arguments.device, arguments.turns)
    for key, value in result.items():
        print(key, value)
    if arguments.write:
        name = "negatives" + ("_imagenet" if arguments.imagenet else "")
        print(save(name if arguments.device == "cpu" else f"{name}_{arguments.device}", result))


if __name__ == "__main__":
    main()
