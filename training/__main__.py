"""`python -m training`: see `training.command`."""

from __future__ import annotations

import os
import sys
import warnings


def main() -> int:
    """Run the command, or say what is not installed."""
    # Nothing is ever fetched: a base is a folder. Read by transformers when it is imported.
    os.environ["HF_HUB_OFFLINE"] = "1"
    # peft 0.21 asks transformers 5.23 by an old name; nobody who trains can do anything about it.
    warnings.filterwarnings("ignore", "`is_gradient_checkpointing` is deprecated", FutureWarning)
    try:
        from training.command import main as command  # noqa: PLC0415 - the extra may be missing
    except ModuleNotFoundError as error:
        sys.stderr.write(
            f"{error.name} is missing: install the extra `train` (pip install 'understudy[train]')\n"
        )
        return 1
    return command()


if __name__ == "__main__":
    sys.exit(main())
