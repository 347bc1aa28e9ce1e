import lightning
from lightning.pytorch.callbacks import ModelCheckpoint
from recipe import tail, train
from torchvision.datasets import ImageFolder
from torchvision.transforms import v2

from jointaug import JointCrop, PerView, fuse


class Model(lightning.LightningModule):
    def training_step(self, batch, _):
        (first, second), labels = batch
        train(first, second)

    def configure_optimizers(self):
        return None


views = fuse(v2.Compose([JointCrop(224, scale=(0.2, 1.0), beta=0), PerView(tail)]))
keep = ModelCheckpoint(dirpath="kept", filename="{step}", every_n_train_steps=1, save_top_k=-1)
for steps, checkpoint in ((3, None), (4, "kept/step=3.ckpt")):  # killed in the middle of epoch 1; what was left of it
    loader = views.loader(ImageFolder("images"), 16, seed=0, shuffle=True, num_workers=2)
    trainer = lightning.Trainer(max_steps=steps, callbacks=[keep], accelerator="cpu", logger=False)
    trainer.fit(Model(), loader, ckpt_path=checkpoint)
