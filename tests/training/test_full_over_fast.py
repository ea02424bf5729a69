"""Promoting a snapshot of the full budget over one of the fast budget that saw the same data."""

import pytest

pytest.importorskip("torch", reason="torch is not installed (make setup-training)")

from endcap.aws.snapshots import SnapshotBucket
from endcap.snapshot.figures import MEASURES
from endcap.snapshot.files import read_manifest
from endcap.snapshot.gates import GateError
from endcap.snapshot.promote import promote
from endcap_rebuild.job import rebuild
from endcap_rebuild.settings import RebuildSettings
from tests.fakes import moto_stack
from tests.fakes.toy_shop import NOW_MS, write_chain_shop
from tests.fakes.toy_snapshot import TINY_ENCODER

pytestmark = pytest.mark.training


@pytest.fixture
def bucket(tmp_path):
    with moto_stack.stack():
        yield SnapshotBucket(moto_stack.client("s3"), moto_stack.BUCKET, tmp_path / "cache")


def test_what_was_measured_gets_better_or_the_gate_refuses(bucket, tmp_path):
    shop = write_chain_shop(tmp_path / "shop", n_users=300)
    measured = {}
    for budget in ("fast", "full"):
        out = tmp_path / budget
        rebuild(RebuildSettings(shop, out, str(TINY_ENCODER), budget, cache=tmp_path / "cache", now_ms=NOW_MS))
        manifest = read_manifest(out)
        measured[budget] = manifest["metrics"]["validation"]
        bucket.upload(out, manifest["version"])
        measured[f"{budget} version"] = manifest["version"]
    assert measured["fast"]["cases"] == measured["full"]["cases"] > 0
    promote(measured["fast version"], bucket, None)
    better = all(measured["full"]["after"][name] >= measured["fast"]["after"][name] for name in MEASURES)
    if better:
        promote(measured["full version"], bucket, None)
    else:
        with pytest.raises(GateError):
            promote(measured["full version"], bucket, None)
    assert bucket.current().version == measured["full version" if better else "fast version"]
