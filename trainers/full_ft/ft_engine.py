"""Recipe × hardware -> what wraps the model: settings for transformers and DeepSpeed, and the proof that they took hold.

accelerate drops DeepSpeed without a word where it thinks it runs on a CPU, and transformers takes all devices of a machine where
it was not told otherwise. So after the model is wrapped, and before the first step, `proven` looks at what it really is; its
word goes into the report.
"""

from __future__ import annotations

import dataclasses
import os
from typing import Any, Final

from ft_fault import Fault
from ft_recipe import Hyper, Recipe, deepspeed_options

_FAR: Final = 10**9


@dataclasses.dataclass(frozen=True)
class Setting:
    """The recipe's hyper-parameters as this machine can run them."""

    hyper: Hyper
    cuda: bool
    dtype: str
    """Of the weights as loaded: a name in torch."""
    autocast: bool
    """Whether the forward runs under bf16 autocast (or FSDP's mixed precision) over fp32 weights."""
    notes: tuple[str, ...]
    """What the hardware could not do, in words."""

    @property
    def kept(self) -> str:
        """Type of the weights that are delivered: FSDP trains the fp32 master itself, but bf16-master promises bf16."""
        return "bfloat16" if self.hyper.precision == "bf16-master" else self.dtype


def setting(hyper: Hyper) -> Setting:
    """What of `hyper` runs here: tf32 and bf16 fall away, with a note, where the device has neither.

    Raises:
        Fault: `recipe` if this machine has fewer devices than processes.
    """
    import torch

    cuda, notes = torch.cuda.is_available(), []
    local = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    if cuda and local > torch.cuda.device_count():
        raise Fault("recipe", f"processes is {local}, but this machine has {torch.cuda.device_count()} devices")
    if hyper.tf32 and not (cuda and torch.cuda.get_device_capability()[0] >= 8):
        notes.append(
            "tf32 asked for, but this device has none: fp32 products are exact" if cuda else "tf32 is for CUDA only: not used"
        )
        hyper = dataclasses.replace(hyper, tf32=False)
    if hyper.compile and not cuda:
        notes.append("compile is for CUDA only: not used")
        hyper = dataclasses.replace(hyper, compile=False)
    if hyper.precision != "fp32" and cuda and not torch.cuda.is_bf16_supported(including_emulation=False):
        notes.append(f"{hyper.precision} asked for, but this device has no bf16: trained in fp32")
        hyper = dataclasses.replace(hyper, precision="fp32")
    sharded = hyper.distributed == "fsdp2"
    autocast = hyper.precision == "bf16-mixed" or (sharded and hyper.precision == "bf16-master")
    dtype = "float32" if autocast or hyper.precision == "fp32" else "bfloat16"
    return Setting(hyper, cuda, dtype, autocast, tuple(notes))


def arguments(recipe: Recipe, here: Setting, steps: int, layers: tuple[str, ...], *, universal: bool = False) -> dict[str, Any]:
    """Keyword arguments of `transformers.TrainingArguments`, beside those that the plan decides.

    Args:
        recipe: what to train.
        here: its setting.
        steps: optimizer steps of the run, all epochs.
        layers: names of the classes that FSDP shards one by one.
        universal: whether DeepSpeed resumes from what another number of processes saved.
    """
    hyper = here.hyper
    said: dict[str, Any] = {
        "output_dir": str(recipe.work_folder),
        "seed": recipe.seed,
        "learning_rate": hyper.learning_rate,
        "lr_scheduler_type": hyper.schedule if hyper.schedule != "constant" else "constant_with_warmup",
        "warmup_steps": warmup_steps(hyper.warmup_ratio, steps),
        "weight_decay": hyper.weight_decay,
        "adam_beta1": hyper.adam_betas[0],
        "adam_beta2": hyper.adam_betas[1],
        "max_grad_norm": hyper.max_grad_norm,
        "optim": "adamw_torch_fused" if here.cuda else "adamw_torch",
        "bf16": here.autocast or (hyper.zero_stage > 0 and here.dtype == "bfloat16"),
        "use_cpu": not here.cuda,
        "logging_steps": 1,
        "save_strategy": "no",
    }
    if here.cuda:
        said["tf32"] = hyper.tf32
    if hyper.zero_stage:
        said["deepspeed"] = deepspeed_config(here, deepspeed_options(recipe)) | (
            {"checkpoint": {"load_universal": True}} if universal else {}
        )
    if hyper.distributed == "fsdp2":
        said |= {"fsdp": True, "fsdp_config": fsdp_config(layers)}
    return said


