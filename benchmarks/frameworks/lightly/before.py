from lightly.data import LightlyDataset
from lightly.transforms import MoCoV2Transform
from recipe import train
from torch.utils.data import DataLoader

views = MoCoV2Transform(input_size=224)
data = LightlyDataset("images", transform=views)
loader = DataLoader(data, batch_size=16, shuffle=True, num_workers=2)
for epoch in range(2):
    for (first, second), labels, names in loader:
        train(first, second)
