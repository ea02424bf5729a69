"""Whether a data set's timestamps are times at all.

Exports often carry a running number, or one constant, where a time should stand. Ages and days computed from such
numbers are noise, so time terms are switched off and validation takes each user's last event.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from endcap.events.types import DAY_S

# Below this span half-lives of days can't be told apart.
_SHORTEST_SPAN_MS: Final = DAY_S * 1000
# No shop recorded interactions before this: 1980-01-01.
_EARLIEST_MS: Final = 315_532_800_000


def clock_usable(time_ms: NDArray[np.int64]) -> bool:
    """One rule: at least two times, a day or more apart, and more than half of all since 1980.

    Running numbers (1, 2, 3, ...) read as seconds fall into 1970; a constant has no span.
    """
    if len(time_ms) < 2:
        return False
    recent = time_ms[time_ms >= _EARLIEST_MS]
    return bool(2 * len(recent) > len(time_ms) and int(recent.max()) - int(recent.min()) >= _SHORTEST_SPAN_MS)
