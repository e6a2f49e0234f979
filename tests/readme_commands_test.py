# SPDX-License-Identifier: Apache-2.0
"""Runs the commands of README.md one after the other, as a reader would, on small
files of the names that they use.

    readme_commands_test.py PROGRAM
"""
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import unittest

import torch
import torchvision

PROGRAM = str(pathlib.Path(sys.argv.pop(1)).resolve())
BLOCKS = re.findall(r"```sh\n(.*?)```", pathlib.Path("README.md").read_text(),
                    re.DOTALL)
COMMANDS = [line for block in BLOCKS for line in block.splitlines()
            if line.startswith("deeplab ")]
# Commands that cannot run here, by how they begin.
NOT_RUN = {
    "deeplab data prepare": "needs the archives of the data set's owners",
    "deeplab ablate": "trains for hours; the tests of ablations run small grids",
}
# What makes a training end in seconds; of a flag, the last value counts.
SMALL = {"deeplab train --data": ["--iterations", "2", "--batch-size", "2",
                                  "--crop", "65"]}
CLASSES = 9


def run(words, folder):
    return subprocess.run([PROGRAM, *words], cwd=folder, capture_output=True,
                          text=True, check=False)


def make_files(folder):
    """The data set DIR, photos, and weights with random values."""
    made = run(["data", "synthesize", "DIR",
                "--set", "data.synthetic.train_images=4",
                "--set", "data.synthetic.val_images=2",
                "--set", "data.synthetic.width=96",
                "--set", "data.synthetic.height=72"], folder)
    assert made.returncode == 0, made.stderr
    photos = folder / "DIR/JPEGImages"
    shutil.copy(photos / "val_0.jpg", folder / "photo.jpg")
    (folder / "folder").mkdir()
    shutil.copy(photos / "val_1.jpg", folder / "folder/other.jpg")
    torch.save(torchvision.models.resnet50().state_dict(),
               folder / "resnet50.pth")
    network = torchvision.models.segmentation.deeplabv3_resnet101(
        weights=None, weights_backbone=None, num_classes=CLASSES,
        aux_loss=True)
    torch.save(network.state_dict(), folder / "deeplabv3_resnet101.pth")


class ReadmeCommands(unittest.TestCase):
    def test_run_in_their_order(self):
        ran = 0
        with tempfile.TemporaryDirectory() as name:
            folder = pathlib.Path(name)
            make_files(folder)
            for command in COMMANDS:
                if any(command.startswith(start) for start in NOT_RUN):
                    continue
                words = shlex.split(command)[1:]
                for start, small in SMALL.items():
                    if command.startswith(start):
                        words += small
                done = run(words, folder)
                self.assertEqual(done.returncode, 0,
                                 f"{command}\n{done.stderr}")
                ran += 1
            for path in ("report/check.json", "runs/first/best.safetensors",
                         "scores.json", "predictions/photo_overlay.png",
                         "predictions/other_logits.npy",
                         "refined/photo_steps.png"):
                self.assertTrue((folder / path).exists(), path)
        self.assertGreaterEqual(ran, 8)


if __name__ == "__main__":
    unittest.main()
