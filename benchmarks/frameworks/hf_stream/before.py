from datasets import load_dataset
from recipe import TwoCrops, tail, train
from torch.utils.data import DataLoader
from torchvision.transforms import v2

views = TwoCrops(v2.Compose([v2.RandomResizedCrop(224, scale=(0.2, 1.0)), tail]))


def rows_of_views(rows):
    return {"image": [views(image) for image in rows["image"]], "label": rows["label"]}


data = load_dataset("imagefolder", data_dir="images", split="train", streaming=True).shuffle(buffer_size=64)
data = data.map(rows_of_views, batched=True, batch_size=16)
loader = DataLoader(data, batch_size=16, num_workers=2)
for epoch in range(2):
    data.set_epoch(epoch)
    for batch in loader:
        first, second = batch["image"]
        train(first, second)
