import lightning
from recipe import tail, train
from torch.utils.data import DataLoader
from torchvision.datasets import ImageFolder
from torchvision.transforms import v2

from jointaug import AddressedDataset, AddressedSampler, JointCrop, PerView, fuse


class Model(lightning.LightningModule):
    def training_step(self, batch, _):
        (first, second), labels = batch
        train(first, second)

    def configure_optimizers(self):
        return None


views = fuse(v2.Compose([JointCrop(224, scale=(0.2, 1.0), beta=0), PerView(tail)]))
data = AddressedDataset(ImageFolder("images"), views, seed=0)
loader = DataLoader(data, batch_size=16, sampler=AddressedSampler(data, shuffle=True), num_workers=2)
trainer = lightning.Trainer(max_epochs=2, accelerator="cpu", logger=False, enable_checkpointing=False)
trainer.fit(Model(), loader)
