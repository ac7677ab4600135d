"""Runs the product on one machine beside its services: preparation, web, workers and beat, until told to stop."""

import time
from dataclasses import replace

from chatapp.runtime import progress
from chatapp.runtime.embedded import Services
from chatapp.runtime.instance import Instance, remove_instance, write_instance
from chatapp.runtime.options import Options
from chatapp.runtime.process import Process, ProcessError, Program, stop_all
from chatapp.runtime.programs import LEAVE_SECONDS
from chatapp.runtime.readiness import ask_readiness
from chatapp.runtime.stages import Stage, run_stages
from chatapp.runtime.stop import StopFlag
from chatapp.runtime.watch import WatchedProcess

_LOOK_SECONDS = 0.2
_TRIM_SECONDS = 10.0
_ASK_SECONDS = 1.0
_MAX_DEATHS_AT_START = 5


class Supervisor:
    """Has one thread on purpose: parent-death signals and fork both ask for it."""

    def __init__(self, options: Options, *, instance: Instance, services: Services, stop: StopFlag) -> None:
        self._options = options
        self._instance = instance
        self._stop = stop
        self._services = [WatchedProcess(process) for process in services.processes]
        self._programs: list[WatchedProcess] = []
        self._trim_at = 0.0

    def run(self, *, stages: list[Stage], programs: list[Program], greeting: str) -> None:
        """Ends with StopRequested or ProcessError, and then every program has ended; the services are the caller's."""
        try:
            self._write_instance()
            run_stages(stages, tend=self._tend)
            self._start_programs(programs)
            self._wait_ready()
            progress.say(greeting)
            while True:
                self._tend()
                time.sleep(_LOOK_SECONDS)
        finally:
            progress.say("Stopping")
            patience = self._options.drain_seconds + LEAVE_SECONDS
            for name in stop_all([watched.process for watched in self._programs], seconds=patience):
                progress.say(f"{name} did not stop within {patience} s and was killed")
            remove_instance()

    def _start_programs(self, programs: list[Program]) -> None:
        progress.say(f"Starting {', '.join(program.name for program in programs)}")
        for program in programs:
            watched = WatchedProcess(Process(program))
            self._programs.append(watched)
            watched.process.start()
        self._write_instance()

    def _tend(self) -> None:
        self._stop.raise_if_set()
        watched = [*self._services, *self._programs]
        changed = [one.tend() for one in watched]
        if any(changed):
            self._write_instance()
        if time.monotonic() > self._trim_at:
            self._trim_at = time.monotonic() + _TRIM_SECONDS
            for one in watched:
                one.trim_log()

    def _wait_ready(self) -> None:
        """However long the first documents take; a process that cannot stay up ends the wait."""
        shown = ""
        ask_at = 0.0
        while True:
            self._tend()
            for watched in self._programs:
                if watched.deaths_in_a_row >= _MAX_DEATHS_AT_START:
                    raise ProcessError(f"{watched.name} does not stay up; see {watched.process.program.log}.")
            time.sleep(_LOOK_SECONDS)
            if time.monotonic() < ask_at:
                continue
            ask_at = time.monotonic() + _ASK_SECONDS
            readiness = ask_readiness(self._options.local_host, self._options.port)
            if readiness.ready:
                return
            if readiness.detail != shown:
                shown = readiness.detail
                progress.say(f"Not ready yet: {shown}")

    def _write_instance(self) -> None:
        running = [*self._services, *self._programs]
        pids = {one.name: one.process.pid for one in running if one.process.pid is not None}
        write_instance(replace(self._instance, processes=pids))
