"""What the engine measures per decode step. The number of slots is a fact of the database: see chatapp.metrics."""

from prometheus_client import Counter, Histogram

ENGINE_STEP = Histogram(
    "chatapp_engine_step_seconds",
    "One decode step of the engine.",
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.02, 0.04, 0.08, 0.15, 0.3, 0.6, 1.2, 2.5),
)
ENGINE_BATCH_TOKENS = Histogram(
    "chatapp_engine_batch_tokens",
    "Tokens in one decode step, of prompts and of answers.",
    buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048),
)
ENGINE_PREFIX_REUSED = Counter("chatapp_engine_prefix_reused_tokens", "Prompt tokens that were not computed again.")
