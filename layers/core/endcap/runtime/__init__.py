"""What one execution environment builds once and keeps, by what functions are for.

`base` has clients, settings and the guard; `people`, `shop`, `events` and `snapshots` what tells of these; `lists` what
lists are made from; `desk` what operators steer; `describing` what describes new items. `runtime` is all of it.
"""

from endcap.runtime.runtime import Runtime

__all__ = ["Runtime"]
