"""The committed lists of vLLM's flags and parsers are those of the vLLM installed here."""

import json
import subprocess
from pathlib import Path

from inference.serving.command import embedder_command
from tests.engines.launch import INFERENCE_PYTHON, ROOT

SNAPSHOTS = (Path(__file__).with_name("parser_flags.json"), ROOT / "inference" / "registry" / "parsers.json")


def test_snapshots_are_current(tmp_path: Path) -> None:
    environment = embedder_command(python=INFERENCE_PYTHON, port=0, data_dir=tmp_path, root=ROOT).env
    argv = [str(INFERENCE_PYTHON), "-m", "tests.serving.parser_flags"]
    answer = subprocess.run(argv, env=environment, capture_output=True, text=True, timeout=120, check=True)
    derived = json.loads(answer.stdout[answer.stdout.index("{\n") :])
    committed = {path.name: json.loads(path.read_text()) for path in SNAPSHOTS}
    assert derived == committed, "Run: python -m tests.serving.parser_flags --write"
