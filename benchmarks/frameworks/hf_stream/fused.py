from datasets import load_dataset
from recipe import tail, train
from torch.utils.data import DataLoader
from torchvision.transforms import v2

from jointaug import JointCrop, PerView, fuse

views = v2.Compose([JointCrop(224, scale=(0.2, 1.0), beta=0), PerView(tail)])
data = load_dataset("imagefolder", data_dir="images", split="train", streaming=True).shuffle(buffer_size=64)
data = data.map(fuse(views), batched=True, batch_size=16)
loader = DataLoader(data, batch_size=16, num_workers=2)
for epoch in range(2):
    data.set_epoch(epoch)
    for batch in loader:
        first, second = batch["image"]
        train(first, second)
