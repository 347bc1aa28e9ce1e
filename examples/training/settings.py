"""Every setting of a run that is no method's own; a method's are its constructor's keywords."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Settings:
    """One run of `pretrain.py`, without the method's own settings.

    A setting that may differ between views is one value, or one for each view: ``blur_p=(1.0, 0.1)``.
    """

    # What is trained
    method: str = "simclr"
    backbone: str = "resnet18"  # torchvision's name, or timm:NAME
    stem: str = "imagenet"  # of a ResNet: "imagenet", or "small" (3x3, stride 1, no pooling) for images of 32 px

    # How long, and with what
    epochs: int = 200
    batch: int = 256  # images of an optimizer step, over all processes and accumulated passes
    accumulate: int = 1  # passes that make one optimizer step
    optimizer: str = "sgd"  # sgd, adam, adamw, lars
    lr: float = 0.03
    lr_batch: int | None = 256  # lr is for this batch and scales linearly with it; None: lr as it stands
    momentum: float = 0.9
    nesterov: bool = False
    weight_decay: float = 1e-4
    decay_all: bool = True  # False: no decay (and in LARS no trust ratio) for biases and normalization
    schedule: str = "cosine"  # cosine, step, constant
    schedule_by: str = "step"  # the rate changes every "step" or every "epoch"
    warmup: float = 0.0  # epochs of linear warm-up
    warmup_steps: int = 0  # the same in optimizer steps (W-MSE); one of the two
    milestones: tuple[float, ...] = ()  # epochs (schedule "step"); below 0: before the end
    gamma: float = 0.1  # factor at each milestone
    floor: float = 0.0  # where the cosine ends, as a share of the peak
    clip: float | None = None  # norm of the gradient, each parameter's own (DINO)

    # Views, in the order of SPEC 0.4; jointaug's words
    size: int = 224
    crop: str = "independent"  # independent, joint, decoupled, reference, contrastive, center_suppressed
    beta: float = 0.0  # of crop="joint", "decoupled"
    scale: tuple[float, float] = (0.2, 1.0)
    alpha: float | None = None  # Beta(alpha, alpha) of a crop's place (contrastive, center_suppressed, joint)
    interpolation: str = "bilinear"
    original: bool = False  # an uncropped view first (LeOCLR)
    locals: int = 0  # further, smaller crops (multi-crop)
    local_size: int = 96
    local_scale: tuple[float, float] = (0.05, 0.14)
    sizes: tuple[int, ...] = ()  # several resolutions of each view (CLIM)
    share_box: bool = False  # of query and key at several resolutions (CLIM)
    flip: float = 0.5
    jitter: tuple[float, float, float, float] = (0.4, 0.4, 0.4, 0.1)  # brightness, contrast, saturation, hue
    jitter_p: float | tuple[float, ...] = 0.8
    joint_color: bool = False  # brightness and contrast from a joint law
    gray: float | tuple[float, ...] = 0.2
    blur: tuple[float, float] = (0.1, 2.0)  # sigma, in pixels of the view
    blur_p: float | tuple[float, ...] = 0.0
    joint_blur: bool = False
    joint_choice: bool = False  # JointCrop or JointBlur, one of the two for each pair (JointCrop, App. F)
    solarize: float | tuple[float, ...] = 0.0
    randaugment: tuple[int, int] | None = None  # operations, magnitude: instead of color, on the views named below
    randaugment_views: tuple[int, ...] = (1,)
    color_first: bool = False  # color before the crop (W-MSE's order)
    mean: tuple[float, float, float] = (0.485, 0.456, 0.406)
    std: tuple[float, float, float] = (0.229, 0.224, 0.225)

    # Difficulty weights (ScoreCL)
    weight: str | None = None  # score, random, pixel, saliency, lpips
    score: str | None = None  # the score network's checkpoint
    weight_kind: str = "vector"  # vector, norm_gap
    weight_p: int = 1

    # The run
    seed: int = 0
    precision: str = "float32"  # or "bfloat16": autocast
    channels_last: bool = True
    compile: bool = False
    workers: int = 0  # of the DataLoader, for folders; 0: the data set in the device's memory
    threads: int | None = None  # of torch, on a CPU
    checkpoint_every: float = 1.0  # epochs
    knn_every: int = 1  # epochs; 0: no monitor
    knn_k: int = 200
    knn_tau: float = 0.1
