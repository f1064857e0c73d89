"""What libraries say on the way is for who calls them, not for who trains or measures a persona."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from datasets import disable_progress_bars
from transformers.utils.logging import disable_progress_bar, set_verbosity_error


@contextmanager
def quiet() -> Iterator[None]:
    """Silence what nobody could act on: their logs and bars for good, warnings of peft's while this lasts."""
    set_verbosity_error()
    disable_progress_bar()
    disable_progress_bars()
    # It looks for kernels that it can do without.
    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        # peft 0.21 asks transformers 5.23 by an old name.
        warnings.filterwarnings("ignore", "`is_gradient_checkpointing` is deprecated", FutureWarning)
        # It says what it then does by itself.
        warnings.filterwarnings("ignore", "fan_in_fan_out is set to False but the target module is `Conv1D`")
        yield
