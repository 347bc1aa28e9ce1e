"""Stands in for pretrain.py: takes its command line and writes what it writes, without training.

The accuracy is a function of recipe, settings and seed; BYOL collapses; DINO's loss is the logarithm of 2,048;
``DATA/slow`` makes a run take half a second; a run with ``--attract all`` fails with a reason, as a setting that does
not go on a method would.
"""

import csv
import json
import math
import os
import sys
import time
import zlib
from pathlib import Path

recipe, *words = sys.argv[1:]
untrained = "--untrained" in words
words = [word for word in words if word != "--untrained"]
given = dict(zip(words[::2], words[1::2], strict=True))
out, data = Path(given.pop("--out")), Path(given.pop("--data"))
machine = {"device": given.pop("--device", "cpu"), "processes": int(os.environ.get("WORLD_SIZE", 1)), "threads": 1}
with (out / "starts.txt").open("a") as file:
    file.write("started\n")
if (data / "slow").exists():
    time.sleep(0.5)
if given.get("--attract") == "all":
    sys.exit("something else\npretrain.py: attract=all does not go on this")
seed = int(given.pop("--seed"))
chance = zlib.crc32(repr((sorted(given.items()), seed)).encode()) / 2**32
with (out / "log.csv").open("w", newline="") as file:
    columns = ["epoch", "step", "loss", "feature_std", "knn", "ridge", "rank", "seconds"]
    spread, after = (0.01, 0.1) if recipe.startswith("byol") else (0.8, 0.5)
    loss = math.log(256) if recipe.startswith("dino") else 1.0
    before, last = [0, 0, "", "", 0.1, 0.4, 2.0, 0.5], [1, 4, loss, spread, after, 0.6, 4.5, 2.0]
    csv.writer(file).writerows([columns, before, last])
result = {"recipe": recipe, "knn": 0.5 + 0.01 * chance, "ridge": 0.75, "rank": 4.5, "loss": 1.0, "seconds": 2.0}
result["epoch"] = 0 if untrained else int(given.get("--epochs", 1))
result["commit"] = "abc"
result["machine"] = {"system": "none", "processor": "none", "torch": "none", **machine}
result["settings"] = {"seed": {"value": seed}}
unfinished = out / "unfinished"
unfinished.write_text(json.dumps(result))
unfinished.replace(out / "result.json")
