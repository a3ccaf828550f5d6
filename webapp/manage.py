"""Django's management commands: ``python -m webapp.manage COMMAND``."""

import sys

from webapp.config import boot


def main() -> None:
    boot.select_settings()
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
