"""This machine -> what a training can run on, asked of the driver itself: torch would take seconds to say it."""

from __future__ import annotations

import ctypes
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from harness.errors import UsageError
from harness.schema import Hyper

PEAKS: Final = {
    "H200": (989e12, 494e12, 67e12),
    "H100": (989e12, 494e12, 67e12),
    "H800": (989e12, 494e12, 67e12),
    "A100": (312e12, 156e12, 19.5e12),
    "A800": (312e12, 156e12, 19.5e12),
    "L40S": (362e12, 183e12, 91.6e12),
    "4090": (165e12, 82.6e12, 82.6e12),
}
"""Part of a device's name -> dense FLOP/s of its data sheet in bf16, tf32 and fp32 (H100 and H200: the SXM module)."""


@dataclass(frozen=True)
class Device:
    """One kind of device."""

    name: str
    peaks: tuple[float, float, float]
    """FLOP/s in bf16, tf32, fp32."""
    memory: int | None = None
    """Bytes."""

    def peak(self, hyper: Hyper) -> float:
        """FLOP/s at a recipe's precision."""
        if hyper.precision != "fp32":
            return self.peaks[0]
        return self.peaks[1] if hyper.tf32 else self.peaks[2]


def named(name: str) -> Device | None:
    """A device by part of its name; None if its data sheet is not known here."""
    found = next((peaks for part, peaks in PEAKS.items() if part in name), None)
    return Device(name, found) if found else None


def check_devices(hyper: Hyper, preset: str) -> None:
    """Refuse more processes than this machine has devices: CUDA devices, or without any, CPU cores.

    Raises:
        UsageError: in one line, with what would do.
    """
    if hyper.processes == 1 or hyper.hostfile:
        return
    devices = cuda_devices()
    if devices is None:
        return
    there = devices or os.cpu_count() or 1
    if hyper.processes > there:
        what = f"{devices} CUDA device{'s' if devices > 1 else ''}" if devices else f"no CUDA device and {there} CPU cores"
        fewer = f", --set processes={devices}" if devices > 1 else ""
        raise UsageError(
            f"recipe '{preset}' asks for {hyper.processes} processes ({hyper.distributed}) and this machine has {what}: say "
            f"--set distributed=none{fewer} (a step stays {hyper.instances_per_step} instances), or for several machines "
            "--set hostfile=FILE"
        )


def cuda_devices() -> int | None:
    """CUDA devices that this process may use; None where other accelerators may be."""
    driver = _driver()
    if driver is None:
        return None if Path("/dev/kfd").exists() or Path("/dev/accel").exists() else 0
    number = ctypes.c_int(0)
    return number.value if driver.cuDeviceGetCount(ctypes.byref(number)) == 0 else 0


def cuda_device() -> Device | None:
    """The first CUDA device; None if there is none, or its data sheet is not known here."""
    driver = _driver()
    if driver is None or not cuda_devices():
        return None
    name, handle, size = ctypes.create_string_buffer(128), ctypes.c_int(0), ctypes.c_size_t(0)
    if driver.cuDeviceGet(ctypes.byref(handle), 0) or driver.cuDeviceGetName(name, 128, handle):
        return None
    known = named(name.value.decode("ascii", "replace"))
    total = getattr(driver, "cuDeviceTotalMem_v2", None)
    if known is None or total is None or total(ctypes.byref(size), handle):
        return known
    return Device(known.name, known.peaks, size.value)


def this_cpu() -> Device:
    """The CPU, by the rate of a matrix product measured now (a twentieth of a second); bf16 is taken as fast as fp32."""
    import numpy as np

    one = np.ones((384, 384), dtype=np.float32)
    one @ one
    best = min(_timed(lambda: one @ one) for _ in range(8))
    rate = 2 * 384**3 / best
    return Device("this CPU", (rate, rate, rate))


def _timed(work: object) -> float:
    began = time.perf_counter()
    work()  # type: ignore[operator]
    return time.perf_counter() - began


def _driver() -> ctypes.CDLL | None:
    try:
        driver = ctypes.CDLL("libcuda.so.1")
    except OSError:
        return None
    return driver if driver.cuInit(0) == 0 else None
