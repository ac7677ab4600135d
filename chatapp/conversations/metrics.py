"""What the answer path measures, in the process where it happens."""

from prometheus_client import Counter, Gauge, Histogram

_SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 60, 120, 300)

GENERATION_TTFT = Histogram(
    "chatapp_generation_ttft_seconds", "From the claim by a worker to the first text.", buckets=_SECONDS
)
GENERATION_DURATION = Histogram(
    "chatapp_generation_duration_seconds", "From the claim by a worker to the terminal commit.", buckets=_SECONDS
)
GENERATION_TOKENS = Counter("chatapp_generation_tokens", "Tokens of finished answers.", ["direction"])
GENERATIONS = Counter("chatapp_generations", "Finished answers.", ["status", "model_version"])
FALLBACKS = Counter(
    "chatapp_generation_fallbacks",
    "Answers given on because a version could not answer, by the next.",
    ["model_version"],
)
QUEUE_WAIT = Histogram("chatapp_queue_wait_seconds", "From the question to the claim by a worker.", buckets=_SECONDS)
ANSWER_CACHE = Counter("chatapp_answer_cache", "Answers looked for in the cache: `hit` or `miss`.", ["result"])
STREAM_READERS = Gauge(
    "chatapp_stream_readers", "Sockets and API calls that follow an answer.", multiprocess_mode="livesum"
)
STREAM_LAG = Histogram(
    "chatapp_stream_lag_seconds",
    "From the append by a worker to the hand-over to a follower.",
    buckets=(0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
)
