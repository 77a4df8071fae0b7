"""Execution on GPUs: networks lowered to straight-line CUDA, compiled by NVRTC, launched by CuPy."""

from lava_nexus.execute.cuda.executor import CudaExecutor

__all__ = ["CudaExecutor"]
