"""appliance.yaml is read, or refused with the path of the key and what to write instead."""

import sys
from pathlib import Path

import pytest
from pydantic import ValidationError

from appliance.settings import SettingsError, environment, load
from appliance.settings.model import UNIX_SOCKET_PATH_LIMIT, Ingestion, Settings, Worker, defaults

EMPTY = "it is empty, which would be the folder of the file. Write a path, or leave the key out."
BLANK = "it is empty. Write a value, or leave the key out."
NO_HUB_ID = "is no hub id, which is written owner/name. Correct it, or leave the key out."


def write(folder: Path, text: str) -> Path:
    file = folder / "appliance.yaml"
    file.write_text(text, encoding="utf-8")
    return file


def test_missing_file_means_every_default(tmp_path: Path) -> None:
    settings = load(tmp_path / "absent.yaml")
    assert settings.web.port == 8400
    assert settings.model.path is None
    assert settings.data_dir.is_absolute()


@pytest.mark.parametrize("text", ["", "# only a comment\n", "---\n"])
def test_empty_file_means_every_default(tmp_path: Path, text: str) -> None:
    assert load(write(tmp_path, text)).worker.concurrency == 8


def test_relative_paths_start_at_the_folder_of_the_file(tmp_path: Path) -> None:
    settings = load(write(tmp_path, "data_dir: state\nmodel: {path: models/tiny}\ninstall: {wheelhouse: wheels}\n"))
    assert settings.data_dir == tmp_path / "state"
    assert settings.model.path == tmp_path / "models/tiny"
    assert settings.install.wheelhouse == tmp_path / "wheels"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("web: {prot: 8080}", "web.prot: there is no such key; did you mean 'web.port'?"),
        ("wep: {port: 8080}", "wep: there is no such key; did you mean 'web'?"),
        ("wheelhouse: /srv/wheels", "wheelhouse: there is no such key; did you mean 'install.wheelhouse'?"),
        ("site: {zzz: 1}", "site.zzz: there is no such key; valid here: language, name, time_zone."),
        ("web: {port: many}", "web.port: should be a valid integer (found 'many')."),
        ("web: {port: '8400'}", "web.port: should be a valid integer (found '8400')."),
        ("web: {port: true}", "web.port: should be a valid integer (found True)."),
        ("web: {https: 'on'}", "web.https: should be a valid boolean (found 'on')."),
        ("model: {kv_cache_gib: .inf}", "model.kv_cache_gib: should be a finite number (found inf)."),
        ("embeddings: {model: other}", "embeddings.model: should be 'all-MiniLM-L6-v2' (found 'other')."),
        ("web: {port: 99999}", "web.port: should be less than or equal to 65535 (found 99999)."),
        ("web: 8080", "web: this is a section, so it needs keys of its own below it (found 8080)."),
        ("web: {allowed_hosts: [{a: 1}]}", "web.allowed_hosts.0: should be a valid string (found {'a': 1})."),
        ("model: {path: ''}", f"model.path: {EMPTY}"),
        ("model: {adapters: {a: ' '}}", f"model.adapters.a: {EMPTY}"),
        ("data_dir: ''", f"data_dir: {EMPTY}"),
        ("model: {hub_id: Qwen/Qwen3-8B, revision: ''}", f"model.revision: {BLANK}"),
        ("model: {name: ' '}", f"model.name: {BLANK}"),
        ("further_models: {small: {path: tiny, port: 8411, licence: ''}}", f"further_models.small.licence: {BLANK}"),
        ("answers: {fallback: ''}", f"answers.fallback: {BLANK}"),
        ("model: {path: 3}", "model.path: should be a path (found 3)."),
        ("model: {adapters: x}",
         "model.adapters: this needs names of its own below it, each with its value (found 'x')."),
        ("model: {adapters: {a b: /m}}",
         "model.adapters.a b: should match pattern '^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$' (found 'a b')."),
        ("egress: {allow: 3}", "egress.allow: should be a list (found 3)."),
        ("model: {hub_id: ''}", f"model.hub_id: '' {NO_HUB_ID}"),
        ("model: {hub_id: nonsense}", f"model.hub_id: 'nonsense' {NO_HUB_ID}"),
        ("model: {hub_id: a/b/c}", f"model.hub_id: 'a/b/c' {NO_HUB_ID}"),
        ("model: {hub_id: a/..}", f"model.hub_id: 'a/..' {NO_HUB_ID}"),
        ("model: {hub_id: a/b..c}", f"model.hub_id: 'a/b..c' {NO_HUB_ID}"),
        ("model: {nodes: {address: y}}", "model.nodes.address: 'y' is no IPv4 or IPv6 address."),
        ("model: {nodes: {rank: 1}}", "model.nodes: rank is 1; of 1 nodes the last is 0."),
        ("model: {speculative: {method: draft_model}}",
         "model.speculative: method draft_model and draft, the directory of the smaller model, go together."),
        ("model: {require_signature: true}",
         "model: require_signature needs signing_key_file, the public key of whoever signs models for you."),
        ("model: {device: tpu}", "model.device: should be 'auto', 'cpu' or 'cuda' (found 'tpu')."),
    ],
)  # fmt: skip
def test_bad_key_is_refused_with_its_path_and_the_fix(tmp_path: Path, text: str, expected: str) -> None:
    file = write(tmp_path, text)
    with pytest.raises(SettingsError) as caught:
        load(file)
    assert str(caught.value) == f"{file} cannot be used:\n  {expected}"


