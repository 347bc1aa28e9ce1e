from lightly.data import LightlyDataset
from lightly.transforms import SimCLRViewTransform
from lightly.transforms.multi_view_transform import MultiViewTransform
from recipe import train
from torch.utils.data import DataLoader

crops = SimCLRViewTransform(input_size=224, min_scale=0.2, cj_strength=0.5)  # MoCo v2's
views = MultiViewTransform([crops, crops])
data = LightlyDataset("images", transform=views)
loader = DataLoader(data, batch_size=16, shuffle=True, num_workers=2)
for epoch in range(2):
    for (first, second), labels, names in loader:
        train(first, second)
