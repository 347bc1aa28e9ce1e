"""The command: every protocol on a small data set, against the functions behind them; and its complaints."""

from __future__ import annotations

import argparse
import csv
import json
import re
import shutil
from dataclasses import replace
from functools import partial

import evaluate
import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score
from torch import nn
from torch.nn import functional as F
from torchvision.transforms import v2
from trainer.evaluation import knn, linear, low_shot, svm
from trainer.evaluation.encoder import Encoder, open_encoder
from trainer.evaluation.images import Images, held_out_rows, open_images
from trainer.evaluation.probe import VALIDATION, Probe
from trainer.evaluation.protocols import PROTOCOLS
from trainer.evaluation.rank import effective_rank
from trainer.evaluation.ridge import ridge
from trainer.inputs.scenes import VOC, Scenes, write_voc
from trainer.inputs.sources import Pixels

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Noise around three colors, hard to tell apart, of two sizes: 20 of each to learn from and 10 to test on."""
    root, chance = tmp_path_factory.mktemp("data"), np.random.default_rng(0)
    for part, count in (("train", 20), ("test", 10)):
        for name, color in (("red", (126, 120, 120)), ("green", (120, 126, 120)), ("blue", (120, 120, 126))):
            (root / part / name).mkdir(parents=True)
            for i in range(count):
                pixels = chance.normal(color, 45, (16, 16 + 2 * (i % 2), 3)).clip(0, 255).astype(np.uint8)
                Image.fromarray(pixels).save(root / part / name / f"{i:02}.png")
    return str(root)


def run(data, out, *arguments, encoder="resnet18"):
    assert evaluate.main([encoder, "--data", data, "--size", "32", "--out", str(out), *arguments]) == 0
    with (out / "evaluation.csv").open(newline="") as file:
        return {(row["protocol"], row["metric"]): float(row["value"]) for row in csv.DictReader(file)}


@pytest.fixture(scope="module")
def all_protocols(data, tmp_path_factory):
    """The folder and the numbers of two calls that together run every kind of protocol."""
    out = tmp_path_factory.mktemp("out")
    torch.set_num_threads(1)
    run(data, out)
    return out, run(data, out, "linear:small", "linear:byol", "crops:small", "--epochs", "4", "--batch", "16")


def test_every_protocol_has_its_numbers(all_protocols):
    """Percentages and cosines in range; pictures that can be read; a table of all of it."""
    out, numbers = all_protocols
    kinds = {protocol for protocol, _ in numbers}
    assert kinds == {"knn", "ridge", "similarity", "retrieval", "tsne", "linear:small", "linear:byol", "crops:small"}
    for (_, metric), value in numbers.items():
        least, most = (0, 100) if metric.endswith("%") else (1, 59) if metric == "effective rank" else (-1, 20)
        assert least <= value <= most, (metric, value)
    found = {metric for protocol, metric in numbers if protocol == "retrieval"}
    assert found == {"hits at 1, %", "hits at 10, %", "cosine at 1", "cosine at 10"}
    for picture in ("retrieval.png", "tsne.png"):
        with Image.open(out / picture) as image:
            assert min(image.size) > 300
    assert len((out / "evaluation.md").read_text().splitlines()) == len(numbers) + 8
    assert json.loads((out / "evaluation.json").read_text())["subject"]["data"].endswith(
        "60 images to train on, 30 to test on, 3 classes"
    )


def test_numbers_are_those_of_the_functions(data, all_protocols):
    """k-NN at half the smallest class and at 5; the similarity as a mean over pairs."""
    encoder = open_encoder("resnet18", size=32)
    (x, y), (q, wanted) = ((encoder.features(of, encoder.center()), of.labels) for of in open_images(data, 32))
    numbers = all_protocols[1]
    right = (knn.weighted(x, y, q, 10, 0.1) == wanted).double().mean() * 100
    assert numbers["knn", "weighted top-1, %"] == pytest.approx(right.item())
    right = (knn.majority(x, y, q, 5) == wanted).double().mean() * 100
    assert numbers["knn", "majority top-1, %"] == pytest.approx(right.item())
    assert numbers["ridge", "top-1, %"] == pytest.approx((ridge(x, y, q) == wanted).double().mean().item() * 100)
    assert numbers["ridge", "effective rank"] == pytest.approx(effective_rank(x))
    unit = F.normalize(q.double())
    pairs = (unit @ unit.T)[~torch.eye(30, dtype=torch.bool)]
    assert numbers["similarity", "cosine of all pairs"] == pytest.approx(pairs.mean().item(), abs=1e-6)
    same = (wanted[:, None] == wanted)[~torch.eye(30, dtype=torch.bool)]
    assert numbers["similarity", "cosine within a class"] == pytest.approx(pairs[same].mean().item(), abs=1e-6)


def test_a_probe_on_precomputed_features_is_scikit_learns_regression(data, tmp_path):
    """Many steps reach the optimum of softmax regression on standardized features: the same predictions."""
    numbers = run(data, tmp_path, "linear:small", "--epochs", "300", "--batch", "60", "--lr", "0.003")
    encoder = open_encoder("resnet18", size=32)
    (x, y), (q, wanted) = ((encoder.features(of, encoder.center()), of.labels) for of in open_images(data, 32))
    mean, std = x.mean(0), (x.var(0, unbiased=False) + 1e-5).sqrt()
    # Each release stops elsewhere by its own tolerance, in single precision: up to two images of thirty away.
    model = LogisticRegression(C=1 / (1e-4 * 60), tol=1e-8, max_iter=1000).fit(((x - mean) / std).double(), y)
    theirs = 100 * model.score(((q - mean) / std).double(), wanted)
    assert numbers["linear:small", "top-1, %"] == pytest.approx(theirs, abs=100 / 30 + 0.01)  # one image of thirty
    assert numbers["linear:small", "training loss"] < 0.05


def test_a_run_is_repeatable_and_its_seed_counts(data, tmp_path):
    small = ("linear:moco", "--epochs", "1", "--batch", "16", "--lr", "0.1", "--images", "8")
    first, again = (run(data, tmp_path / name, *small) for name in "ab")
    other = run(data, tmp_path / "c", *small, "--seed", "1")
    assert first == again != other


def test_of_several_rates_the_best_on_held_out_images_counts(data, tmp_path):
    """At a rate of 1e-12 nothing is learned; it comes first and must lose."""
    arguments = ("linear:small", "--epochs", "30", "--batch", "16", "--seed", "1")
    both = run(data, tmp_path, *arguments, "--lr", "1e-12", "0.01")
    how = json.loads((tmp_path / "evaluation.json").read_text())["results"][0]["how"]
    assert "rate 0.01, 30 epochs, batch 16" in how
    alone = run(data, tmp_path / "alone", *arguments, "--lr", "1e-12")
    assert both["linear:small", "training loss"] < 0.5 < alone["linear:small", "training loss"]


class Seen(nn.Module):
    """A network whose features are the view."""

    def __init__(self, side):
        super().__init__()
        self.width = 3 * side * side

    def forward(self, x):
        return x.flatten(1)


def seeing(pixels, side, tmp_path):
    """An evaluation of a network that hands on its view, on these images, alternately of two classes."""
    labels = torch.arange(len(pixels)) % 2
    images = Images(Pixels(pixels, labels), torch.arange(len(pixels)), labels, ["even", "odd"])
    encoder = Encoder(Seen(side), "what it sees", size=side, mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0))
    options, _ = evaluate.arguments_of(["x", "--data", "x", "--out", str(tmp_path)])
    return evaluate.Evaluation(encoder, images, images, options)


@pytest.mark.parametrize(("name", "right"), [("contrastivecrop", 100.0), ("moco", 50.0)])
def test_contrastivecrops_probe_is_tested_on_whole_images(name, right, tmp_path, monkeypatch):
    """STL-10's 96 px: what differs is the outermost pixel, which a center crop cuts off."""
    pixels = torch.zeros(4, 3, 96, 96, dtype=torch.uint8)
    pixels[1::2, :, 0] = 255
    evaluation = seeing(pixels, 96, tmp_path)
    reads = lambda x: torch.stack([0.5 - x[:, 40], x[:, 40] - 0.5], 1)  # noqa: E731
    monkeypatch.setattr(linear, "train", lambda *_, **__: Probe([reads], [0.0]))
    top_1, _ = evaluation.linear(name)
    assert top_1.value == right
    if name == "contrastivecrop":
        torch.testing.assert_close(evaluation.frozen.features("test", "whole"), pixels.flatten(1) / 255)


