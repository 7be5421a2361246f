"""What `--model` says -> ModelRef. Nothing is loaded or downloaded here; `build` makes what is made at first use.

Looked for in this order: an explicit prefix (`hf:`, `vllm:`, `openai:`, `replay:`, `http(s)://…#NAME`), an alias of models.toml,
a registered checkpoint, a folder, a hub id. A name that could be two things is the earlier one; `./name` is always the folder.
"""

from __future__ import annotations

import importlib
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, cast
from urllib.parse import urlsplit

from harness import aliases
from harness.aliases import Alias, Stage
from harness.checkpoints import REGISTERED, missing_parts, registered, registered_names
from harness.errors import DataError, ModelError, UsageError, unknown
from harness.folders import cache_dir, checkpoints_dir
from harness.runs import find_run, load_run
from harness.schema import Frozen, ModelRef

Backend = Literal["hf", "vllm", "openai", "replay"]
Local = Literal["hf", "vllm"]

_PREFIX = re.compile(r"(hf|vllm|openai|replay):(.+)", re.S)
_HUB = re.compile(r"(?P<id>[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95})(@(?P<revision>[\w.\-/]+))?", re.A)
_GENERIC = re.compile(r"checkpoint-\d+|model|final|output|out|best|last|latest|hf|[0-9a-f]{40}")
_IDENTITY: Final = {"pretrained", "model", "base_url", "path"}


class ModelSummary(Frozen):
    """One line of `harness models`."""

    name: str
    kind: str
    """hub, path, checkpoint, endpoint or build."""
    source: str
    """Hub id, folder or URL."""
    stage: Stage | None
    parent: str | None
    ready: bool | None
    """Whether it can be used as it is; None if only asking would tell (hub ids, endpoints)."""
    about: str


@dataclass(frozen=True)
class _Wish:
    """What was asked besides the name."""

    backend: Backend | None
    base_url: str | None
    runs: Path | None
    aliases: dict[str, Alias]

    def local(self, default: Local = "hf") -> Local:
        """The backend for weights on disk or hub."""
        return self.backend if self.backend in ("hf", "vllm") else default


def resolve(
    spec: str,
    *,
    backend: Backend | None = None,
    base_url: str | None = None,
    model_args: dict[str, Any] | None = None,
    runs: Path | None = None,
    search: Sequence[Path] | None = None,
) -> ModelRef:
    """The model a name stands for.

    Args:
        spec: as typed after `--model`.
        backend: for a folder, hub id or alias of one: hf (default) or vllm.
        base_url: endpoint of an `openai:` name; by default `$HARNESS_MODEL_BASE_URL`, then `$OPENAI_BASE_URL`.
        model_args: further arguments for the backend; they win over those of models.toml.
        runs: where a run to be replayed is looked for; by default `$HARNESS_RUNS`, else `./runs`.
        search: models.toml files, weakest first; by default all that exist.

    Raises:
        UsageError: nothing goes by that name, or the options contradict it.
        ModelError: it is known but not there, or its folder is no loadable checkpoint.
        DataError: a models.toml or checkpoint.json is broken.
    """
    extra = _checked_args(model_args or {})
    wish = _Wish(backend, base_url, runs, aliases.read(search))
    ref = _found(spec.strip(), wish)
    return ref.model_copy(update={"args": {**ref.args, **extra}})


def list_models(search: Sequence[Path] | None = None) -> tuple[ModelSummary, ...]:
    """All aliases and registered checkpoints, by name.

    Raises:
        DataError: a models.toml or checkpoint.json is broken.
    """
    known = aliases.read(search)
    found = [_summary(name, alias) for name, alias in known.items()]
    found += [_registered_summary(name) for name in registered_names() if name not in known]
    return tuple(sorted(found, key=lambda model: model.name))


def build(model: ModelRef) -> None:
    """Make a model that is built at first use (the demo's); nothing is done for any other, or if it is there.

    Raises:
        ModelError: what building needs is not installed, or its place is taken.
    """
    if model.build is None or Path(model.source).exists():
        return
    module, _, function = model.build.partition(":")
    try:
        getattr(importlib.import_module(module), function)(Path(model.source))
    except ImportError as error:
        raise ModelError(f"building '{model.name}' needs pip install 'culture-harness[hf]' ({error})") from None


