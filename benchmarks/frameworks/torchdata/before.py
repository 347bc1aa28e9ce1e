from recipe import TwoCrops, tail, train
from torchdata.stateful_dataloader import StatefulDataLoader
from torchvision.datasets import ImageFolder
from torchvision.transforms import v2

views = TwoCrops(v2.Compose([v2.RandomResizedCrop(224, scale=(0.2, 1.0)), tail]))
data = ImageFolder("images", views)
loader = StatefulDataLoader(data, batch_size=16, shuffle=True, num_workers=2)
for epoch in range(2):
    for (first, second), labels in loader:
        train(first, second)
        state = loader.state_dict()  # with the model's, into a checkpoint
