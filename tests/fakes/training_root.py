"""A folder that looks to the container as /opt/ml does, filled from hyperparameters and channels."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

INTERFACE = "eth0"


def write_training_root(
    root: Path,
    hyperparameters: Mapping[str, str],
    channels: Mapping[str, Mapping[str, bytes]],
    hosts: Sequence[str] = ("algo-1",),
    current_host: str = "algo-1",
) -> Path:
    """Write what SageMaker lays down before it starts `train`; channels are contents by path below the channel.

    https://docs.aws.amazon.com/sagemaker/latest/dg/your-algorithms-training-algo-running-container.html
    """
    config = root / "input" / "config"
    config.mkdir(parents=True, exist_ok=True)
    for folder in ("checkpoints", "model", "output"):
        (root / folder).mkdir(exist_ok=True)
    (config / "hyperparameters.json").write_text(json.dumps(hyperparameters))
    channel = {"TrainingInputMode": "File", "S3DistributionType": "FullyReplicated", "RecordWrapperType": "None"}
    (config / "inputdataconfig.json").write_text(json.dumps(dict.fromkeys(channels, channel)))
    resources = {"current_host": current_host, "hosts": list(hosts), "network_interface_name": INTERFACE}
    (config / "resourceconfig.json").write_text(json.dumps(resources))
    for name, files in channels.items():
        for key, content in files.items():
            path = root / "input" / "data" / name / key
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
    return root