def _found(spec: str, wish: _Wish) -> ModelRef:
    if spec.startswith(("http://", "https://")):
        return _at_url(spec, wish)
    prefix = _PREFIX.fullmatch(spec)
    if prefix:
        return _prefixed(cast(Backend, prefix[1]), prefix[2], wish)
    if wish.backend in ("openai", "replay"):
        return _prefixed(wish.backend, spec, wish)
    if spec in wish.aliases:
        return _aliased(spec, wish.aliases[spec], wish)
    if spec and not _looks_like_a_path(spec) and (checkpoints_dir() / spec / REGISTERED).is_file():
        return _registered(checkpoints_dir() / spec, wish.local())
    return _on_disk_or_hub(spec, wish.local()) or _nothing(spec, wish)


def _prefixed(backend: Backend, rest: str, wish: _Wish) -> ModelRef:
    if wish.backend not in (None, backend):
        raise UsageError(f"'{backend}:{rest}' and --backend {wish.backend} contradict each other")
    if backend == "openai":
        url = wish.base_url or os.environ.get("HARNESS_MODEL_BASE_URL") or os.environ.get("OPENAI_BASE_URL")
        if not url:
            raise UsageError(
                f"'openai:{rest}' needs its server: --base-url http://host:8000/v1 (or HARNESS_MODEL_BASE_URL, OPENAI_BASE_URL)"
            )
        return _endpoint(rest, url, rest)
    if backend == "replay":
        return _replay(rest, wish.runs)
    ref = _on_disk_or_hub(rest, backend)
    if ref is None:
        raise UsageError(f"'{rest}' is neither a folder nor a hub id of the form org/name")
    return ref


def _at_url(spec: str, wish: _Wish) -> ModelRef:
    url, _, name = spec.partition("#")
    if not name:
        raise UsageError(f"'{url}' does not say which model of that server: {url}#NAME")
    if wish.backend not in (None, "openai"):
        raise UsageError(f"'{spec}' is an endpoint, so --backend {wish.backend} contradicts it")
    return _endpoint(name, url, name)


def _endpoint(name: str, url: str, model: str) -> ModelRef:
    return ModelRef(name=name, backend="openai", args={"model": model}, source=_clean_url(url))


def _clean_url(text: str) -> str:
    """The base of the API, ending in `/v1` as a rule; two spellings of one server are one."""
    parts = urlsplit(text.strip())
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise UsageError(f"'{text}' is not a URL such as http://localhost:8000/v1")
    if "@" in parts.netloc or parts.query:
        raise UsageError(
            f"the URL of {parts.hostname} holds a user, password or query; keys come from OPENAI_API_KEY, never from a URL"
        )
    path = parts.path.rstrip("/").removesuffix("/chat/completions").rstrip("/")
    return f"{parts.scheme}://{parts.netloc}{path or '/v1'}"


def _replay(what: str, runs: Path | None) -> ModelRef:
    file = Path(what).expanduser()
    if file.suffix == ".jsonl":
        if not file.is_file():
            raise UsageError(f"there is no file '{what}' to replay")
        return ModelRef(name=_readable(file.stem), backend="replay", source=str(file.resolve()))
    folder = find_run(what, runs)
    model = load_run(folder, verify=False).model
    return model.model_copy(update={"backend": "replay", "source": str(folder.resolve()), "args": {}, "build": None})


def _aliased(name: str, alias: Alias, wish: _Wish) -> ModelRef:
    backend = wish.local(alias.backend or "hf")
    if alias.endpoint is not None:
        if wish.backend is not None:
            raise UsageError(f"model '{name}' is an endpoint, so --backend {wish.backend} contradicts it")
        ref = _endpoint(name, alias.endpoint, alias.model or name)
    elif alias.build is not None:
        ref = ModelRef(name=name, backend=backend, args={"dtype": "auto"}, source=_built_at(name), build=alias.build)
    elif alias.checkpoint is not None:
        ref = _registered_as(name, alias.checkpoint, backend)
    elif alias.path is not None:
        ref = _folder(Path(alias.path), backend)
    else:
        ref = _on_hub(alias.hub or "", backend, alias.revision) or _no_hub_id(name, alias)
    known = {
        "parent": alias.parent or ref.parent,
        "stage": alias.stage or ref.stage,
        "args": {**ref.args, **_checked_args(alias.args)},
    }
    return ref.model_copy(update={"name": name, **known})


def _no_hub_id(name: str, alias: Alias) -> ModelRef:
    raise DataError(f"model '{name}' of models.toml: '{alias.hub}' is not a hub id of the form org/name")


def _built_at(name: str) -> str:
    return str(cache_dir() / "models" / name)


def _registered_as(name: str, checkpoint: str, backend: Local) -> ModelRef:
    folder = checkpoints_dir() / checkpoint
    if not (folder / REGISTERED).is_file():
        own = f'[{name}] path = "…"'
        raise ModelError(
            f"model '{name}' has no checkpoint: fine-tune one into '{folder}' (with its {REGISTERED}), or name yours in "
            f"models.toml: {own}"
        )
    return _registered(folder, backend)


