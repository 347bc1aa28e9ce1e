from datasets import load_dataset
from recipe import TwoCrops, tail, train
from torch.utils.data import DataLoader
from torchvision.transforms import v2

views = TwoCrops(v2.Compose([v2.RandomResizedCrop(224, scale=(0.2, 1.0)), tail]))


def rows_of_views(rows):
    return {"image": [views(image) for image in rows["image"]], "label": rows["label"]}


data = load_dataset("imagefolder", data_dir="images", split="train")
data.set_transform(rows_of_views)
loader = DataLoader(data, batch_size=16, shuffle=True, num_workers=2)
for epoch in range(2):
    for batch in loader:
        first, second = batch["image"]
        train(first, second)
