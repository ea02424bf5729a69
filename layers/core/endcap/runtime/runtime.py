"""All adapters of one function."""

from __future__ import annotations

from endcap.runtime.describing import Describing
from endcap.runtime.desk import Desk
from endcap.runtime.lists import Lists


class Runtime(Lists, Desk, Describing):
    """The adapters of one function, each loaded and built when first asked for: no function pays for another's.

    Parameters are those of `base.Base`.
    """