def _registered(folder: Path, backend: Local) -> ModelRef:
    """The checkpoint that a trainer left, by its checkpoint.json."""
    said = registered(folder)
    ref = _folder(said.path, backend)
    return ref.model_copy(update={"name": _readable(folder.resolve().name), "parent": said.parent, "stage": said.stage})


def _on_disk_or_hub(spec: str, backend: Local) -> ModelRef | None:
    path = Path(spec).expanduser()
    if spec and path.is_dir():
        return _registered(path, backend) if (path / REGISTERED).is_file() else _folder(path, backend)
    first = path.parts[0] if path.parts else ""
    if _looks_like_a_path(spec) or (first and len(path.parts) > 1 and Path(first).is_dir()):
        raise UsageError(f"there is no folder '{spec}'{_neighbours(path)}")
    return _on_hub(spec, backend, None)


def _neighbours(path: Path) -> str:
    if not path.parent.is_dir():
        return f" (nor '{path.parent}')"
    names = sorted(p.name for p in path.parent.iterdir() if p.is_dir() and not p.name.startswith("."))
    return f"; '{path.parent}' holds: {', '.join(names[:12]) or 'no folders'}"


def _looks_like_a_path(spec: str) -> bool:
    return spec.startswith(("/", "./", "../", "~")) or spec in (".", "..")


def _folder(path: Path, backend: Local) -> ModelRef:
    folder = path.resolve()
    missing = missing_parts(folder)
    if missing:
        raise ModelError(f"'{path}' is no loadable checkpoint: {missing}")
    name = f"{folder.parent.name}-{folder.name}" if _GENERIC.fullmatch(folder.name) else folder.name
    return ModelRef(name=_readable(name), backend=backend, args={"dtype": "auto"}, source=str(folder))


def _on_hub(spec: str, backend: Local, revision: str | None) -> ModelRef | None:
    match = _HUB.fullmatch(spec)
    if not match:
        return None
    revision = match["revision"] or revision
    args = {"dtype": "auto", **({"revision": revision} if revision else {})}
    return ModelRef(name=match["id"].rpartition("/")[2], backend=backend, args=args, source=match["id"])


def _nothing(spec: str, wish: _Wish) -> ModelRef:
    error = unknown("model", spec, {*wish.aliases, *registered_names()})
    hint = (
        f"; for a model of that server say openai:{spec}"
        if wish.base_url
        else "; or a folder, a hub id org/name, openai:NAME, URL#NAME, replay:RUN"
    )
    raise UsageError(f"{error}{hint}")


def _readable(text: str) -> str:
    return re.sub(r"[^\w.+-]+", "-", text).strip("-") or "model"


def _checked_args(args: dict[str, Any]) -> dict[str, Any]:
    """The arguments, without what must not be there: other people's code, secrets, another model."""
    if args.get("trust_remote_code"):
        raise UsageError(
            "trust_remote_code is refused: it would run code that comes with the checkpoint; use a model that transformers knows"
        )
    identity = sorted(_IDENTITY & args.keys())
    if identity:
        raise UsageError(f"argument '{identity[0]}' names the model, which --model does")
    secret = aliases.secret_in({key: value for key, value in args.items() if value is not None})
    if secret:
        raise UsageError(
            f"'{secret}' looks like a key or token; arguments are written into run records, so set OPENAI_API_KEY or HF_TOKEN"
        )
    return {key: value for key, value in args.items() if key != "trust_remote_code"}


def _summary(name: str, alias: Alias) -> ModelSummary:
    place = alias.place
    source, ready = str(getattr(alias, place)), None
    if place == "build":
        source = _built_at(name)
        ready = _ready(source)
    elif place == "checkpoint":
        source = str(checkpoints_dir() / source)
        ready = (Path(source) / REGISTERED).is_file()
    elif place == "path":
        ready = _ready(source)
    return ModelSummary(
        name=name, kind=place, source=source, stage=alias.stage, parent=alias.parent, ready=ready, about=alias.about
    )


def _registered_summary(name: str) -> ModelSummary:
    said = registered(checkpoints_dir() / name)
    ready, source = _ready(str(said.path)), str(said.path)
    about = "registered checkpoint"
    return ModelSummary(
        name=name, kind="checkpoint", source=source, stage=said.stage, parent=said.parent, ready=ready, about=about
    )


def _ready(source: str) -> bool:
    return missing_parts(Path(source)) is None
