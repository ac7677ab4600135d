"""One loaded GGUF: its weights, tokenizer and chat template."""

import ctypes
import logging
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chatapp.inference.artifacts.gguf import InvalidGGUFError, validate_gguf
from chatapp.inference.engine.devices import list_gpus
from chatapp.inference.engine.errors import EngineError
from chatapp.inference.engine.grammar import make_tokenizer
from chatapp.inference.engine.native import explain_failure, llama_cpp, start_backend
from chatapp.inference.engine.options import EngineOptions, SplitMode

if TYPE_CHECKING:
    from llguidance import LLTokenizer

_logger = logging.getLogger("chatapp.inference.engine")
# llama.cpp's numbers of them.
_SPLIT_MODES: dict[SplitMode, int] = {"none": 0, "layer": 1, "row": 2}
_UNKNOWN_PIECE_BYTES = 64


class Model:
    """Raises `EngineError` when llama.cpp cannot load the file, or should not try."""

    def __init__(self, path: Path, *, gpu_layers: int, options: EngineOptions) -> None:
        _validate(path)
        start_backend()
        self.on_gpu = gpu_layers != 0 and bool(llama_cpp.llama_supports_gpu_offload())
        if gpu_layers > 0 and not self.on_gpu:
            _logger.warning("gpu_layers is %d, but this build of llama.cpp can use no GPU here.", gpu_layers)
        parameters = llama_cpp.llama_model_default_params()
        parameters.n_gpu_layers = gpu_layers if self.on_gpu else 0
        parameters.use_extra_bufts = _may_repack(options, on_gpu=self.on_gpu)
        if self.on_gpu:
            _divide(parameters, options)
        self.handle = llama_cpp.llama_model_load_from_file(str(path).encode(), parameters)
        if not self.handle:
            raise EngineError(f"llama.cpp cannot load {path.name}{explain_failure()}")
        try:
            self.adapters = [(self._load_adapter(adapter.path), adapter.scale) for adapter in options.adapters]
        except EngineError:
            self.free()
            raise
        self._chat_template = options.chat_template
        self.vocab = llama_cpp.llama_model_get_vocab(self.handle)
        self.vocabulary_size: int = llama_cpp.llama_vocab_n_tokens(self.vocab)
        self.trained_context: int = llama_cpp.llama_model_n_ctx_train(self.handle)
        # A recurrent state cannot be cut back to an earlier token.
        self.can_rewind = not (
            llama_cpp.llama_model_is_recurrent(self.handle) or llama_cpp.llama_model_is_hybrid(self.handle)
        )
        self.end_tokens = frozenset(self._tokens_where(llama_cpp.llama_vocab_is_eog))
        self._control = self._tokens_where(llama_cpp.llama_vocab_is_control)
        self.control_texts = [self._text(token) for token in self._control]
        self.bos = self._text(llama_cpp.llama_vocab_bos(self.vocab))
        self.eos = self._text(llama_cpp.llama_vocab_eos(self.vocab))
        self._pieces: dict[int, bytes] = {}
        self._grammar_lock = threading.Lock()
        self._grammar_tokenizer: LLTokenizer | None = None

    def tokenize(self, text: str) -> list[int]:
        """Control texts become control tokens; the beginning-of-text token is added where the model wants it."""
        adds_bos = not (self.bos and text.startswith(self.bos))
        return self._tokenize(text.encode("utf-8", "replace"), special=True, adds_bos=adds_bos)

    def tokenize_plainly(self, data: bytes) -> list[int]:
        """Control texts stay text, and nothing is added but what the model's tokenizer puts before any text."""
        return self._tokenize(data, special=False, adds_bos=False)

    def piece(self, token: int) -> bytes:
        """The bytes of a token; none for control tokens. A token may be part of a character."""
        known = self._pieces.get(token)
        if known is None:
            known = self._pieces[token] = self._read_piece(token)
        return known

    def grammar_tokenizer(self) -> "LLTokenizer":
        """Made for the first answer that follows a grammar. The model must not be freed meanwhile."""
        with self._grammar_lock:
            if self._grammar_tokenizer is None:
                pieces = [self._read_piece(token) for token in range(self.vocabulary_size)]
                self._grammar_tokenizer = make_tokenizer(
                    pieces, control=self._control, end=sorted(self.end_tokens), tokenize=_ExactTokenizer(self, pieces)
                )
            return self._grammar_tokenizer

    def chat_template(self) -> str | None:
        """The option's, else the file's own."""
        if self._chat_template:
            return self._chat_template
        template = llama_cpp.llama_model_chat_template(self.handle, None)
        return template.decode("utf-8", "replace") if template else None

    def free(self) -> None:
        """The adapters go with it."""
        self._grammar_tokenizer = None  # it refers to this object
        if self.handle:
            llama_cpp.llama_model_free(self.handle)
            self.handle = None

    def _tokenize(self, data: bytes, *, special: bool, adds_bos: bool) -> list[int]:
        capacity = len(data) + 8
        tokens = (llama_cpp.llama_token * capacity)()
        count = llama_cpp.llama_tokenize(self.vocab, data, len(data), tokens, capacity, adds_bos, special)
        if count < 0:
            raise EngineError("llama.cpp cannot tokenize this text.")
        return tokens[:count]

    def _load_adapter(self, path: Path) -> Any:
        _validate(path)
        handle = llama_cpp.llama_adapter_lora_init(self.handle, str(path).encode())
        if not handle:
            raise EngineError(f"llama.cpp cannot use the adapter {path.name}{explain_failure()}")
        return handle

    def _read_piece(self, token: int) -> bytes:
        size = _UNKNOWN_PIECE_BYTES
        while True:
            buffer = ctypes.create_string_buffer(size)
            length: int = llama_cpp.llama_token_to_piece(self.vocab, token, buffer, size, 0, False)
            if length >= 0:
                return buffer.raw[:length]
            size = -length

    def _tokens_where(self, test: Any) -> list[int]:
        return [token for token in range(self.vocabulary_size) if test(self.vocab, token)]

    def _text(self, token: int) -> str:
        if token < 0:
            return ""
        text: bytes | None = llama_cpp.llama_vocab_get_text(self.vocab, token)
        return (text or b"").decode("utf-8", "replace")


