"""What the child process may use. The limits are set by the child itself before it opens the file."""

import resource
import signal

MEMORY_BYTES = 1024 * 1024 * 1024
CPU_SECONDS = 60
WALL_SECONDS = 90
OUTPUT_BYTES = 64 * 1024 * 1024
MAX_CHARACTERS = 10_000_000
MAX_PAGES = 5_000
# A .docx is a zip: what its directory declares is checked before anything is unpacked.
ARCHIVE_BYTES = 200 * 1024 * 1024
ARCHIVE_ENTRIES = 5_000
MEMBER_BYTES = 48 * 1024 * 1024
MEMBERS = 500
MEMBER_DEPTH = 3
TABLE_COLUMNS = 1_000
# Text recognition takes a second or two a page; what is left over is said in a note.
OCR_PAGES = 200
OCR_SECONDS = 60
OCR_PAGE_SECONDS = 20
PICTURE_PIXELS = 50_000_000
OCR_PIXELS = 25_000_000
# Variables of the child's environment: the binary, where recognition is on, and its languages.
TESSERACT, OCR_LANGUAGES = "TESSERACT", "OCR_LANGUAGES"


def apply_limits() -> None:
    """Memory, CPU, size of the output and, should the parent die, wall clock."""
    for kind, limit in (
        (resource.RLIMIT_AS, MEMORY_BYTES),
        (resource.RLIMIT_CPU, CPU_SECONDS),
        (resource.RLIMIT_FSIZE, OUTPUT_BYTES),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(kind, (limit, limit))
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)  # Python ignores it; the parent tells by it what happened
    signal.alarm(WALL_SECONDS + 5)
