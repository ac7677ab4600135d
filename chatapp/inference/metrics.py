"""What a worker measures. Slots and states of versions are facts of the database: see chatapp.exposition."""

from prometheus_client import Counter, Gauge, Histogram

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
MODEL_LOAD = Histogram(
    "chatapp_model_load_seconds",
    "From the decision to load a model until it can answer, its self-test included.",
    buckets=(0.1, 0.5, 1, 2, 5, 10, 20, 40, 80, 160, 320),
)
ENGINE_FAULTS = Counter("chatapp_engine_faults", "Engines that failed while they were loaded.", ["model_version"])
GPU_MEMORY = Gauge("chatapp_gpu_memory_bytes", "Of each GPU.", ["gpu", "kind"], multiprocess_mode="livemostrecent")
GPU_UTILIZATION = Gauge(
    "chatapp_gpu_utilization_ratio", "Of the last moment, by GPU.", ["gpu"], multiprocess_mode="livemostrecent"
)
