"""What is done to rows, at random, while they are learned from, and never when they are judged.

base.py says what an augmentation is; AUGMENTATIONS holds them all.
"""

from dlcli.data.augmentation.applied import Augmentations, Augmented, Blend, Others, Unsuited
from dlcli.data.augmentation.base import Augmentation, Draws, Mix, Mixing, Suited
from dlcli.data.augmentation.erasing import RandomErasing
from dlcli.data.augmentation.light import RandomBrightness, RandomContrast
from dlcli.data.augmentation.mixing import CutMix, MixUp
from dlcli.data.augmentation.moving import RandomCrop, RandomFlip, RandomTranslation
from dlcli.data.augmentation.noise import GaussianNoise
from dlcli.data.augmentation.turning import RandomRotation, RandomZoom

__all__ = [
    "AUGMENTATIONS",
    "Augmentation",
    "Augmentations",
    "Augmented",
    "Blend",
    "CutMix",
    "Draws",
    "GaussianNoise",
    "Mix",
    "MixUp",
    "Mixing",
    "Others",
    "RandomBrightness",
    "RandomContrast",
    "RandomCrop",
    "RandomErasing",
    "RandomFlip",
    "RandomRotation",
    "RandomTranslation",
    "RandomZoom",
    "Suited",
    "Unsuited",
]

AUGMENTATIONS: dict[str, type[Suited]] = {
    "cut_mix": CutMix,
    "gaussian_noise": GaussianNoise,
    "mix_up": MixUp,
    "random_brightness": RandomBrightness,
    "random_contrast": RandomContrast,
    "random_crop": RandomCrop,
    "random_erasing": RandomErasing,
    "random_flip": RandomFlip,
    "random_rotation": RandomRotation,
    "random_translation": RandomTranslation,
    "random_zoom": RandomZoom,
}
"""What is done to rows at random while they are learned from."""
