import webdataset
from recipe import TwoCrops, tail, train
from torch.utils.data import DataLoader
from torchvision.transforms import v2

views = TwoCrops(v2.Compose([v2.RandomResizedCrop(224, scale=(0.2, 1.0)), tail]))
data = webdataset.WebDataset("shards/{0..1}.tar", shardshuffle=False).shuffle(64).decode("pil")
data = data.map_dict(jpg=views)
loader = DataLoader(data, batch_size=16, num_workers=2)
for epoch in range(2):
    for batch in loader:
        first, second = batch["jpg"]
        train(first, second)
