import lightning
from recipe import TwoCrops, tail, train
from torch.utils.data import DataLoader
from torchvision.datasets import ImageFolder
from torchvision.transforms import v2


class Model(lightning.LightningModule):
    def training_step(self, batch, _):
        (first, second), labels = batch
        train(first, second)

    def configure_optimizers(self):
        return None


views = TwoCrops(v2.Compose([v2.RandomResizedCrop(224, scale=(0.2, 1.0)), tail]))
data = ImageFolder("images", views)
loader = DataLoader(data, batch_size=16, shuffle=True, num_workers=2)
trainer = lightning.Trainer(max_epochs=2, accelerator="cpu", logger=False, enable_checkpointing=False)
trainer.fit(Model(), loader)
