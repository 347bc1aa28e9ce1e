"""What results are called, where a table of a paper asks for them as well as the protocol yields them."""

from __future__ import annotations


def in_percent(what: str) -> str:
    """A share, told in percent."""
    return f"{what}, %"


TOP_1, TOP_5, MEAN_PER_CLASS = map(in_percent, ("top-1", "top-5", "mean per class"))
WEIGHTED, MAJORITY = (f"{rule} {TOP_1}" for rule in ("weighted", "majority"))  # of k-NN
MAJORITY_PER_CLASS = f"majority {MEAN_PER_CLASS}"
WITHIN_CLASS, OF_ALL_PAIRS = (f"cosine {of}" for of in ("within a class", "of all pairs"))
MAP = in_percent("mAP")
CENTER, CROP = "center", "RandomResizedCrop(0.2, 1)"  # of one classifier's test images


def of_crop(crop: str) -> str:
    """Percent right on that crop of the test images."""
    return f"{crop}, {TOP_1}"


def at_shots(shots: int) -> str:
    """Mean average precision of machines that saw so many images of each class."""
    return in_percent(f"mAP at k = {shots}")


def best_stage(metric: str) -> str:
    """A metric of the stage that is best by its protocol's first one."""
    return f"best stage: {metric}"
