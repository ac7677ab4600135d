"""OpenAI's shapes, so that its clients work unchanged."""

from ninja import Router

from chatapp.api.openai import chat, embeddings, models

router = Router()
router.add_router("/models", models.router)
router.add_router("/chat/completions", chat.router)
router.add_router("/embeddings", embeddings.router)
