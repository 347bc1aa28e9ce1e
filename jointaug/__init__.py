"""Joint, paired and multi-view augmentation for contrastive learning, on top of ``torchvision.transforms.v2``."""
