"""What the recipes train: LeNet, residual and wide residual networks, an MLP, a net for tables, small Transformers;
linear probes on networks that have learnt elsewhere; and models of the user's own."""

from reweigh.models.lenet import LeNet
from reweigh.models.mlp import MLP
from reweigh.models.probe import Probe
from reweigh.models.registry import IMAGE_MODELS, MODELS, build
from reweigh.models.resnet import ResNet
from reweigh.models.table import TableNet
from reweigh.models.transformer import TransformerClassifier
from reweigh.models.translator import Translator
from reweigh.models.wide_resnet import WideResNet

__all__ = [
    "IMAGE_MODELS",
    "MLP",
    "MODELS",
    "LeNet",
    "Probe",
    "ResNet",
    "TableNet",
    "TransformerClassifier",
    "Translator",
    "WideResNet",
    "build",
]
