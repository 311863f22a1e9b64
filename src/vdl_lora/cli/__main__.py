"""`python -m vdl_lora.cli` is the command `vdl-lora`."""

from .main import main

if __name__ == "__main__":
    main()
