"""What methods are made of: backbones, their stages and weights, heads, momentum copies, batch normalization; LARS."""

from .backbone import Backbone, check_input
from .batch_norm import SplitBatchNorm, encode_shuffled, split_batch_norm, sync_batch_norm
from .heads import Encoder, mlp, require_widths
from .lars import LARS
from .momentum import cosine_to_one, follow, momentum_copy
from .residual import start_branches
from .resnet8 import ResNet8
from .stages import Stages
from .weights import digest_of, load_weights, read_weights

__all__ = [
    "LARS",
    "Backbone",
    "Encoder",
    "ResNet8",
    "SplitBatchNorm",
    "Stages",
    "check_input",
    "cosine_to_one",
    "digest_of",
    "encode_shuffled",
    "follow",
    "load_weights",
    "mlp",
    "momentum_copy",
    "read_weights",
    "require_widths",
    "split_batch_norm",
    "start_branches",
    "sync_batch_norm",
]