def test_places_trains_on_random_crops_of_the_middle(tmp_path):
    """Of images 8 x 12, to be seen at 7 px: windows of the middle 8 x 8, unscaled, at all four places, or flipped."""
    pixels = torch.randint(256, (1, 3, 8, 12), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    evaluation = seeing(pixels.expand(40, -1, -1, -1), 7, tmp_path)
    middle = pixels[0, :, :, 2:10].float() / 255
    windows = [middle[:, top : top + 7, left : left + 7] for top in (0, 1) for left in (0, 1)]
    windows = torch.stack([w.flatten() for window in windows for w in (window, window.flip(2))])
    ((views, _),) = evaluation.frozen.batches(torch.arange(40), 40, PROTOCOLS["interclr-places"])(0)
    nearest = (views[:, None] - windows).abs().amax(2)
    assert nearest.amin(1).max() < 1e-5
    assert set(nearest.argmin(1).tolist()) == set(range(8))


@pytest.fixture
def evaluation(data, tmp_path):
    options, _ = evaluate.arguments_of(["resnet18", "--data", data, "--size", "32", "--out", str(tmp_path)])
    return evaluate.opened(options)


def test_test_images_and_held_out_ones_train_nothing_and_test_images_choose_nothing(evaluation, monkeypatch):
    """Of two heads one is right on test images alone, the other on the held-out tenth alone: the second is taken."""
    held_out = held_out_rows(evaluation.train.labels, VALIDATION, 0)
    sides = [
        (evaluation.features, evaluation.labels),
        (evaluation.train_features[held_out], evaluation.train_labels[held_out]),
    ]
    trained_on = []
    embed = evaluation.encoder.embed

    def noting(_, pixels, views, addresses):
        trained_on.extend(addresses.index.tolist())
        return embed(pixels, views, addresses)

    def knows(features, labels):
        answers = {tuple(row.tolist()): int(label) for row, label in zip(features, labels, strict=True)}
        return lambda x: F.one_hot(torch.tensor([answers.get(tuple(row.tolist()), 3) for row in x]), 4)

    def train(batches, *_, **__):
        assert sum(len(labels) for _, labels in batches(0)) == 54
        return Probe([knows(*side) for side in sides], [1.0, 2.0])

    monkeypatch.setattr(Encoder, "embed", noting)
    monkeypatch.setattr(linear, "train", train)
    monkeypatch.setitem(PROTOCOLS, "byol", replace(PROTOCOLS["byol"], rates=(0.2, 0.1)))
    top_1, loss = evaluation.linear("byol")
    assert "rate 0.1," in top_1.how
    assert (top_1.value, loss.value) == (0, 2)
    assert sorted(trained_on) == (~held_out).nonzero()[:, 0].tolist()


def test_where_papers_report_the_mean_of_the_classes_it_is_told(evaluation):
    """Of k-NN by majority and of ScoreCL's probe, which it chooses there; on fifteen test images, most of them red."""
    few = evaluation.test.subset(torch.tensor([*range(10), 10, 11, 12, 20, 21]))
    options = argparse.Namespace(**{**vars(evaluation.options), "data": "flowers102:none", "k": [5], "epochs": 1})
    of_flowers = evaluate.Evaluation(evaluation.encoder, evaluation.train, few, options)
    found = {result.metric: result.value for result in of_flowers.knn()}
    answers = knn.majority(of_flowers.train_features, of_flowers.train_labels, of_flowers.features, 5)
    assert found["majority mean per class, %"] == pytest.approx(100 * balanced_accuracy_score(few.labels, answers))
    assert found["majority mean per class, %"] != pytest.approx(found["majority top-1, %"])
    assert next(of_flowers.linear("scorecl")).metric == "mean per class, %"
    options.data = "cars:none"
    assert "majority mean per class, %" not in {result.metric for result in of_flowers.knn()}
    assert next(of_flowers.linear("scorecl")).metric == "top-1, %"


def test_a_probes_random_views_are_cropped_and_flipped(evaluation, monkeypatch):
    steps = []
    monkeypatch.setattr(Encoder, "views", lambda self, *given: steps.extend(given))
    evaluation.frozen.batches(torch.arange(4), 2, PROTOCOLS["moco"])
    crop, flip = steps
    assert (type(crop), crop.size, crop.scale) == (v2.RandomResizedCrop, (32, 32), (0.08, 1.0))
    assert (type(flip), flip.p) == (v2.RandomHorizontalFlip, 0.5)


def test_the_network_for_32_px_is_evaluated_like_the_others_with_its_runs_k(data, tmp_path):
    torch.save(open_encoder("resnet8", size=32, seed=3).network.state_dict(), tmp_path / "backbone.pt")
    settings = {"backbone": "resnet8", "stem": None, "size": 32, "knn_k": 7}
    (tmp_path / "settings.json").write_text(json.dumps(settings))
    assert evaluate.main([str(tmp_path), "knn", "ridge", "--data", data]) == 0
    results = json.loads((tmp_path / "evaluation.json").read_text())["results"]
    assert results[0]["how"] == "cosine, k 7, tau 0.1"
    assert [row["metric"] for row in results[2:]] == ["top-1, %", "effective rank"]


def test_a_size_that_the_network_for_32_px_does_not_take(data, tmp_path, capsys):
    with pytest.raises(SystemExit):
        evaluate.main(["resnet8", "knn", "--data", data, "--out", str(tmp_path)])
    assert "resnet8 takes images of 16 to 64 px, got 224 x 224; choose --size 32" in capsys.readouterr().err


def test_the_pictures_need_no_training_and_pretraining_settings_are_the_runs(data, tmp_path):
    """A run's folder is its own output folder, and says its architecture and size."""
    torch.save(open_encoder("resnet18", stem="small", seed=3).network.state_dict(), tmp_path / "backbone.pt")
    (tmp_path / "settings.json").write_text(json.dumps({"backbone": "resnet18", "stem": "small", "size": 16}))
    assert evaluate.main([str(tmp_path), "knn", "--data", data, "--images", "4", "--k", "1", "4"]) == 0
    document = json.loads((tmp_path / "evaluation.json").read_text())
    assert document["subject"]["view"] == "16 pixels"
    assert [row["how"] for row in document["results"]] == [
        "cosine, k 1, tau 0.1",
        "cosine, k 4, tau 0.1",
        "Euclidean, k 1",
        "Euclidean, k 4",
    ]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["resnet18", "linaer:moco"], "there is no protocol 'linaer:moco'; nearest: linear:moco"),
        (["resnet18", "knn", "--k", "21"], "--k must be at most 20, the images of the smallest class"),
        (["resnet18", "knn", "--k", "0"], "must be an integer of at least 1, got '0'"),
        (["resnet18", "knn", "--tau", "0"], "tau must be above 0, got 0.0"),
        (["resnet18", "knn", "--seed", "-1"], "must be an integer in [0, 2**63), got '-1'"),
        (["resnet18", "knn", "--prefix", "x."], "--prefix is of a state dict's keys, got 'x.' for resnet18 as init"),
        (["resnet18", "linear:moco", "--lr", "-1"], "must be a number of at least 0, got '-1'"),
        (["resnet18", "linear:moco", "--lr", "nan"], "must be a number of at least 0, got 'nan'"),
        (["resnet18", "linear:moco", "--epochs", "x"], "must be an integer of at least 1, got 'x'"),
        (
            ["resnet18", "linear:moco", "--precomputed", "--lr", "1e38", "--epochs", "2"],
            "the loss at rate 1e+38 is not finite",
        ),
        (["resnet81", "knn"], "no run and no file 'resnet81'"),
        (["squeezenet1_0", "knn"], "backbone must end in a linear layer, which squeezenet1_0 does not"),
        (
            ["resnet18", "knn", "--device", "cudaa"],
            "--device must be one that torch has here, such as cpu, got 'cudaa'",
        ),
        (["resnet18", "knn", "--data", "nowhere"], "nowhere"),
        (["timm:nothing_that_is", "knn"], "timm"),
        (["resnet8", "svm"], "--data must have images that show several objects for svm, got"),
        (["resnet18", "knn", "linear:moco", "--stages", "5"], "--stages is of svm, low-shot, linear:interclr and"),
        (["vit_b_32", "linear:interclr", "--size", "224"], "must have a stem and stages (layer1, layer2, ...)"),
    ],
)
def test_complaints(data, tmp_path, capsys, arguments, words):
    given = arguments if "--data" in arguments else [*arguments, "--data", data]
    with pytest.raises(SystemExit) as stop:
        evaluate.main([given[0], "--size", "32", "--out", str(tmp_path), *given[1:]])
    assert stop.value.code == 2
    assert words in " ".join(capsys.readouterr().err.split())


