"""What a Trainer can be asked for and `ReweighTrainer` cannot honour, by the name of the argument."""

from typing import TYPE_CHECKING, Any

from transformers import DataCollatorWithFlattening

from reweigh.errors import BadInput
from reweigh.tasks.problems import NUMBERS

if TYPE_CHECKING:
    from reweigh.hosts.transformers.trainer import ReweighTrainer

_TOKENS = "or weigh tokens (reweigh={'per': 'token'})"
_OWN = "pass per_example_loss=, a function (model, batch) -> (B,)"


def refuse_what_cannot_be_honoured(trainer: "ReweighTrainer", per_example_loss: Any, per: str = "example") -> None:
    """See that the Trainer's settings mean with weights what they mean without.

    Raises:
        BadInput: naming the first argument that cannot.
    """
    joined = "" if per == "token" else _of_data(trainer)
    for hindrance in (_of_arguments(trainer), _of_losses(trainer, per_example_loss, per), joined):
        if hindrance:
            raise BadInput(hindrance)


def _of_arguments(trainer: "ReweighTrainer") -> str:
    """What is asked for by an argument, or by `accelerate launch`."""
    args = trainer.args
    if getattr(args, "deepspeed", None) or trainer.is_deepspeed_enabled:
        return "deepspeed= shards the parameters that weights are computed from: train without it"
    if getattr(args, "fsdp", None) or trainer.is_fsdp_enabled:
        return (
            "fsdp= shards the parameters that weights are computed from: train without it, or under fully_shard in a loop "
            "of your own with reweigh.Reweigher"
        )
    if getattr(args, "fp16", False) or trainer.accelerator.mixed_precision == "fp16":
        return (
            "fp16=True scales the training loss so that small gradients survive, and the clean gradient would not be "
            "scaled: set bf16=True, or leave both out"
        )
    if getattr(args, "parallelism_config", None) is not None:
        return "parallelism_config= splits sequences or parameters among devices, and examples with them: leave it out"
    if getattr(args, "past_index", -1) >= 0:
        return "past_index= carries states from batch to batch, so that a batch has no losses of its own: leave it out"
    return ""


def _of_losses(trainer: "ReweighTrainer", per_example_loss: Any, per: str) -> str:
    if per == "token" and per_example_loss is None:
        return (
            "per='token' weighs tokens, and the Trainer's own loss is one an example: pass per_example_loss=, say "
            "causal_lm_token_loss"
        )
    if per_example_loss is not None:
        for name, given in (
            ("label_smoothing_factor", trainer.label_smoother),
            ("compute_loss_func", trainer.compute_loss_func),
        ):
            if given is not None:
                return f"{name}= changes the Trainer's own loss, which per_example_loss= replaces: give one of them"
        return ""
    if trainer.compute_loss_func is not None and trainer.label_smoother is not None:
        return "label_smoothing_factor= does nothing where compute_loss_func= is given: leave it out"
    config = getattr(trainer.model, "config", None)
    if trainer.label_smoother is not None and (
        getattr(config, "problem_type", None) == NUMBERS or getattr(config, "num_labels", None) == 1
    ):
        return "label_smoothing_factor= smooths the labels of classes, and this model's are numbers: leave it out"
    given = getattr(trainer.model, "_loss_function", None)
    if given is not None and trainer.compute_loss_func is None:
        name = getattr(given, "__name__", repr(given))
        return f"loss_function of the model was set to {name}, which returns one number for a batch: {_OWN}"
    return ""


def _of_data(trainer: "ReweighTrainer") -> str:
    if isinstance(trainer.data_collator, DataCollatorWithFlattening):
        return f"DataCollatorWithFlattening joins a batch to one sequence, which has one weight: pad instead, {_TOKENS}"
    for name, holder in (
        ("packing", trainer.args),
        ("padding_free", trainer.args),
        ("padding_free", trainer.data_collator),
    ):
        if getattr(holder, name, False):  # TRL's SFTTrainer
            return f"{name}=True joins examples to one sequence, which has one weight: leave it out, {_TOKENS}"
    return ""
