"""Which options go on top of which method, and why the others do not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..inputs.settings import Settings

OPTIONS: dict[str, str] = {
    "weight": "difficulty weights on an image's loss (ScoreCL, Algorithm 1): `weight`",
    "weight inside": "difficulty weights inside the logarithm (ScoreCL, eq. 6): `weight_inside`",
    "joint crop": "areas of two crops from a joint law, or its decoupled control: `crop`",
    "joint blur": "blurs of two views from a joint law, or its decoupled control: `blur_law`, `joint_choice`",
    "joint color": "brightness and contrast of two views from a joint law: `joint_color`",
    "multi-crop": "further, smaller crops: `locals`",
    "contrastive crop": "crops around where the network responds, or off the center: `crop`",
    "interclr": "a second loss between images of a cluster: `method=interclr, on=...`",
    "clim": "neighbors as positives, mixed: `method=clim`",
    "leoclr": "the whole image as the query: `method=leoclr`",
}
"""Every option, what it is, and the setting that turns it on."""

VARIANTS: tuple[str, ...] = (
    "simclr",
    "moco",
    "infomin",
    "mocov3",
    "byol",
    "simsiam",
    "dino",
    "vicreg",
    "wmse",
    "wmse, more than 2 views",
    "npid",
    "leoclr",
    "leoclr, end to end",
    "interclr on npid",
    "interclr on moco",
    "interclr on byol",
    "clim",
    "clim, several resolutions",
)
"""Every method, apart where its own settings decide what goes on top of it."""

_ONE_VIEW = "it sees one view of an image, and two are needed"
_TWO_VIEWS = "its loss is of two views, and no paper here trains it with more"
_RESOLUTIONS = "one crop and its colors are drawn once for all resolutions, not for a pair of views"
_MANY = "a joint law couples two views, and it has more"

_REASONS: dict[str, dict[str, str]] = {
    "weight": {
        "npid": _ONE_VIEW,
        "interclr on npid": _ONE_VIEW,
        "infomin": "its second query is a crop's pieces, and difficulty is that of two views",
        "leoclr, end to end": "its two pairs share the negatives of one batch, and its loss takes no weights of pairs",
        "clim": "its query is mixed of two images, and difficulty is that of two views of one",
        "clim, several resolutions": "its query is mixed of two images, and difficulty is that of two views of one",
    },
    "weight inside": {
        variant: "ScoreCL's eq. 6 is about the softmax over a batch of two views, SimCLR's alone"
        for variant in VARIANTS
        if variant != "simclr"
    },
    "joint crop": {
        "npid": _ONE_VIEW,
        "interclr on npid": _ONE_VIEW,
        "clim, several resolutions": _RESOLUTIONS,
        "wmse, more than 2 views": _MANY,
    },
    "joint blur": {
        "npid": _ONE_VIEW,
        "interclr on npid": _ONE_VIEW,
        "leoclr": _MANY,
        "leoclr, end to end": _MANY,
        "clim, several resolutions": _RESOLUTIONS,
        "wmse, more than 2 views": _MANY,
    },
    "multi-crop": {
        **dict.fromkeys(("simclr", "mocov3", "byol", "simsiam", "vicreg", "interclr on byol"), _TWO_VIEWS),
        "interclr on moco": _TWO_VIEWS,
        "npid": _ONE_VIEW,
        "interclr on npid": _ONE_VIEW,
        **dict.fromkeys(("leoclr", "leoclr, end to end"), "its query is the whole image, and its keys are two crops"),
        "clim, several resolutions": "its resolutions stand in the place of smaller crops",
    },
    "contrastive crop": {
        "npid": _ONE_VIEW,
        "interclr on npid": _ONE_VIEW,
        "clim, several resolutions": _RESOLUTIONS,
        "wmse, more than 2 views": "ContrastiveCrop makes two crops, and it has more views",
    },
    "interclr": {
        variant: "the paper's bases are NPIDv2, MoCo v2 and BYOL"
        for variant in VARIANTS
        if variant not in ("npid", "moco", "byol")
    },
    "clim": {variant: "the paper's base is MoCo v2" for variant in VARIANTS if variant != "moco"},
    "leoclr": {
        variant: "the paper's bases are MoCo v2 and, end to end, SimCLR"
        for variant in VARIANTS
        if variant not in ("moco", "simclr")
    },
}
_REASONS["joint color"] = _REASONS["joint blur"]


def variant(method: str, settings: Mapping[str, Any]) -> str:
    """The row of a method with its own settings."""
    if method == "interclr":
        return f"interclr on {settings.get('on', 'moco')}"
    if method == "leoclr" and settings.get("framework") == "simclr":
        return "leoclr, end to end"
    if method == "wmse" and settings.get("m", 2) > 2:
        return "wmse, more than 2 views"
    return method


def refusal(variant: str, option: str) -> str | None:
    """Why the option does not go on top of the variant of a method; None: it does.

    Raises:
        KeyError: for a variant or an option that is not in the table.
    """
    if variant not in VARIANTS:
        raise KeyError(f"variant must be one of {', '.join(VARIANTS)}, got {variant!r}")
    return _REASONS[option].get(variant)


def used(settings: Settings, method_settings: Mapping[str, Any]) -> list[str]:
    """The options that a run's settings turn on."""
    inside = bool(method_settings.get("weight_inside"))
    turned_on = {
        "weight": settings.weight is not None and not inside,
        "weight inside": inside,
        "joint crop": settings.crop in ("joint", "decoupled", "reference") or settings.joint_choice,
        "joint blur": settings.blur_law != "independent" or settings.joint_choice,
        "joint color": settings.joint_color,
        "multi-crop": settings.locals > 0,
        "contrastive crop": settings.crop in ("contrastive", "center_suppressed"),
    }
    return [option for option, on in turned_on.items() if on]