@pytest.fixture(scope="module")
def scenes(tmp_path_factory):
    """Sixty scenes of 32 px to learn from and forty to test on, as VOC 2007 lies."""
    root = tmp_path_factory.mktemp("scenes")
    write_voc(root, Scenes(60, size=32), Scenes(40, seed=1, size=32))
    return root


def test_machines_on_a_tree_of_voc(scenes, tmp_path):
    """By default of the last stage; few images, of two stages. Numbers are those of the functions."""
    ask = partial(run, f"voc07:{scenes}", tmp_path, "--threads", "1", encoder="resnet8")
    found = ask("svm")
    train, test = open_images(f"voc07:{scenes}", 32)
    last = open_encoder("resnet8", size=32).of_stages([4])
    x, q = (svm.unit(last.features(images, svm.shown(last))) for images in (train, test))
    for result in svm.results(x, train, q, test):
        assert found["svm", result.metric] == pytest.approx(result.value)
    both = ask("low-shot", "--shots", "2", "2", "--stages", "4", "1")
    for result in low_shot.results(x, train, q, test, shots=(2,)):
        assert both["low-shot", f"stage 4: {result.metric}"] == pytest.approx(result.value)
    values = [both["low-shot", f"{which}: mAP, %"] for which in ("best stage", "stage 1", "stage 4")]
    assert values[0] == max(values[1:])
    assert {protocol for protocol, _ in both} == {"svm", "low-shot"}


