from recipe import train
from solo.utils.pretrain_dataloader import (
    prepare_dataloader,
    prepare_datasets,
    prepare_n_crop_transform,
    prepare_transform,
)

crops = prepare_transform("custom", brightness=0.4, contrast=0.4, saturation=0.4, hue=0.1, min_scale=0.2)
views = prepare_n_crop_transform([crops], num_crops_per_aug=[2])
data = prepare_datasets("custom", views, data_dir=".", train_dir="images")
loader = prepare_dataloader(data, batch_size=16, num_workers=2)
for epoch in range(2):
    for index, (first, second), labels in loader:
        train(first, second)
