"""nnU-Net's side of the comparison; runs in an environment of its own, without Cristae.

Its own fingerprint, plan, preprocessing, trainer and predictor, at its defaults, with two things told to it:
the number of iterations and epochs, so that its learning rate ends at zero when the minutes are over, and to
train on all that is annotated. Only the iterations count: starting, preprocessing and prediction come on top.

    python nnunet_side.py FOLDER --minutes 5 --configuration 2d --seed 0

FOLDER holds ``raw.npy``, ``classes.npy``, ``test.npy`` (z, y, x) and ``about.json`` with the voxel size; the
classes of the test image are written to ``predicted.npy`` and what happened to ``told.json``. Called again
with the folder of a run that was broken off, it goes on behind the last whole epoch, with the same schedule.
"""

import argparse
import json
import os
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import tifffile

if TYPE_CHECKING:
    from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer

DATASET = "Dataset001_Split"
EPOCHS = 20
"""Into so many the minutes are cut. Its own thousand epochs of 250 iterations would take weeks here."""


def write_dataset(folder: Path, about: dict) -> None:
    """Write the annotated part as nnU-Net wants it."""
    place = folder / "raw" / DATASET
    classes = np.load(folder / "classes.npy")
    for name in ("imagesTr", "labelsTr"):
        (place / name).mkdir(parents=True, exist_ok=True)
    tifffile.imwrite(place / "imagesTr" / "part_0000.tif", np.load(folder / "raw.npy"))
    tifffile.imwrite(place / "labelsTr" / "part.tif", classes)
    spacing = json.dumps({"spacing": about["voxel_size_nm"]})
    for name in ("imagesTr", "labelsTr"):
        (place / name / "part.json").write_text(spacing)
    names = {"background": 0, **{f"class {value}": value for value in range(1, int(classes.max()) + 1)}}
    dataset = {"channel_names": {"0": "em"}, "labels": names, "numTraining": 1, "file_ending": ".tif"}
    (place / "dataset.json").write_text(json.dumps(dataset))


def iteration_s(trainer: Callable[[int, int], "nnUNetTrainer"]) -> float:
    """Return how long one iteration takes when nothing disturbs it: the least of a few."""
    trainer(1, 2).run_training()
    probe = trainer(1, 2)
    probe.on_train_start()
    taken_s = []
    for _ in range(4):
        start = time.monotonic()
        probe.train_step(next(probe.dataloader_train))
        taken_s.append(time.monotonic() - start)
    probe.on_train_end()
    (Path(probe.output_folder) / "checkpoint_final.pth").unlink()
    return min(taken_s)


def main() -> None:
    """Plan, train for the minutes, predict."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--minutes", type=float, required=True)
    parser.add_argument("--configuration", required=True)
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    folder = chosen.folder.resolve()
    for name in ("raw", "preprocessed", "results"):
        (folder / name).mkdir(exist_ok=True)
        os.environ[f"nnUNet_{name}"] = str(folder / name)  # read when nnU-Net is imported
    os.environ.setdefault("nnUNet_n_proc_DA", "1")

    import torch
    from nnunetv2.experiment_planning.plan_and_preprocess_api import (
        extract_fingerprints,
        plan_experiments,
        preprocess,
    )
    from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor
    from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer

    about = json.loads((folder / "about.json").read_text())
    prepared = folder / "preprocessed" / DATASET
    noted = folder / "schedule.json"
    begun = json.loads(noted.read_text()) if noted.exists() else None
    if begun is None:
        write_dataset(folder, about)
        extract_fingerprints([1], num_processes=1)
        plans_name = plan_experiments([1])
        preprocess([1], plans_name, [chosen.configuration], num_processes=[1])
    else:
        plans_name = begun["plans"]

    def trainer(epochs: int, iterations: int) -> nnUNetTrainer:
        plans = json.loads((prepared / f"{plans_name}.json").read_text())
        plans["continue_training"] = False
        dataset = json.loads((prepared / "dataset.json").read_text())
        made = nnUNetTrainer(plans, chosen.configuration, "all", dataset, device=torch.device("cpu"))
        made.num_epochs, made.num_iterations_per_epoch, made.num_val_iterations_per_epoch = (
            epochs,
            iterations,
            1,
        )
        return made

    for generator in (random.seed, np.random.seed, torch.manual_seed):
        generator(chosen.seed)
    if begun is None:
        total = max(1, int(chosen.minutes * 60 / iteration_s(trainer)))
        epochs = min(EPOCHS, total)
        begun = {"plans": plans_name, "epochs": epochs, "iterations": total // epochs}
        noted.write_text(json.dumps(begun))
    real = trainer(begun["epochs"], begun["iterations"])
    real.save_every = 1
    results = Path(real.output_folder)
    if (results / "checkpoint_latest.pth").exists():
        real.load_checkpoint(str(results / "checkpoint_latest.pth"))
    if not (results / "checkpoint_final.pth").exists():
        real.run_training()
    if not real.was_initialized:  # it had ended before, and the prediction was broken off
        real.load_checkpoint(str(results / "checkpoint_final.pth"))
    ends, starts = (real.logger.get_value(f"epoch_{name}_timestamps", None) for name in ("end", "start"))

    predictor = nnUNetPredictor(device=torch.device("cpu"), perform_everything_on_device=False)
    predictor.initialize_from_trained_model_folder(real.output_folder_base, ("all",), "checkpoint_final.pth")
    image = np.load(folder / "test.npy")[None].astype(np.float32)
    start = time.monotonic()
    predicted = predictor.predict_single_npy_array(image, {"spacing": about["voxel_size_nm"]})
    told = {
        "steps": begun["epochs"] * begun["iterations"],
        "train_s": sum(ends) - sum(starts),
        "predict_s": time.monotonic() - start,
        "plan": f"{chosen.configuration}, patch {real.configuration_manager.patch_size}, "
        f"batch {real.configuration_manager.batch_size}",
    }
    np.save(folder / "predicted.npy", predicted.astype(np.uint8))
    (folder / "told.json").write_text(json.dumps(told))


if __name__ == "__main__":
    main()
