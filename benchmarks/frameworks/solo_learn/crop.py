from recipe import train
from solo.utils.pretrain_dataloader import prepare_dataloader, prepare_datasets, prepare_transform
from torchvision.transforms import v2

from jointaug import JointCrop, PerView

crops = prepare_transform("custom", brightness=0.4, contrast=0.4, saturation=0.4, hue=0.1, min_scale=0.2)
views = v2.Compose([JointCrop(224, scale=(0.2, 1.0), beta=0), PerView(v2.Compose(crops.transform.transforms[1:]))])
data = prepare_datasets("custom", views, data_dir=".", train_dir="images")
loader = prepare_dataloader(data, batch_size=16, num_workers=2)
for epoch in range(2):
    for index, (first, second), labels in loader:
        train(first, second)
