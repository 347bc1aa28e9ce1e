"""What is watched besides the loss: the embeddings' spread, and what the features are worth on held-out images."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision.transforms import v2

from jointaug import MultiView

from ..evaluation.knn import fair_k, weighted
from ..evaluation.rank import effective_rank
from ..evaluation.ridge import ridge
from ..inputs.feed import Request, feed
from ..inputs.settings import Settings
from ..inputs.sources import Source
from ..inputs.views import plain_view
from .distributed import Processes


class Embedder:
    """Embeds whole data sets: one view of every image, the network in eval mode, the work split over the processes.

    Args:
        settings: of the run.
        processes: the processes.
        view: of an image, without chance; by default a test's.
        batch: images at a time.
    """

    def __init__(
        self, settings: Settings, processes: Processes, view: v2.Compose | None = None, batch: int = 512
    ) -> None:
        self.settings, self.processes, self.batch = settings, processes, batch
        self._view = MultiView(plain_view(settings) if view is None else view)

    @torch.no_grad()
    def __call__(self, network: nn.Module, source: Source) -> Tensor:
        """Outputs ``[N, D]``, float32, for all images of a source, in its order."""
        processes, s, training = self.processes, self.settings, network.training
        served = feed(source, self._view, s.seed, processes.device, workers=s.workers)
        each = -(-len(source) // processes.count)  # as many in every process: the last rows are repeated
        mine = processes.part(torch.arange(each * processes.count).clamp(max=len(source) - 1))
        processes.share_buffers(network)
        network.eval()
        outputs = []
        for batch in served([Request(0, index) for index in torch.split(mine, self.batch)]):
            with torch.autocast(processes.device.type, torch.bfloat16, enabled=s.precision == "bfloat16"):
                outputs.append(network(batch.views[0]).float())
        network.train(training)
        return processes.gathered(torch.cat(outputs))[: len(source)]


@dataclass(frozen=True)
class Worth:
    """What the backbone's features are worth.

    Attributes:
        knn: accuracy of weighted k-NN, in [0, 1].
        ridge: accuracy of a ridge probe, likewise.
        rank: effective rank of the bank's features.
    """

    knn: float
    ridge: float
    rank: float


class Monitor:
    """k-NN and a ridge probe of the test set by images whose classes are known, on the backbone's features.

    Args:
        settings: of the run.
        embed: embeds a source.
        bank: in which neighbors are looked up, and from which the probe learns; labelled.
        test: the queries; labelled.
    """

    def __init__(self, settings: Settings, embed: Embedder, bank: Source, test: Source) -> None:
        self.settings, self.embed, self.bank, self.test = settings, embed, bank, test

    def __call__(self, encoder: nn.Module) -> Worth:
        """Of an encoder."""
        device = self.embed.processes.device
        assert self.bank.labels is not None
        assert self.test.labels is not None
        labels, wanted = self.bank.labels.to(device), self.test.labels.to(device)
        known, queries = self.embed(encoder, self.bank), self.embed(encoder, self.test)
        found = (
            weighted(known, labels, queries, fair_k(labels, self.settings.knn_k), self.settings.knn_tau),
            ridge(known, labels, queries),
        )
        knn, linear = (float((one == wanted).double().mean()) for one in found)
        return Worth(knn, linear, effective_rank(known))


class Spread:
    """How far a module's outputs are from a single point, on the unit sphere.

    The deviation of the normalized outputs' coordinates times the root of their number: ``sqrt(1 - c)`` with c the mean
    cosine of two outputs; 1 for directions that cancel out, 0 for a collapse.

    Args:
        module: whose outputs ``[B, D]`` are watched.
    """

    def __init__(self, module: nn.Module) -> None:
        self._last: Tensor | None = None
        module.register_forward_hook(self._keep)

    def _keep(self, module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:  # noqa: ARG002
        self._last = output.detach()

    def __call__(self) -> float:
        """Of the last batch that the module saw."""
        assert self._last is not None
        directions = F.normalize(self._last.float(), dim=1)
        return float(directions.var(0, unbiased=False).sum().sqrt())