class _ExactTokenizer:
    """Splits a text as the model would, or into single bytes where the model's tokenizer would add to the text."""

    def __init__(self, model: Model, pieces: Sequence[bytes]) -> None:
        self._model = model
        self._pieces = pieces
        self._bytes = {piece: token for token, piece in enumerate(pieces) if len(piece) == 1}

    def __call__(self, data: bytes) -> list[int]:
        tokens = self._model.tokenize_plainly(data)
        if b"".join(self._pieces[token] for token in tokens) == data:
            return tokens
        single = [bytes([byte]) for byte in data]
        return [self._bytes[byte] for byte in single if byte in self._bytes]


def _validate(path: Path) -> None:
    try:
        validate_gguf(path.resolve())
    except InvalidGGUFError as error:
        raise EngineError(str(error)) from error


def _divide(parameters: Any, options: EngineOptions) -> None:
    gpus = len(list_gpus())
    if options.main_gpu >= gpus or len(options.tensor_split) > gpus:
        raise EngineError(f"The options name more GPUs than the {gpus} of this machine.")
    parameters.split_mode = _SPLIT_MODES[options.split_mode]
    parameters.main_gpu = options.main_gpu
    if options.tensor_split:
        parameters.tensor_split = (ctypes.c_float * llama_cpp.llama_max_devices())(*options.tensor_split)


def _may_repack(options: EngineOptions, *, on_gpu: bool) -> bool:
    """Repacked weights read prompts faster on a CPU, and cannot be sent to a GPU.

    Not with AMX: llama.cpp's AMX code, as some compilers build it, ends the process.
    """
    if options.extra_buffers is not None:
        return options.extra_buffers
    return not on_gpu and b"AMX_INT8 = 1" not in llama_cpp.llama_print_system_info()