def test_interclrs_probe_is_on_every_stage_and_its_best_classifier_is_cropped(data, tmp_path):
    """Of center crops the number is the probe's own, up to the paper's bicubic view: at 32 px, of images of 16."""
    short = ("--epochs", "2", "--batch", "16")
    found = run(data, tmp_path, "linear:interclr", "crops:interclr", *short, encoder="resnet8")
    stages = {metric.split(":")[0] for protocol, metric in found if protocol == "linear:interclr"}
    assert stages == {"stage 1", "stage 2", "stage 3", "stage 4", "best stage"}
    assert ("crops:interclr", "center, top-1, %") in found
    one = run(data, tmp_path / "one", "linear:interclr-places", *short, "--stages", "3", encoder="resnet8")
    assert set(one) == {("linear:interclr-places", "top-1, %"), ("linear:interclr-places", "training loss")}


def drop_difficult(root):
    for file in (root / VOC / "Annotations").iterdir():
        file.write_text(re.sub("<difficult>.</difficult>", "", file.read_text()))


def make_rare(root):
    """A class that two training images show."""
    for file in sorted((root / VOC / "Annotations").iterdir())[:2]:
        tree = file.read_text().replace(
            "</annotation>", "<object><name>unicorn</name><difficult>0</difficult></object></annotation>"
        )
        file.write_text(tree)


