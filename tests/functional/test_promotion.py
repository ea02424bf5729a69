"""A snapshot whose files are as its manifest says, and whose values are not sound, never becomes the current one."""

from __future__ import annotations

from pathlib import Path
from unittest.mock import patch

import numpy as np
import pytest

from endcap.aws.refusals import Refusals
from endcap.aws.snapshots import SnapshotBucket
from endcap.errors import SnapshotIntegrityError
from endcap.snapshot.write import write_snapshot
from tests.fakes import moto_stack
from tests.fakes.functions import Functions
from tests.fakes.toy_snapshot import toy_contents

pytestmark = pytest.mark.filterwarnings("ignore:No application metrics")


@pytest.mark.parametrize("name", ["popularity", "trend"])
def test_values_are_looked_at_before_the_pointer_moves(tmp_path: Path, name: str) -> None:
    values = np.array(getattr(toy_contents(), name))
    values[2] = np.nan
    write_snapshot(tmp_path / "unsound", toy_contents(**{name: values}))
    with moto_stack.stack(), patch.dict("os.environ", {"SNAPSHOT_CACHE": str(tmp_path / "cache")}):
        bucket = SnapshotBucket(moto_stack.client("s3"), moto_stack.BUCKET, tmp_path / "uploads")
        bucket.upload(tmp_path / "unsound", "unsound")
        with pytest.raises(SnapshotIntegrityError):
            Functions().invoke("promote", {"version": "unsound", "force": True})
        assert moto_stack.objects("snapshots/current.json") == {}
        refused = Refusals(moto_stack.client("s3"), moto_stack.BUCKET).latest()
        assert refused is not None
        assert (refused.what, refused.version) == ("promote", "unsound")
        assert name in refused.error
