"""Render supervisord's configuration: a pure function from programs to the text of the file."""

import shlex
from collections.abc import Iterable, Mapping

from appliance.programs import Program
from appliance.settings import Settings

HEADER = """\
; Written by the appliance at each start; edits are overwritten.
[unix_http_server]
file = {run}/supervisor.sock
chmod = 0700

[supervisord]
nodaemon = false
identifier = appliance
directory = {data}
logfile = {log}/supervisor.log
logfile_maxbytes = 10MB
logfile_backups = 3
pidfile = {run}/supervisord.pid
childlogdir = {log}
umask = 027
minfds = 1024
strip_ansi = false

[rpcinterface:supervisor]
supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface
"""

# Started in order by `up`, so never by the supervisor itself; restarted by it whenever they end, but for a final code.
# An end within startsecs is to supervisord a failed start, whatever the code: with a final code there are none.
PROGRAM = """
[program:{name}]
command = {command}
environment = {environment}
directory = {data}
priority = {priority}
autostart = false
{restarting}
startretries = 30
stopsignal = {stop_signal}
stopwaitsecs = {stop_seconds}
stopasgroup = {group}
killasgroup = {group}
redirect_stderr = true
stdout_logfile = {log}/{name}.log
stdout_logfile_maxbytes = 10MB
stdout_logfile_backups = 3
"""


def build_supervisor_config(settings: Settings, programs: Iterable[Program]) -> str:
    """The whole file. Priorities follow the order given, so that stopping goes through it backwards."""
    folders = {"run": settings.run_dir, "data": settings.data_dir, "log": settings.log_dir}
    places = {name: _escape(str(folder)) for name, folder in folders.items()}
    parts = [HEADER.format(**places)]
    for position, program in enumerate(programs, start=1):
        parts.append(
            PROGRAM.format(
                **places,
                name=program.name,
                command=_escape(shlex.join(program.argv)),
                environment=_escape(format_environment(program.env)),
                priority=(program.rank or position) * 10,
                stop_signal=program.stop_signal,
                stop_seconds=program.stop_seconds,
                restarting=_describe_restarting(program),
                group=str(program.stops_group).lower(),
            )
        )
    return "".join(parts)


def _describe_restarting(program: Program) -> str:
    if program.final_code is None:
        return "autorestart = true\nstartsecs = 1"
    return f"autorestart = unexpected\nexitcodes = {program.final_code}\nstartsecs = 0"


def format_environment(env: Mapping[str, str]) -> str:
    """``KEY="value"`` pairs, sorted. Refuses what supervisord's own parser would silently misread."""
    for name, value in env.items():
        if any(character in value for character in '"\n\r'):
            raise ValueError(f"{name} holds a quotation mark or a line break, which supervisord cannot carry.")
    return ",".join(f'{name}="{value}"' for name, value in sorted(env.items()))


def _escape(text: str) -> str:
    """supervisord takes ``%`` for an expansion, and `` ;`` and `` #`` for the start of a comment."""
    if " ;" in text or " #" in text:
        raise ValueError(f"supervisord would take part of this for a comment: {text}")
    return text.replace("%", "%%")