def make_unsure(root):
    """A class whose objects in the training images are all difficult."""
    file = root / VOC / "Annotations" / "000001.xml"
    tree = file.read_text().replace(
        "</annotation>", "<object><name>unicorn</name><difficult>1</difficult></object></annotation>"
    )
    file.write_text(tree)


@pytest.mark.parametrize(
    ("arguments", "change", "words"),
    [
        (["resnet8", "svm"], drop_difficult, "must have a name and say whether it is difficult"),
        (["resnet8", "svm"], make_rare, "at least 3 images to train on that surely show it, got fewer of unicorn"),
        (["resnet8", "svm"], make_unsure, "at least 3 images to train on that surely show it, got fewer of unicorn"),
        (["resnet8", "svm", "low-shot"], None, "--shots must be at most"),
        (["resnet8", "low-shot", "--shots", "0"], None, "must be an integer of at least 1, got '0'"),
        (["resnet8", "svm", "--stages", "5"], None, "stages must be numbers from 1 to 4 of this network, got 5"),
        (
            ["vit_b_32", "svm", "--size", "224"],
            None,
            "for features of its stages, got a VisionTransformer; take a ResNet",
        ),
        (["resnet8", "svm", "knn"], None, "--data must have one class an image for knn, got voc07:"),
        (["resnet8", "svm", "--images", "4"], None, "--images is of images of one class, got 4 with voc07:"),
    ],
)
def test_complaints_about_machines_come_before_features(
    scenes, tmp_path, capsys, monkeypatch, arguments, change, words
):
    root = scenes
    if change is not None:
        root = shutil.copytree(scenes, tmp_path / "changed")
        change(root)
    monkeypatch.setattr(Encoder, "features", lambda *_, **__: pytest.fail("features were computed"))
    with pytest.raises(SystemExit) as stop:
        evaluate.main([arguments[0], "--data", f"voc07:{root}", "--size", "32", "--out", str(tmp_path), *arguments[1:]])
    assert stop.value.code == 2
    assert words in " ".join(capsys.readouterr().err.split())