def test_all_bad_keys_are_reported_at_once(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"(?s)web\.prot.*worker\.concurrency"):
        load(write(tmp_path, "web: {prot: 1}\nworker: {concurrency: 0}\n"))


@pytest.mark.parametrize(
    ("text", "reason"), [("a: [", "is not valid YAML"), ("- 1\n- 2\n", "must hold keys and values, not list")]
)
def test_file_that_is_no_mapping_is_refused(tmp_path: Path, text: str, reason: str) -> None:
    with pytest.raises(SettingsError, match=reason):
        load(write(tmp_path, text))


def test_named_file_that_is_not_there_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("APPLIANCE_CONFIG", str(tmp_path / "absent.yaml"))
    with pytest.raises(SettingsError, match=r"APPLIANCE_CONFIG names .*absent\.yaml, and there is no such file"):
        load.__wrapped__()


def test_default_file_need_not_be_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Components are always told the path, also of a file that nobody made."""
    monkeypatch.setattr(environment, "REPOSITORY", tmp_path)
    monkeypatch.setenv("APPLIANCE_CONFIG", str(tmp_path / "appliance.yaml"))
    assert load.__wrapped__().web.port == 8400


def test_file_that_cannot_be_read_is_said_without_a_traceback(tmp_path: Path) -> None:
    (tmp_path / "appliance.yaml").mkdir()
    with pytest.raises(SettingsError, match=r"appliance\.yaml cannot be read: Is a directory"):
        load(tmp_path / "appliance.yaml")


def test_two_components_cannot_have_the_same_port(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"web\.port and model\.port are both 8410; each needs its own"):
        load(write(tmp_path, "web: {port: 8410}\n"))


@pytest.mark.parametrize(("worker", "ingester", "size"), [(1, 1, 16), (8, 2, 24), (32, 2, 72), (2, 16, 40)])
def test_every_thread_of_a_process_finds_a_connection(worker: int, ingester: int, size: int) -> None:
    settings = Settings(worker=Worker(concurrency=worker), ingestion=Ingestion(concurrency=ingester))
    assert settings.database_pool_size == size


def test_more_threads_than_connections_can_be_had_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"worker\.concurrency"):
        load(write(tmp_path, "worker: {concurrency: 33}\n"))


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Settings().web.port = 1  # type: ignore[misc]  # the point of the test


def test_run_dir_is_in_the_data_dir_when_a_socket_fits() -> None:
    assert Settings(data_dir=Path("/srv/appliance")).run_dir == Path("/srv/appliance/run")


def test_run_dir_moves_to_tmp_when_a_socket_would_not_fit() -> None:
    long = Settings(data_dir=Path("/" + "d" * UNIX_SOCKET_PATH_LIMIT))
    other = Settings(data_dir=Path("/" + "e" * UNIX_SOCKET_PATH_LIMIT))
    assert long.run_dir.parts[:2] == ("/", "tmp")
    assert long.run_dir != other.run_dir
    assert len(str(long.run_dir / "postgresql/.s.PGSQL.5432.lock")) <= UNIX_SOCKET_PATH_LIMIT


def test_layout_beyond_one_machine_says_all_that_it_needs(tmp_path: Path) -> None:
    file = tmp_path / "appliance.yaml"
    file.write_text("layout: hosts\ndatabase:\n  host: /run/postgresql\n")
    with pytest.raises(SettingsError, match=r"layout: hosts needs redis\.socket or redis\.host, engine_proxy\.ca_file"):
        load(file)


@pytest.mark.parametrize("entry", ["example.com", "https://example.com:443", "example.com:0", "*:443", "a b:1"])
def test_odd_destination_is_refused(tmp_path: Path, entry: str) -> None:
    file = tmp_path / "appliance.yaml"
    file.write_text(f"egress:\n  allow: ['{entry}']\n")
    with pytest.raises(SettingsError, match=r"egress\.allow: .* is not host:port"):
        load(file)


def test_paths_of_every_section_start_at_the_file(tmp_path: Path) -> None:
    file = tmp_path / "appliance.yaml"
    file.write_text("engine_proxy:\n  ca_file: tls/ca.pem\n")
    assert load(file).engine_proxy.ca_file == tmp_path / "tls" / "ca.pem"


def test_signatures_cannot_be_required_without_a_key(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="require_signature needs signing_key_file"):
        load(write(tmp_path, "model: {require_signature: true}"))


def test_static_files_are_state_but_for_containers_whose_image_carries_them() -> None:
    settings = defaults()
    assert settings.static_dir == settings.data_dir / "static"
    in_pods = settings.model_copy(update={"layout": "kubernetes"})
    assert in_pods.static_dir == Path(sys.prefix) / "share" / "appliance" / "static"
