"""How much memory a run takes."""

import ctypes
import gc
import sys
import threading

import psutil


class PeakMemory:
    """Peak of the process's memory above what it was at the start, MB.

    It is resident memory, and what PyTorch allocates on a GPU.

    Parameters
    ----------
    collect : bool
        Whether to look for cyclic garbage first, which takes 0.1 s.
    """

    def __init__(self, collect: bool = True) -> None:
        self.collect = collect

    def __enter__(self):
        _return_freed_memory(self.collect)  # else its use again would not show
        self._process = psutil.Process()
        self._start = self._peak = self._process.memory_info().rss
        gpu = _gpu()
        if gpu is not None:
            gpu.reset_peak_memory_stats()
            self._gpu_start = gpu.memory_allocated()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def _watch(self):
        while not self._stop.wait(0.02):
            self._peak = max(self._peak, self._process.memory_info().rss)

    def __exit__(self, *exception):
        self._stop.set()
        self._thread.join()
        gpu = _gpu()
        self._on_gpu = 0
        if gpu is not None:
            before = getattr(self, "_gpu_start", 0)
            self._on_gpu = gpu.max_memory_allocated() - before

    @property
    def peak_mb(self) -> float:
        """The peak, MB; known at the end."""
        return (self._peak - self._start + self._on_gpu) / 1e6


def _gpu():
    """PyTorch's module for CUDA, where it is loaded and in use."""
    torch = sys.modules.get("torch")
    in_use = torch is not None and torch.cuda.is_initialized()
    return torch.cuda if in_use else None


def _return_freed_memory(collect):
    if collect:
        gc.collect()
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc has it
        if trim is not None:
            trim(0)
