from recipe import tail, train
from torchdata.stateful_dataloader import StatefulDataLoader
from torchvision.datasets import ImageFolder
from torchvision.transforms import v2

from jointaug import AddressedDataset, AddressedSampler, JointCrop, PerView, fuse

views = fuse(v2.Compose([JointCrop(224, scale=(0.2, 1.0), beta=0), PerView(tail)]))


def new_loader():
    data = AddressedDataset(ImageFolder("images"), views, seed=0)
    return StatefulDataLoader(data, batch_size=16, sampler=AddressedSampler(data, shuffle=True), num_workers=2)


loader = new_loader()
for (first, second), labels in loader:
    train(first, second)
for (first, second), labels in loader:  # killed in the middle of epoch 1
    train(first, second)
    state = loader.state_dict()
    break
loader = new_loader()
loader.load_state_dict(state)
for (first, second), labels in loader:  # what was left of it
    train(first, second)
