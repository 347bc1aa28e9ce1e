from recipe import Blur, train
from torch.utils.data import DataLoader
from torchvision import transforms
from torchvision.datasets import ImageFolder
from torchvision.transforms import v2

from jointaug import JointCrop, PerView, fuse

tail = [
    transforms.RandomApply([transforms.ColorJitter(0.4, 0.4, 0.4, 0.1)], p=0.8),
    transforms.RandomGrayscale(p=0.2),
    transforms.RandomApply([Blur()], p=0.5),
    transforms.RandomHorizontalFlip(),
    transforms.ToTensor(),
    transforms.Normalize(mean=[0.485, 0.456, 0.406], std=[0.229, 0.224, 0.225]),
]
views = fuse(v2.Compose([JointCrop(224, scale=(0.2, 1.0), beta=0), PerView(transforms.Compose(tail))]))
data = ImageFolder("images", views)
loader = DataLoader(data, batch_size=16, shuffle=True, num_workers=2)
for epoch in range(2):
    for (first, second), labels in loader:
        train(first, second)
