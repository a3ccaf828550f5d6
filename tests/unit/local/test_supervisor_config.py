"""supervisord's file is a pure function of settings and programs, compared whole."""

from pathlib import Path

import pytest

from appliance.local.supervisor_config import build_supervisor_config, format_environment
from appliance.programs import Program
from appliance.settings import Settings

SETTINGS = Settings(data_dir=Path("/srv/100% ours"))

EXPECTED = """\
; Written by the appliance at each start; edits are overwritten.
[unix_http_server]
file = /srv/100%% ours/run/supervisor.sock
chmod = 0700

[supervisord]
nodaemon = false
identifier = appliance
directory = /srv/100%% ours
logfile = /srv/100%% ours/log/supervisor.log
logfile_maxbytes = 10MB
logfile_backups = 3
pidfile = /srv/100%% ours/run/supervisord.pid
childlogdir = /srv/100%% ours/log
umask = 027
minfds = 1024
strip_ansi = false

[rpcinterface:supervisor]
supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface

[program:postgres]
command = /bin/postgres -D '/srv/100%% ours/postgres'
environment = A="1",B="50%%"
directory = /srv/100%% ours
priority = 10
autostart = false
autorestart = true
startsecs = 1
startretries = 30
stopsignal = INT
stopwaitsecs = 60
stopasgroup = false
killasgroup = false
redirect_stderr = true
stdout_logfile = /srv/100%% ours/log/postgres.log
stdout_logfile_maxbytes = 10MB
stdout_logfile_backups = 3

[program:web]
command = /bin/web
environment = \n\
directory = /srv/100%% ours
priority = 20
autostart = false
autorestart = true
startsecs = 1
startretries = 30
stopsignal = TERM
stopwaitsecs = 15
stopasgroup = true
killasgroup = true
redirect_stderr = true
stdout_logfile = /srv/100%% ours/log/web.log
stdout_logfile_maxbytes = 10MB
stdout_logfile_backups = 3
"""


def test_configuration_is_exactly_this() -> None:
    postgres = Program(
        "postgres", ("/bin/postgres", "-D", "/srv/100% ours/postgres"), {"B": "50%", "A": "1"},
        stop_signal="INT", stop_seconds=60, stops_group=False,
    )  # fmt: skip
    assert build_supervisor_config(SETTINGS, [postgres, Program("web", ("/bin/web",))]) == EXPECTED


def test_program_with_a_final_code_is_not_started_again_after_it() -> None:
    engine = Program("engine", ("/bin/engine",), stops_group=False, final_code=4)
    text = build_supervisor_config(SETTINGS, [engine])
    assert "autorestart = unexpected\nexitcodes = 4\nstartsecs = 0\nstartretries = 30\n" in text
    assert "stopasgroup = false\nkillasgroup = false\n" in text


@pytest.mark.parametrize("value", ['say "hello"', "two\nlines"])
def test_environment_that_supervisord_would_misread_is_refused(value: str) -> None:
    with pytest.raises(ValueError, match="NAME holds"):
        format_environment({"NAME": value})


@pytest.mark.parametrize("argument", ["a ;b", "a #b"])
def test_command_that_supervisord_would_cut_is_refused(argument: str) -> None:
    with pytest.raises(ValueError, match="comment"):
        build_supervisor_config(SETTINGS, [Program("web", ("/bin/web", argument))])
