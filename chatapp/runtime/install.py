"""`python3 -m chatapp.runtime.install [--dev]` sets up `.venv`, with the standard library of the system's Python."""

import sys

_LOWEST_PYTHON = (3, 11)


def main(arguments: list[str]) -> int:
    if sys.version_info < _LOWEST_PYTHON:
        wanted = ".".join(map(str, _LOWEST_PYTHON))
        sys.stderr.write(
            f"Chatapp needs Python {wanted} or newer; {sys.executable} is {sys.version.split()[0]}. "
            f"Install it, or name one: make run PYTHON=/path/to/python{wanted}\n"
        )
        return 1
    # Only now: an older Python could not even read these modules.
    from chatapp.runtime.environment import Environment, install
    from chatapp.runtime.jobs import InstallError

    try:
        install(Environment(), dev="--dev" in arguments)
    except InstallError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("Interrupted. The next start goes on from here.\n")
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