def test_without_scikit_learn_only_tsne_is_missing(data, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(evaluate, "find_spec", lambda name: None)
    with pytest.raises(SystemExit):
        run(data, tmp_path)
    assert "tsne needs scikit-learn: pip install scikit-learn" in capsys.readouterr().err
    assert run(data, tmp_path, "similarity", "--images", "4")


def test_an_interrupt_keeps_what_was_finished(data, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(evaluate.Evaluation, "similarity", lambda self: (_ for _ in ()).throw(KeyboardInterrupt))
    arguments = [
        "resnet18",
        "knn",
        "similarity",
        "--data",
        data,
        "--size",
        "32",
        "--images",
        "4",
        "--out",
        str(tmp_path),
    ]
    assert evaluate.main(arguments) == 130
    assert "interrupted; what was finished is in" in capsys.readouterr().err
    assert {row["protocol"] for row in json.loads((tmp_path / "evaluation.json").read_text())["results"]} == {"knn"}


def test_every_protocol_can_be_named():
    names = [f"{kind}:{name}" for kind in ("linear", "crops") for name in PROTOCOLS]
    assert [evaluate.protocol_name(name) for name in names] == names
    assert (evaluate.protocol_name("linear"), evaluate.protocol_name("crops")) == ("linear:moco", "crops:moco")


@pytest.mark.parametrize("protocol", ["knn", "similarity", "tsne", "linear:moco"])
def test_an_encoder_that_diverged_is_told(data, tmp_path, capsys, protocol):
    state = open_encoder("resnet18", size=32).network.state_dict()
    state["layer4.1.bn2.weight"].fill_(float("nan"))
    torch.save(state, tmp_path / "backbone.pt")
    with pytest.raises(SystemExit):
        evaluate.main([f"{tmp_path}/backbone.pt", "--backbone", "resnet18", "--data", data, "--size", "32", protocol])
    assert "features must be finite, got nan or infinity from resnet18" in " ".join(capsys.readouterr().err.split())
    assert not (tmp_path / "evaluation.json").exists()


def test_results_that_were_cut_short_are_told_before_the_work(data, tmp_path, capsys):
    (tmp_path / "evaluation.json").write_text('{"subject": {"enc')
    with pytest.raises(SystemExit):
        evaluate.main(["resnet18", "knn", "--data", data, "--size", "32", "--out", str(tmp_path)])
    captured = capsys.readouterr()
    assert "evaluation.json must be whole JSON, and is not" in captured.err
    assert not captured.out


def test_what_fails_leaves_no_folder(data, tmp_path):
    with pytest.raises(SystemExit):
        evaluate.main(["resnet81", "knn", "--data", data, "--out", str(tmp_path / "new")])
    assert not (tmp_path / "new").exists()


def test_results_go_into_a_folder(data, tmp_path, capsys):
    (tmp_path / "file").touch()
    with pytest.raises(SystemExit):
        evaluate.main(["resnet18", "knn", "--data", data, "--size", "32", "--out", str(tmp_path / "file")])
    assert f"--out must be a folder, got '{tmp_path / 'file'}', which is a file" in capsys.readouterr().err


@pytest.mark.parametrize("text", ['{"backbone": ', "[]"])
def test_settings_that_cannot_be_read_are_told(text, data, tmp_path, capsys):
    torch.save({}, tmp_path / "backbone.pt")
    (tmp_path / "settings.json").write_text(text)
    with pytest.raises(SystemExit):
        evaluate.main([str(tmp_path), "knn", "--data", data])
    assert "settings.json must " in capsys.readouterr().err
