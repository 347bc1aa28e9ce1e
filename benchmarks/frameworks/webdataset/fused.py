import webdataset
from recipe import tail, train
from torch.utils.data import DataLoader
from torchvision.transforms import v2

from jointaug import JointCrop, PerView, fuse

views = fuse(v2.Compose([JointCrop(224, scale=(0.2, 1.0), beta=0), PerView(tail)]))
data = webdataset.WebDataset("shards/{0..1}.tar", shardshuffle=False).shuffle(64).decode("pil")
data = data.map_dict(jpg=views)
loader = DataLoader(data, batch_size=16, num_workers=2)
for epoch in range(2):
    for batch in loader:
        first, second = batch["jpg"]
        train(first, second)
