"""Learning rates against torch's schedulers and closed forms."""

from __future__ import annotations

import pytest
import torch
from torch.optim import SGD
from torch.optim.lr_scheduler import CosineAnnealingLR, MultiStepLR
from trainer.inputs.settings import Settings
from trainer.training.optimizers import peak_rate
from trainer.training.schedules import share

STEPS = 7  # of an epoch


def rates(scheduler_of, count: int) -> list[float]:
    optimizer = SGD([torch.zeros(1, requires_grad=True)], 1.0)
    scheduler = scheduler_of(optimizer)
    found = []
    for _ in range(count):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return found


@pytest.mark.parametrize("floor", [0.0, 0.1])
def test_cosine_by_step_is_torchs(floor):
    settings = Settings(epochs=5, floor=floor)
    wanted = rates(lambda optimizer: CosineAnnealingLR(optimizer, 5 * STEPS, floor), 5 * STEPS)
    assert [share(settings, step, STEPS) for step in range(5 * STEPS)] == pytest.approx(wanted, abs=1e-12)


def test_cosine_by_epoch_holds_the_rate_of_torchs_epoch():
    settings = Settings(epochs=5, schedule_by="epoch")
    wanted = rates(lambda optimizer: CosineAnnealingLR(optimizer, 5), 5)
    found = [share(settings, step, STEPS) for step in range(5 * STEPS)]
    assert found == pytest.approx([rate for rate in wanted for _ in range(STEPS)], abs=1e-12)


@pytest.mark.parametrize("milestones", [(2.0, 4.0), (-3.0, -1.0)])
def test_steps_are_torchs(milestones):
    settings = Settings(epochs=5, schedule="step", milestones=milestones, gamma=0.2)
    wanted = rates(lambda optimizer: MultiStepLR(optimizer, [2 * STEPS, 4 * STEPS], 0.2), 5 * STEPS)
    assert [share(settings, step, STEPS) for step in range(5 * STEPS)] == pytest.approx(wanted)


@pytest.mark.parametrize("given", [{"warmup": 2.0}, {"warmup_steps": 14}])
def test_warm_up_is_a_line_and_then_a_cosine_of_the_rest(given):
    settings = Settings(epochs=5, **given)
    wanted = [step / 14 for step in range(14)] + rates(lambda optimizer: CosineAnnealingLR(optimizer, 21), 21)
    assert [share(settings, step, STEPS) for step in range(35)] == pytest.approx(wanted, abs=1e-12)


def test_a_step_and_a_cosine_after_warm_up_change_at_an_epochs_first_step():
    """By epochs: a milestone in the middle of one counts from the next; the warm-up itself goes by steps."""
    stepped = Settings(epochs=5, schedule="step", schedule_by="epoch", milestones=(1.5,), gamma=0.2)
    assert [share(stepped, step, STEPS) for step in range(5 * STEPS)] == [1.0] * 2 * STEPS + [0.2] * 3 * STEPS
    stepped = Settings(epochs=5, schedule="step", milestones=(1.5,), gamma=0.2)
    assert [share(stepped, step, STEPS) for step in (10, 11)] == [1.0, 0.2]
    warm = Settings(epochs=5, warmup=1.0, schedule_by="epoch")
    falls = rates(lambda optimizer: CosineAnnealingLR(optimizer, 4), 4)
    wanted = [step / STEPS for step in range(STEPS)] + [rate for rate in falls for _ in range(STEPS)]
    assert [share(warm, step, STEPS) for step in range(5 * STEPS)] == pytest.approx(wanted, abs=1e-12)


def test_the_rate_scales_with_the_batch_if_it_is_said_for_one():
    assert peak_rate(Settings(lr=0.03, batch=512)) == pytest.approx(0.06)
    assert peak_rate(Settings(lr=0.03, batch=512, lr_batch=None)) == 0.03
