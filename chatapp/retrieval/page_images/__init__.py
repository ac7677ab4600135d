"""Pictures of PDF pages, drawn in a process of their own when somebody asks, and kept beside the files."""

# Across, for a page of usual form; a long one gets fewer, so that no page has more than PIXELS.
WIDTH = 1_240
PIXELS = 4_000_000
IMAGE_BYTES = 4 * 1024 * 1024
# When so many are kept all go: each is drawn anew in less than a second.
KEPT = 2_000
FOLDER = "page-images"


def image_key(file: str, page: int) -> str:
    """Where the picture of a page lies: by the stored file, which versions may share."""
    return f"{FOLDER}/{image_prefix(file)}{page}.png"


def image_prefix(file: str) -> str:
    return f"{file.rpartition('/')[2]}-"
