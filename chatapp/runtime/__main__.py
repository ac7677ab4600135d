"""`python -m chatapp.runtime [--stop-with-parent]` runs the product; see docs/operations.md."""

import os
import signal
import sys
import time

from chatapp.runtime import progress
from chatapp.runtime.embedded import Services, start_services, stop_services
from chatapp.runtime.environ import read_variable
from chatapp.runtime.files import home, make_private_folder
from chatapp.runtime.greeting import compose_greeting
from chatapp.runtime.instance import Instance
from chatapp.runtime.linux import die_with_parent
from chatapp.runtime.lock import AlreadyRunningError, lock_home
from chatapp.runtime.options import Options, read_options
from chatapp.runtime.ports import is_free
from chatapp.runtime.process import ProcessError
from chatapp.runtime.programs import list_programs
from chatapp.runtime.secret_store import Secrets, load_secrets
from chatapp.runtime.stages import list_stages
from chatapp.runtime.stop import StopFlag, StopRequested
from chatapp.runtime.supervisor import Supervisor

_PORT_PATIENCE_SECONDS = 3


def main(arguments: list[str]) -> int:
    if "--stop-with-parent" in arguments:  # `make run` killed hard shall not leave a product without a terminal
        die_with_parent(os.getppid(), signal.SIGTERM)
    os.umask(0o077)
    try:
        serve(read_options(), StopFlag())
    except StopRequested:
        return 0
    except (AlreadyRunningError, ProcessError, OSError, ValueError) as error:
        sys.stderr.write(f"Chatapp does not run: {error}\n")
        return 1
    return 0


def serve(options: Options, stop: StopFlag) -> None:
    place = make_private_folder(home())
    with lock_home(place):
        require_port(options)
        secrets = load_secrets(place)
        progress.say("Starting PostgreSQL and Valkey")
        services = start_services(place, valkey_password=secrets.valkey_password)
        try:
            instance = describe_instance(options, secrets=secrets, services=services)
            demo_password = options.demo_password or secrets.demo_password
            Supervisor(options, instance=instance, services=services, stop=stop).run(
                stages=list_stages(options, home=place, demo_password=demo_password),
                programs=list_programs(options, home=place),
                greeting=compose_greeting(options, demo_password=demo_password),
            )
        finally:
            stop_services(services)
            progress.say("Stopped")


def describe_instance(options: Options, *, secrets: Secrets, services: Services) -> Instance:
    """What the environment sets wins over what was generated, in `manage.py` too, which has another environment."""
    keys = read_variable("FIELD_ENCRYPTION_KEYS")
    return Instance(
        pid=os.getpid(),
        port=options.port,
        database_url=services.database_url,
        redis_url=services.redis_url,
        secret_key=read_variable("SECRET_KEY") or secrets.secret_key,
        field_encryption_keys=tuple(keys.split(",")) if keys else (secrets.field_encryption_key,),
        demo=options.demo,
        processes={},
    )


def require_port(options: Options) -> None:
    """ProcessError if the port stays in use; the processes of a killed supervisor need a moment to end."""
    deadline = time.monotonic() + _PORT_PATIENCE_SECONDS
    while not is_free(options.host, options.port):
        if time.monotonic() > deadline:
            raise ProcessError(
                f"Port {options.port} on {options.host} is in use or not allowed. "
                f"Choose another one, for example: PORT={options.port + 1} make run"
            )
        time.sleep(0.1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
