"""What self-tests found, kept beside the weights: a model that worked is not tried out again at the next start."""

import hashlib
import json
import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from chatapp.inference.engine.build import build_identity
from chatapp.inference.engine.options import EngineOptions
from chatapp.inference.engine.selftest import COMMAND, Plan, SelfTestError, run_selftest

_VERDICTS_KEPT = 20
_logger = logging.getLogger("chatapp.inference.engine")


def find_working_options(plan: Plan, *, command: Sequence[str] = COMMAND) -> EngineOptions:
    """The plan's options, without repacked weights where only that works. Raises SelfTestError.

    Only what worked is remembered: what failed is tried again, which harms nobody.
    """
    known = _read(plan)
    key = _key(plan)
    if key in known:
        return replace(plan.options, extra_buffers=known[key])
    options = _try_out(plan, command)
    _write(plan, {**known, key: options.extra_buffers})
    return options


def _try_out(plan: Plan, command: Sequence[str]) -> EngineOptions:
    try:
        run_selftest(plan, command=command)
    except SelfTestError as error:
        if not error.crashed or plan.options.extra_buffers is False:
            raise
        plain = replace(plan, options=replace(plan.options, extra_buffers=False))
        run_selftest(plain, command=command)
        _logger.warning("%s Weights are not repacked from now on; that works.", error)
        return plain.options
    return plan.options


def _key(plan: Plan) -> str:
    files = [plan.path, *(adapter.path for adapter in plan.options.adapters)]
    identities = [(path.stat().st_ino, path.stat().st_size, path.stat().st_mtime_ns) for path in files]
    return hashlib.sha256(json.dumps([plan.to_json(), identities, build_identity()]).encode()).hexdigest()


def _note(plan: Plan) -> Path:
    return plan.path.with_suffix(".selftest.json")


def _read(plan: Plan) -> dict[str, bool | None]:
    try:
        found = json.loads(_note(plan).read_text())
    except (OSError, ValueError):
        return {}
    if not isinstance(found, dict):
        return {}
    return {key: value for key, value in found.items() if value is None or isinstance(value, bool)}


def _write(plan: Plan, verdicts: dict[str, bool | None]) -> None:
    newest = dict(list(verdicts.items())[-_VERDICTS_KEPT:])
    partial = _note(plan).with_suffix(".part")
    try:
        partial.write_text(json.dumps(newest))
        partial.replace(_note(plan))
    except OSError as error:
        _logger.warning("The self-test's result cannot be kept: %s", error.strerror)
