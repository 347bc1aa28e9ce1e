"""What methods are made of: backbones and their stages, heads, momentum copies, batch normalization in parts; LARS."""

from .backbone import Backbone, check_input
from .batch_norm import SplitBatchNorm, encode_shuffled, split_batch_norm, sync_batch_norm
from .heads import Encoder, mlp, require_widths
from .lars import LARS
from .momentum import cosine_to_one, follow, momentum_copy
from .residual import start_branches
from .resnet8 import ResNet8
from .stages import Stages

__all__ = [
    "LARS",
    "Backbone",
    "Encoder",
    "ResNet8",
    "SplitBatchNorm",
    "Stages",
    "check_input",
    "cosine_to_one",
    "encode_shuffled",
    "follow",
    "mlp",
    "momentum_copy",
    "require_widths",
    "split_batch_norm",
    "start_branches",
    "sync_batch_norm",
]
