from lightly.data import LightlyDataset
from lightly.transforms import SimCLRViewTransform
from recipe import train
from torch.utils.data import DataLoader
from torchvision.transforms import v2

from jointaug import JointCrop, PerView

crops = SimCLRViewTransform(input_size=224, min_scale=0.2, cj_strength=0.5)  # MoCo v2's
views = v2.Compose([JointCrop(224, scale=(0.2, 1.0), beta=0), PerView(v2.Compose(crops.transform.transforms[1:]))])
data = LightlyDataset("images", transform=views)
loader = DataLoader(data, batch_size=16, shuffle=True, num_workers=2)
for epoch in range(2):
    for (first, second), labels, names in loader:
        train(first, second)
