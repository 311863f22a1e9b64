"""What holds for all tests."""

import vdl_lora.cli  # noqa: F401 - it sets what gRPC reads when it is imported, as it does for the command
