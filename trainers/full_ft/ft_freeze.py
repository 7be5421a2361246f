"""model × `trainable` -> which parameters learn; delivered folder × base -> proof that nothing else did.

With "embeddings" only the tables of tokens learn: what looks a token up and what scores the next one, tied or not. Gradients
still pass through every layer, but no weight of a layer gets one, so the optimizer holds two tables instead of a model.

The proof is by bits. A base in another type of numbers counts as what it is in the delivered type, since that is what was loaded.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from ft_fault import Fault
from safetensors import safe_open


def tables(model: Any) -> frozenset[str]:
    """Names of the parameters of input and output embeddings; a tied table has both of its names.

    Raises:
        Fault: `recipe` if the model does not say which they are.
    """
    modules = [model.get_input_embeddings(), model.get_output_embeddings()]
    if None in modules:
        raise Fault("recipe", f"{type(model).__name__} does not say which its embeddings are: trainable must be 'all'")
    own = {id(parameter) for module in modules for parameter in module.parameters()}
    return frozenset(name for name, parameter in model.named_parameters(remove_duplicate=False) if id(parameter) in own)


def freeze(model: Any, base: Path) -> frozenset[str]:
    """From now on only the embeddings learn; returns their names.

    Raises:
        Fault: `recipe` if the files of `base` call none of them so: then it could not be proven what learnt.
    """
    names = tables(model)
    stored = {name for name, _ in _tensors(base)}
    if not names & stored:
        raise Fault("recipe", f"{base} has no tensor {' or '.join(sorted(names))}: trainable must be 'all'")
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(name in names)
    return names


def check_frozen(out: Path, base: Path, learnt: frozenset[str], dtype: torch.dtype) -> None:
    """Every tensor of `out` that is not in `learnt` is that of `base` in `dtype`, bit for bit.

    Raises:
        Fault: `engine` if one differs or is missing.
    """
    files = dict(_tensors(out))
    for name, file in _tensors(base):
        if name in learnt:
            continue
        if name not in files:
            raise Fault("engine", f"tensor {name} of the base was not delivered")
        with safe_open(file, "pt") as was, safe_open(files[name], "pt") as now:
            one, other = was.get_tensor(name), now.get_tensor(name)
        wanted = one.to(dtype) if one.is_floating_point() else one
        if other.dtype != wanted.dtype or other.shape != one.shape or not torch.equal(_bits(wanted), _bits(other)):
            raise Fault("engine", f"tensor {name} is not the base's, though the recipe says that only embeddings learn")


def _tensors(folder: Path) -> Iterator[tuple[str, Path]]:
    """Name of each tensor of a model folder, and its file."""
    for file in sorted(folder.glob("*.safetensors")):
        with safe_open(file, "pt") as opened:
            for name in opened.keys():  # noqa: SIM118 - safetensors' own, no mapping
                yield name, file


def _bits(tensor: torch.Tensor) -> torch.Tensor:
    """The bytes: equal numbers may differ in them (0 and -0), and NaN is not equal to itself."""
    return tensor.contiguous().view(-1).view(torch.uint8)
