"""The committed list of vLLM's flags is that of the vLLM installed here."""

import json
import subprocess
from pathlib import Path

from inference.serving.command import embedder_command
from tests.engines.launch import INFERENCE_PYTHON, ROOT

SNAPSHOT = Path(__file__).with_name("parser_flags.json")


def test_snapshot_of_the_parser_is_current(tmp_path: Path) -> None:
    environment = embedder_command(python=INFERENCE_PYTHON, port=0, data_dir=tmp_path, root=ROOT).env
    argv = [str(INFERENCE_PYTHON), "-m", "tests.serving.parser_flags"]
    answer = subprocess.run(argv, env=environment, capture_output=True, text=True, timeout=120, check=True)
    derived = json.loads(answer.stdout[answer.stdout.index("{") :])
    assert derived == json.loads(SNAPSHOT.read_text()), "Run: python -m tests.serving.parser_flags --write"
