"""A run that starts from weights that are there: whose they may be, what starts from them, and where it is told."""

from __future__ import annotations

import json
from pathlib import Path

import export
import pretrain
import pytest
import torch
from torch import nn
from torchvision import models
from trainer.networks import digest_of
from trainer.training import loop

from .conftest import SMALL


@pytest.fixture
def command(toys: Path, one_thread: None) -> list[str]:
    return ["moco2-rendered", "--data", str(toys), *SMALL, "--epochs", "1", "--knn_every", "0"]


@pytest.fixture
def begun(monkeypatch: pytest.MonkeyPatch) -> list[nn.Module]:
    """The methods of runs that end before their first step."""
    methods: list[nn.Module] = []
    monkeypatch.setattr(loop.Run, "go", lambda run, _, **__: methods.append(run.method) or loop.Result(False, []))
    return methods


def saved(folder: Path, name: str, stem: str | None = None) -> dict[str, torch.Tensor]:
    """A folder with what a finished run leaves of its backbone."""
    folder.mkdir()
    torch.manual_seed(7)
    state = loop.Backbone(name, stem).state_dict()
    torch.save(state, folder / "backbone.pt")
    (folder / "settings.json").write_text(json.dumps({"backbone": name, "stem": stem}))
    return state


def test_a_run_an_export_and_one_of_two_encoders_are_the_same_start(command, tmp_path, begun, capsys):
    """Query and key encoders have the weights; their heads are those of the run without them."""
    state = saved(tmp_path / "run", "resnet8")
    assert export.main([str(tmp_path / "run"), str(tmp_path / "exported.pt")]) == 0
    both = {f"{side}.{key}": value + (side == "k") for side in "qk" for key, value in state.items()}
    torch.save({"state_dict": both}, tmp_path / "both.pth")
    assert pretrain.main([*command, "--out", str(tmp_path / "plain")]) == pretrain.INTERRUPTED
    for start, *more in (["run"], ["exported.pt"], ["both.pth", "--init-prefix", "q."]):
        given = [*command, "--out", str(tmp_path / f"of {start}"), "--init", str(tmp_path / start), *more]
        assert pretrain.main(given) == pretrain.INTERRUPTED
        assert f"the backbone starts from {tmp_path / start}, weights " in capsys.readouterr().out
    plain, *others = begun
    assert len(others) == 3
    for method in others:
        for encoder, fresh in ((method.f_q, plain.f_q), (method.f_k, plain.f_k)):
            assert (
                digest_of(encoder.backbone.state_dict()) == digest_of(state) != digest_of(fresh.backbone.state_dict())
            )
            assert digest_of(encoder.head.state_dict()) == digest_of(fresh.head.state_dict())


def test_torchvisions_file_is_a_start(tmp_path):
    """What a recipe would do to its branches is not done to weights that are there."""
    model = models.resnet18()
    torch.save(model.state_dict(), tmp_path / "torchvision.pth")
    settings = loop.Settings(init=str(tmp_path / "torchvision.pth"), last_gamma=0.0)
    backbone = loop.started(settings, loop.weights_in(settings.init))
    model.fc = nn.Identity()
    assert digest_of(backbone.state_dict()) == digest_of(model.state_dict())


def test_the_record_says_where_it_began_and_holds_the_run_to_it(command, tmp_path, capsys):
    saved(tmp_path / "run", "resnet8")
    words = [*command, "--init", str(tmp_path / "run"), "--out", str(tmp_path / "out")]
    assert pretrain.main(words) == 0
    digest = digest_of(torch.load(tmp_path / "run" / "backbone.pt", weights_only=True))
    told = {"value": str(tmp_path / "run"), "source": f"command line; weights {digest}"}
    assert json.loads((tmp_path / "out" / "settings.json").read_text())["init"] == told
    assert json.loads((tmp_path / "out" / "result.json").read_text())["settings"]["init"] == told
    (tmp_path / "run").rename(tmp_path / "moved")
    assert pretrain.main([*command, "--init", str(tmp_path / "moved"), "--out", str(tmp_path / "out")]) == 0
    assert pretrain.main([*command, "--out", str(tmp_path / "out")]) == 1
    assert f"init was '{digest}' and is now None" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--init", "nowhere"], "must be a finished run's folder, or a file with a state dict: there is no file"),
        (["--init", "empty"], "backbone.pt; a run writes backbone.pt at its end"),
        (["--init", "text.pt"], "it is cut short, or holds more than tensors"),
        (["--init", "18"], "must hold weights of the run's own network, got 18 of a resnet18: the weights are not"),
        (["--init", "18", "--backbone", "resnet18", "--stem", "small"], "conv1.weight is (64, 3, 7, 7), not (64"),
        (["--init", "both.pth"], "under 'k.', 'q.'; choose one with --init_prefix"),
        (["--init_prefix", "q."], "init_prefix is of the weights of --init, got init_prefix=q. with init=none; add"),
    ],
)
def test_weights_that_cannot_be_had_are_one_line(words, told, command, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    saved(Path("18"), "resnet18")
    Path("empty").mkdir()
    Path("text.pt").write_text("text")
    state = saved(Path("8"), "resnet8")
    torch.save({f"{side}.{key}": value for side in "qk" for key, value in state.items()}, "both.pth")
    assert pretrain.main([*command, *words, "--out", "out"]) == 1
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert told in line
    assert not Path("out").exists()
