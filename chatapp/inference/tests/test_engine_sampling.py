import math
from collections.abc import Sequence

import pytest

from chatapp.inference.engine import SamplingError
from chatapp.inference.engine.sampling import Sampling, parse_sampling, parse_stop


def test_nothing_given_means_the_defaults() -> None:
    assert parse_sampling(None) == parse_sampling({"temperature": None}) == Sampling()


def test_known_parameters_are_taken() -> None:
    sampling = parse_sampling({"temperature": 0, "top_k": 0, "seed": 7, "ignore_eos": True, "logit_bias": {"5": -100}})
    assert sampling.logit_bias == ((5, -math.inf),)
    assert (sampling.temperature, sampling.top_k, sampling.seed, sampling.ignore_eos) == (0.0, 0, 7, True)


@pytest.mark.parametrize(
    "values",
    [
        {"n": 1_000_000},
        {"n_predict": -1},
        {"n_discard": -5},
        {"grammar": "root ::= x"},
        {"chat_template_kwargs": {}},
        {"temperature": 2.1},
        {"temperature": -0.1},
        {"temperature": math.nan},
        {"temperature": "1"},
        {"temperature": True},
        {"top_p": math.inf},
        {"top_k": -1},
        {"top_k": 1.5},
        {"min_p": 2},
        {"seed": 2**32},
        {"seed": "x"},
        {"frequency_penalty": 3},
        {"presence_penalty": -3},
        {"ignore_eos": 1},
        {"logit_bias": {str(token): 1 for token in range(301)}},
        {"logit_bias": {"x": 1}},
        {"logit_bias": {"-1": 1}},
        {"logit_bias": {"²": 1}},
        {"logit_bias": {"1": 101}},
        {"logit_bias": [1]},
    ],
)
def test_e03_unknown_or_impossible_parameters_are_refused(values: dict[str, object]) -> None:
    with pytest.raises(SamplingError) as caught:
        parse_sampling(values)
    assert caught.value.code == "invalid"
    assert next(iter(values)) in str(caught.value)


@pytest.mark.parametrize("stop", ["text", [""], ["x" * 201], ["x"] * 9])
def test_e03_bad_stop_strings_are_refused(stop: Sequence[str]) -> None:
    with pytest.raises(SamplingError):
        parse_stop(stop)
