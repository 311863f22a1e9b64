"""The command `vdl-lora`: one file per noun."""

import os

# gRPC's core reads these when it is imported: it would write past Python, and read with two threads instead of one.
os.environ.setdefault("GRPC_VERBOSITY", "NONE")
os.environ.setdefault("GRPC_EXPERIMENTS", "-event_engine_client")  # docs/decisions/0008-one-thread-that-reads.md
