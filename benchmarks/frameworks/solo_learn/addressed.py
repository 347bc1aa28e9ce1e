from recipe import tail, train
from solo.utils.pretrain_dataloader import prepare_datasets
from torch.utils.data import DataLoader
from torchvision.transforms import v2

from jointaug import AddressedDataset, AddressedSampler, JointCrop, PerView, fuse

views = fuse(v2.Compose([JointCrop(224, scale=(0.2, 1.0), beta=0), PerView(tail)]))
data = AddressedDataset(prepare_datasets("custom", None, data_dir=".", train_dir="images"), views, seed=0)
loader = DataLoader(data, 16, sampler=AddressedSampler(data, shuffle=True), num_workers=2, drop_last=True)
for epoch in range(2):
    for index, (first, second), labels in loader:
        train(first, second)