def warmup_steps(ratio: float, steps: int) -> int:
    """Optimizer steps of warm-up: the share of all steps, rounded up."""
    return min(steps, -int(-ratio * steps // 1))


def deepspeed_config(here: Setting, options: dict[str, Any]) -> dict[str, Any]:
    """DeepSpeed's configuration: fp32 masters, gradients summed in fp32 over the micro-steps, `options` merged in.

    By default DeepSpeed sums micro-step gradients in bf16, which at 8 bits of mantissa loses the small ones.
    """
    stage = here.hyper.zero_stage
    zero: dict[str, Any] = {"stage": stage, "contiguous_gradients": True, "overlap_comm": here.cuda}
    if stage == 3:
        zero["stage3_gather_16bit_weights_on_model_save"] = True
    config: dict[str, Any] = {
        "bf16": {"enabled": here.dtype == "bfloat16"},
        "data_types": {"grad_accum_dtype": "fp32"},
        "zero_optimization": zero,
        "gradient_accumulation_steps": "auto",
        "gradient_clipping": "auto",
        "train_batch_size": "auto",
        "train_micro_batch_size_per_gpu": "auto",
        "zero_allow_untested_optimizer": True,
        "wall_clock_breakdown": False,
        "steps_per_print": _FAR,
    }
    return _merged(config, options)


def fsdp_config(layers: tuple[str, ...]) -> dict[str, Any]:
    """FSDP2: each decoder layer its own shard group, checkpoints in shards that any number of processes can load."""
    return {
        "version": 2,
        "auto_wrap_policy": "TRANSFORMER_BASED_WRAP",
        "transformer_layer_cls_to_wrap": list(layers),
        "reshard_after_forward": True,
        "state_dict_type": "SHARDED_STATE_DICT",
    }


def prepare_deepspeed(here: Setting) -> None:
    """Imports DeepSpeed so that it runs here: on a CPU without its compiled communication, which would need a C++ compiler.

    Raises:
        Fault: `engine` if it is not installed.
    """
    import torch

    if not here.cuda:
        os.environ["DS_ACCELERATOR"] = "cpu"
    try:
        import deepspeed
        from deepspeed import ops
    except ImportError as error:
        raise Fault(
            "engine", f"distributed {here.hyper.distributed!r} needs DeepSpeed: pip install culture-harness[train] ({error})"
        ) from None
    deepspeed.logger.setLevel("WARNING")
    only_weights()
    if not here.cuda:
        # Without a compiler DeepSpeed stops here rather than use gloo, which gives the same sums.
        ops.__compatible_ops__["deepspeed_shm_comm"] = False
    if here.hyper.zero_stage == 3:
        # Weights are shared out while they are loaded, which is before transformers sets up the group.
        if here.cuda:
            torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
        deepspeed.init_distributed(dist_backend="nccl" if here.cuda else "gloo", verbose=False)


def only_weights() -> None:
    """From now on nothing that torch loads in this process can run code: DeepSpeed would unpickle its checkpoints as they come.

    Its three own types stand on the list of what may be built.
    """
    import torch
    from deepspeed.runtime.fp16.loss_scaler import LossScaler
    from deepspeed.runtime.zero.config import ZeroStageEnum
    from deepspeed.utils.tensor_fragment import fragment_address

    os.environ["TORCH_FORCE_WEIGHTS_ONLY_LOAD"] = "1"
    torch.serialization.add_safe_globals([LossScaler, ZeroStageEnum, fragment_address])


def keep_fsdp() -> None:
    """On a CPU: makes accelerate keep FSDP, which it otherwise drops for DDP without a word. After TrainingArguments are made.

    FSDP2 itself shards over gloo as it does over NCCL; accelerate only asks for the name of an accelerator.
    """
    from accelerate import PartialState
    from accelerate.utils import DistributedType

    PartialState().distributed_type = DistributedType.MULTI_GPU


def sum_in_fp32(accelerator: Any) -> None:
    """FSDP computes in bf16 but sums gradients, and gives back the loss, in fp32; accelerate's choice is bf16 for all three."""
    import torch
    from torch.distributed.fsdp import MixedPrecisionPolicy

    policy = MixedPrecisionPolicy(param_dtype=torch.bfloat16, reduce_dtype=torch.float32)
    accelerator.state.fsdp_plugin.mixed_precision_policy = policy


def proven(wrapped: Any, hyper: Hyper) -> str:
    """What the model is wrapped by, in words, e.g. `DeepSpeedEngine zero1`.

    Raises:
        Fault: `engine` if that is not what the recipe says.
    """
    found = _wrapper(wrapped)
    expected = _EXPECTED.get(hyper.distributed) or f"DeepSpeedEngine zero{hyper.zero_stage}"
    if found != expected:
        raise Fault(
            "engine", f"the recipe says distributed {hyper.distributed!r}, but the model is wrapped as {found}, not {expected}"
        )
    return found


_EXPECTED: Final = {"none": "one process", "ddp": "DistributedDataParallel", "fsdp2": "FSDP2"}


def _wrapper(wrapped: Any) -> str:
    kinds = {kind.__name__ for kind in type(wrapped).__mro__}
    if "DeepSpeedEngine" in kinds:
        return f"DeepSpeedEngine zero{wrapped.zero_optimization_stage()}"
    if "FSDPModule" in kinds:
        return "FSDP2"
    if "PreTrainedModel" in kinds:
        return "one process"
    return type(wrapped).__name__


def _merged(config: dict[str, Any], more: dict[str, Any]) -> dict[str, Any]:
    return config | {
        key: _merged(config[key], value) if isinstance(value, dict) and isinstance(config.get(key), dict) else value
        for key, value in more.items()
    }
