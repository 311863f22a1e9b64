"""Benchmarks: what each stage of the road costs. Run with `make bench`; nothing here is a test."""

import vdl_lora.cli  # noqa: F401 - it sets what gRPC reads when it is imported, as it does for the command
