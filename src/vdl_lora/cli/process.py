"""`python -m vdl_lora.cli.process HANDLE`: the service, in the process that `vdl-lora run` became."""

import sys

sys.modules["rich"] = None  # type: ignore[assignment] # structlog imports it for tracebacks that we do not show: 4 MB

from .service import handed_over, serve  # noqa: E402

del sys.modules["rich"]

if __name__ == "__main__":
    serve(handed_over(int(sys.argv[1])))
