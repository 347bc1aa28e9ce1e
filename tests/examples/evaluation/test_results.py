"""Results add up over calls on one subject, and start anew on another."""

from __future__ import annotations

import csv
import json

import torch
from trainer.evaluation.results import Result, by_stage, write

SUBJECT = {"encoder": "resnet18", "seed": 0}


def read(folder):
    document = json.loads((folder / "evaluation.json").read_text())
    with (folder / "evaluation.csv").open(newline="") as file:
        rows = [Result(row["protocol"], row["metric"], float(row["value"]), row["how"]) for row in csv.DictReader(file)]
    assert [Result(**row) for row in document["results"]] == rows  # both files say the same
    return document, rows


def test_what_is_written_is_read(tmp_path):
    results = [Result("knn", "top-1, %", 100 / 3, 'k 5, "so"'), Result("tsne", "near", 1.0)]
    assert write(tmp_path, SUBJECT, results) == results
    document, rows = read(tmp_path)
    assert rows == results
    assert document["subject"] == SUBJECT
    assert torch.__version__ in document["setting"]["versions"]
    assert '| knn | top-1, % | 33.33 | k 5, "so" |' in (tmp_path / "evaluation.md").read_text().splitlines()


def test_new_protocols_are_added_and_old_ones_replaced(tmp_path):
    write(tmp_path, SUBJECT, [Result("knn", "a", 1.0), Result("knn", "b", 2.0), Result("tsne", "c", 3.0)])
    write(tmp_path, SUBJECT, [Result("knn", "a", 4.0), Result("linear:moco", "d", 5.0)])
    assert read(tmp_path)[1] == [Result("tsne", "c", 3.0), Result("knn", "a", 4.0), Result("linear:moco", "d", 5.0)]


def test_of_another_subject_nothing_stays(tmp_path):
    write(tmp_path, SUBJECT, [Result("knn", "a", 1.0)])
    write(tmp_path, SUBJECT | {"seed": 1}, [Result("tsne", "c", 3.0)])
    assert read(tmp_path)[1] == [Result("tsne", "c", 3.0)]


def test_of_several_stages_the_best_is_named_once_more():
    """By its first result: the other one is best at the first stage."""
    found = {
        2: [Result("svm", "mAP, %", 1.0, "so"), Result("svm", "AP, %", 9.0)],
        4: [Result("svm", "mAP, %", 3.0, "so")],
    }
    assert list(by_stage(found)) == [
        Result("svm", "stage 2: mAP, %", 1.0, "so"),
        Result("svm", "stage 2: AP, %", 9.0),
        Result("svm", "stage 4: mAP, %", 3.0, "so"),
        Result("svm", "best stage: mAP, %", 3.0, "so; stage 4, the best of 2 on the test images"),
    ]


def test_one_stage_is_no_choice():
    assert list(by_stage({5: [Result("svm", "mAP, %", 1.0, "so")]})) == [Result("svm", "mAP, %", 1.0, "so; stage 5")]
