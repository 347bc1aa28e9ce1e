from datasets import load_dataset
from recipe import tail, train
from torch.utils.data import DataLoader
from torchvision.transforms import v2

from jointaug import AddressedDataset, AddressedSampler, JointCrop, PerView, fuse

views = v2.Compose([JointCrop(224, scale=(0.2, 1.0), beta=0), PerView(tail)])
data = load_dataset("imagefolder", data_dir="images", split="train")
data = AddressedDataset(data, fuse(views), seed=0)
loader = DataLoader(data, batch_size=16, sampler=AddressedSampler(data, shuffle=True), num_workers=2)
for epoch in range(2):
    for batch in loader:
        first, second = (view["image"] for view in batch)
        train(first, second)
