from recipe import tail, train
from torch.utils.data import DataLoader
from torchvision.datasets import ImageFolder
from torchvision.transforms import v2

from jointaug import AddressedDataset, AddressedSampler, JointCrop, PerView, fuse

views = fuse(v2.Compose([JointCrop(224, scale=(0.2, 1.0), beta=0), PerView(tail)]))
data = AddressedDataset(ImageFolder("images"), views, seed=0)
loader = DataLoader(data, batch_size=16, sampler=AddressedSampler(data, shuffle=True), num_workers=2)
for epoch in range(2):
    for (first, second), labels in loader:
        train(first, second)
