"""What holds for all tests."""

import os

os.environ.setdefault("GRPC_VERBOSITY", "NONE")  # grpc reads it when it is imported, and else writes past pytest
