#!/bin/sh
# Runs a rebuild on an image of AWS: installs what the code needs, then the code. It lies in the channel beside code.tar.gz.
set -eu
code=$(cd "$(dirname "$0")" && pwd)
root=${ENDCAP_ROOT:-/opt/ml}
place=$(mktemp -d)

failed() { # where SageMaker looks for the reason
  mkdir -p "$root/output"
  echo "the packages of the rebuild could not be installed, and the log says why; a network without a way to PyPI needs" \
    "an image of your own" > "$root/output/failure"
  exit 1
}

tar -xzf "$code/code.tar.gz" -C "$place" || failed
"${ENDCAP_PYTHON:-python3}" -m venv --system-site-packages "$place/venv" || failed # torch is the image's
for pinned in "$place"/requirements/*.txt; do
  "$place/venv/bin/python" -m pip install --quiet --no-deps --require-hashes --only-binary=:all: \
    --disable-pip-version-check --requirement "$pinned" || failed
done
export PYTHONPATH="$place/code" PYTHONDONTWRITEBYTECODE=1
exec "$place/venv/bin/python" -m endcap_rebuild.sagemaker train --root "$root"
