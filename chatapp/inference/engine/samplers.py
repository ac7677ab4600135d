"""Choosing the next token of one sequence from its logits."""

import ctypes
import math
import secrets
from dataclasses import replace
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from chatapp.inference.engine.errors import EngineError, SamplingError
from chatapp.inference.engine.grammar import make_matcher
from chatapp.inference.engine.model import Model
from chatapp.inference.engine.native import llama_cpp
from chatapp.inference.engine.sampling import Sampling

_PENALTY_WINDOW = 1024

Logits = npt.NDArray[np.float32]


class Sampler(Protocol):
    def choose(self, row: Logits, *, context: Any, index: int) -> int:
        """The next token, from the logits `row`, which is output `index` of the context's last batch."""

    def free(self) -> None: ...


def make_sampler(sampling: Sampling, *, model: Model) -> Sampler:
    if sampling.constraint:
        return _Constrained(sampling, model=model)
    if sampling.is_plain_greedy:
        return _Greedy(banned=sorted(model.end_tokens) if sampling.ignore_eos else [])
    return _Chain(sampling, model=model)


class _Greedy:
    """argmax over the logits buffer: llama.cpp's own greedy sampler first builds a list of the whole vocabulary."""

    def __init__(self, *, banned: list[int]) -> None:
        self._banned = banned

    def choose(self, row: Logits, *, context: Any, index: int) -> int:
        del context, index
        if self._banned:
            row[self._banned] = -np.inf
        token = int(row.argmax())
        if not math.isfinite(row[token]):
            raise EngineError("The model's output is not a number.")
        return token

    def free(self) -> None:
        pass


class _Chain:
    def __init__(self, sampling: Sampling, *, model: Model) -> None:
        self._chain = llama_cpp.llama_sampler_chain_init(llama_cpp.llama_sampler_chain_default_params())
        for sampler in _chain_members(sampling, model=model):
            llama_cpp.llama_sampler_chain_add(self._chain, sampler)

    def choose(self, row: Logits, *, context: Any, index: int) -> int:
        if not math.isfinite(row.max()):
            raise EngineError("The model's output is not a number.")
        return int(llama_cpp.llama_sampler_sample(self._chain, context, index))

    def free(self) -> None:
        llama_cpp.llama_sampler_free(self._chain)


class _Constrained:
    """Takes what the grammar does not allow out of the logits, then lets another sampler choose."""

    def __init__(self, sampling: Sampling, *, model: Model) -> None:
        self._matcher = make_matcher(sampling.constraint, tokenizer=model.grammar_tokenizer())
        # Here and not in the chain: with the allowed tokens banned, it would be left with nothing to choose from.
        self._biases = [(token, bias) for token, bias in sampling.logit_bias if token < model.vocabulary_size]
        self._sampler = make_sampler(replace(sampling, constraint="", logit_bias=()), model=model)

    def choose(self, row: Logits, *, context: Any, index: int) -> int:
        mask = np.frombuffer(self._matcher.compute_bitmask(), np.uint8)
        row[np.unpackbits(mask, count=len(row), bitorder="little") == 0] = -np.inf
        for token, bias in self._biases:
            row[token] += bias
        if self._matcher.is_error() or row.max() == -np.inf:
            raise SamplingError(f"The grammar cannot be followed: {_explain(self._matcher)}")
        token = self._sampler.choose(row, context=context, index=index)
        if not self._matcher.consume_token(token):
            raise SamplingError(f"The grammar cannot be followed: {_explain(self._matcher)}")
        return token

    def free(self) -> None:
        self._sampler.free()


def _explain(matcher: Any) -> str:
    reason: str = matcher.get_error()
    return reason.partition("\n")[0][:200] or "it allows no token here."


def _chain_members(sampling: Sampling, *, model: Model) -> list[Any]:
    """In llama.cpp's usual order: bias, penalties, cut-offs, temperature, choice."""
    members = []
    biases = [(token, bias) for token, bias in sampling.logit_bias if token < model.vocabulary_size]
    if sampling.ignore_eos:
        biases += [(token, -math.inf) for token in sorted(model.end_tokens)]
    if biases:
        array = (llama_cpp.llama_logit_bias * len(biases))(
            *(llama_cpp.llama_logit_bias(token, bias) for token, bias in biases)
        )
        members.append(llama_cpp.llama_sampler_init_logit_bias(model.vocabulary_size, len(biases), array))
    if sampling.frequency_penalty or sampling.presence_penalty:
        members.append(
            llama_cpp.llama_sampler_init_penalties(
                model.vocabulary_size, _PENALTY_WINDOW, 1.0, sampling.frequency_penalty, sampling.presence_penalty
            )
        )
    if sampling.temperature == 0:
        return [*members, llama_cpp.llama_sampler_init_greedy()]
    if sampling.top_k:
        members.append(llama_cpp.llama_sampler_init_top_k(sampling.top_k))
    if sampling.top_p < 1:
        members.append(llama_cpp.llama_sampler_init_top_p(ctypes.c_float(sampling.top_p), 1))
    if sampling.min_p > 0:
        members.append(llama_cpp.llama_sampler_init_min_p(ctypes.c_float(sampling.min_p), 1))
    members.append(llama_cpp.llama_sampler_init_temp(ctypes.c_float(sampling.temperature)))
    seed = secrets.randbelow(2**32 - 1) if sampling.seed is None else sampling.seed
    return [*members, llama_cpp.llama_sampler_init_dist(seed)]
