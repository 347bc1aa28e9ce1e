from recipe import TwoCrops, tail, train
from timm.data import ImageDataset
from timm.data.distributed_sampler import RepeatAugSampler
from torch.utils.data import DataLoader
from torchvision.transforms import v2

views = TwoCrops(v2.Compose([v2.RandomResizedCrop(224, scale=(0.2, 1.0)), tail]))
data = ImageDataset("images", transform=views)
sampler = RepeatAugSampler(data, num_replicas=1, rank=0, num_repeats=3, selected_round=0)
loader = DataLoader(data, batch_size=16, sampler=sampler, num_workers=2)
for epoch in range(2):
    loader.sampler.set_epoch(epoch)
    for (first, second), labels in loader:
        train(first, second)
