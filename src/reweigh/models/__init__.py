"""What the recipes train: LeNet, residual and wide residual networks, an MLP, a small Transformer."""

from reweigh.models.lenet import LeNet
from reweigh.models.mlp import MLP
from reweigh.models.registry import MODELS, build
from reweigh.models.resnet import ResNet
from reweigh.models.transformer import TransformerClassifier
from reweigh.models.wide_resnet import WideResNet

__all__ = ["MLP", "MODELS", "LeNet", "ResNet", "TransformerClassifier", "WideResNet", "build"]