def check(settings: Settings, method_settings: Mapping[str, Any]) -> None:
    """Every option that is on goes on top of the method, and beside the others.

    Raises:
        ValueError: with the option, the method and the reason.
    """
    row = variant(settings.method, method_settings)
    if row == "clim" and settings.sizes:
        row = "clim, several resolutions"
    options = used(settings, method_settings)
    for option in options:
        reason = refusal(row, option)
        if reason is not None:
            raise ValueError(f"{option} does not go on {row}: {reason}; leave it out")
    if settings.half is not None and "weight inside" in options:
        raise ValueError(f"half={settings.half} does not go with weight_inside: its pairs have no weights; use one")
    if "weight" in options and "multi-crop" in options:
        raise ValueError("weight does not go with multi-crop: it is the difficulty of two views of one size; use one")
    if settings.color_first:
        later = [name for name in ("original", "locals", "joint_color", "joint_choice") if getattr(settings, name)]
        later += [name for name in ("crop", "blur_law") if getattr(settings, name) != "independent"]
        if later:
            raise ValueError(
                f"color_first does not go with {later[0]}={getattr(settings, later[0])}: each view has its color "
                "before a crop of its own, so that nothing couples them; leave one of them out"
            )
    if settings.joint_choice:
        others = [name for name in ("original", "locals") if getattr(settings, name)]
        if others:
            raise ValueError(
                f"joint_choice does not go with {others[0]}={getattr(settings, others[0])}: it is a joint crop or a "
                "joint blur of two views; leave one of them out"
            )
    pairing = {
        "crop": settings.crop == "joint" and settings.couple != "globals",
        "blur_law": settings.blur_law != "independent",
    }
    for name in (name for name, on in pairing.items() if on and settings.locals % 2):
        raise ValueError(
            f"locals must be even with {name}={getattr(settings, name)}, which couples smaller crops in pairs, got "
            f"{settings.locals}; take {settings.locals + 1}, or --{name} independent"
        )
    if settings.share_box and not settings.sizes:
        raise ValueError(
            f"share_box is of several resolutions, got sizes={settings.sizes}; add --sizes, or leave it out"
        )
    if settings.original and settings.method != "leoclr":
        raise ValueError(f"original does not go on {row}: an uncropped view is LeOCLR's query; leave it out")
    if settings.sizes and settings.method != "clim":
        raise ValueError(f"sizes does not go on {row}: views at several resolutions are CLIM's; leave it out")


def table() -> str:
    """The table in Markdown: a dot where an option goes on a method, else the number of the reason, which follow."""
    reasons: list[str] = []
    lines = ["| method | " + " | ".join(OPTIONS) + " |", "| --- |" + " :-: |" * len(OPTIONS)]
    for row in VARIANTS:
        cells = []
        for option in OPTIONS:
            reason = refusal(row, option)
            if reason is not None and reason not in reasons:
                reasons.append(reason)
            cells.append("●" if reason is None else str(reasons.index(reason) + 1))
        lines.append(f"| {row} | " + " | ".join(cells) + " |")
    return "\n".join([*lines, "", *(f"{number}. {reason}" for number, reason in enumerate(reasons, 1))])


if __name__ == "__main__":
    print(table())
