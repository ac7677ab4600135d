"""One scale for all models: what counts as found was measured with the default one, and others' cosines lie elsewhere.

Many models give any two texts a cosine of 0.7 or more; then no floor of the default model's would ever hold anything
back. The mean cosines of questions with their own answers, and with each other's, fix a line between the two scales.
"""

from dataclasses import dataclass

import numpy as np
import structlog

from chatapp.retrieval.embedding import EMBEDDING_MODEL, embed_texts

log = structlog.get_logger(__name__)

# Of many fields, in the words of an office and of everybody, and of no company's handbook.
QUESTIONS_AND_ANSWERS = (
    ("When does the swimming pool open?", "The pool is open from seven in the morning until nine at night."),
    ("How do I descale the coffee machine?", "Fill the tank with vinegar, run it twice, and rinse with clear water."),
    ("Which vaccines does a puppy need?", "Young dogs are vaccinated against distemper, parvovirus and rabies."),
    ("Who signs the lease of the shop?", "The rental contract is signed by the owner of the store and the landlord."),
    ("How is the wine stored?", "Bottles lie in the cellar at twelve degrees, away from light."),
    ("What must I pack for the hike?", "Bring boots, a rain jacket, two litres of water and a map for the tour."),
    ("Why is the printer out of order?", "The fuser unit broke, so nothing can be printed until the technician comes."),
    ("How long does a parcel take to Norway?", "Shipments to Scandinavia arrive within five working days."),
    ("What does the choir sing at the wedding?", "At the ceremony the singers perform Ave Maria and a gospel song."),
    ("How often are the brakes checked?", "Mechanics inspect the brake pads of each bus every ten thousand miles."),
    ("Where can I recycle batteries?", "Used batteries go into the red box next to the supermarket's entrance."),
    ("Which plants grow in the shade?", "Ferns and hostas do well where little sun reaches the garden."),
)
# A model that tells its pairs apart by less is left on its own scale: the line would be noise.
_LEAST_SPREAD = 0.02


@dataclass(frozen=True, slots=True)
class Scale:
    """A cosine of the model is read as `offset + factor * cosine`."""

    factor: float = 1.0
    offset: float = 0.0


def measure_scale(model: str) -> Scale:
    """Workers only. Raises EmbeddingError."""
    if model == EMBEDDING_MODEL:
        return Scale()
    unlike, alike = _cosines(model)
    if alike - unlike < _LEAST_SPREAD:
        log.warning("embedding_model_tells_nothing_apart", model=model, alike=alike, unlike=unlike)
        return Scale()
    its_unlike, its_alike = _cosines(EMBEDDING_MODEL)
    factor = (its_alike - its_unlike) / (alike - unlike)
    return Scale(factor, its_unlike - factor * unlike)


def _cosines(model: str) -> tuple[float, float]:
    """The mean cosine of a question with the other pairs' answers, and with its own."""
    questions, answers = zip(*QUESTIONS_AND_ANSWERS, strict=True)
    asked = np.asarray(embed_texts(questions, model=model, as_queries=True))
    cosines = asked @ np.asarray(embed_texts(answers, model=model)).T
    own = np.eye(len(questions), dtype=bool)
    return float(cosines[~own].mean()), float(cosines[own].mean())
