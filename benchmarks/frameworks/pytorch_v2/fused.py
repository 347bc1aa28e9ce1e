from recipe import tail, train
from torch.utils.data import DataLoader
from torchvision.datasets import ImageFolder
from torchvision.transforms import v2

from jointaug import JointCrop, PerView, fuse

views = fuse(v2.Compose([JointCrop(224, scale=(0.2, 1.0), beta=0), PerView(tail)]))
data = ImageFolder("images", views)
loader = DataLoader(data, batch_size=16, shuffle=True, num_workers=2)
for epoch in range(2):
    for (first, second), labels in loader:
        train(first, second)
