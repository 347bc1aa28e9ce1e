from recipe import tail, train
from solo.utils.pretrain_dataloader import prepare_dataloader, prepare_datasets
from torchvision.transforms import v2

from jointaug import JointCrop, PerView, fuse

views = fuse(v2.Compose([JointCrop(224, scale=(0.2, 1.0), beta=0), PerView(tail)]))
data = prepare_datasets("custom", views, data_dir=".", train_dir="images")
loader = prepare_dataloader(data, batch_size=16, num_workers=2)
for epoch in range(2):
    for index, (first, second), labels in loader:
        train(first, second)
