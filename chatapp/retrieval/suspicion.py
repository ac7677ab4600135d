"""Passages that speak to an assistant instead of to a reader: they wait for release before search may find them.

A second line: what protects an answer is that documents are fenced and marked as data (docs/retrieval.md). So the
rules prefer to miss an order over holding up honest text, and what is quoted as an example of an attack is let through.
RE2 reads a text in time that grows with its length only.
"""

import unicodedata
from dataclasses import dataclass

import re2

_REASON_MAX = 200
_SHOWN = 80
_ASSISTANT = r"(?:ai|a\.i\.|assistant|chat ?bot|llm|gpt|language model|ai model|copilot)"
_EARLIER = r"(?:previous|prior|above|earlier|preceding|former|other|these|those|your|all|everything|any|what)"
_GUIDANCE = r"(?:instructions?|prompts?|rules|guidelines|directions|orders|said|told|context|programming|constraints)"
_LINK = r"!?\[[^\]]{0,80}\]\(https?://[^)\s]+\?[^)\s]*=[^)\s]*\)"


@dataclass(frozen=True, slots=True)
class _Rule:
    reason: str
    pattern: str


_RULES = (
    _Rule(
        "It tells an assistant to forget its instructions",
        rf"\b(?:ignore|disregard|forget|override|bypass)\s+(?:\w+\s+){{0,4}}?{_EARLIER}\s+(?:\w+\s+){{0,5}}?{_GUIDANCE}\b"
        r"|\bignorier(?:e|en|t)\s+(?:\w+\s+){0,3}(?:anweisungen|vorgaben|regeln)\b"
        r"|\bignore[zr]?\s+(?:\w+\s+){0,3}(?:instructions|consignes)\s+(?:ci-dessus|précédentes)\b"
        r"|\bignor(?:a|e|ar)\s+(?:\w+\s+){0,3}instrucciones\b",
    ),
    _Rule(
        "It gives an assistant orders",
        rf"\b(?:attention|dear|hey|hello|listen|note (?:to|for)|instructions? (?:to|for)|message (?:to|for))"
        rf"[\s,:]+(?:(?:the|all|any|every|an?)\s+)?{_ASSISTANT}s?\s*[,:.!]"
        rf"|(?m:^|[.!?|]\s*)\s*{_ASSISTANT}\s*[,:]\s*(?:\w+\s+){{0,3}}?"
        r"(?:answer|reply|respond|say|write|ignore|output|repeat|reveal|print|quote|add|include|end|begin|start|you)\b"
        rf"|\b(?:if|when) you are an?\s+(?:\w+\s+)?{_ASSISTANT}\b"
        r"|\bas an ai (?:language )?model,? you\b",
    ),
    _Rule(
        "It gives an assistant another role",
        rf"\byou are now\s+(?:\w+\s+){{0,3}}?(?:{_ASSISTANT}|persona|unrestricted|unfiltered|dan|free from your)\b"
        r"|\byour new (?:name|role|persona|identity|instructions?|task|goal) (?:is|are)\b"
        r"|\b(?:pretend|act as if) (?:to be|you are|you were)\s+(?:\w+\s+){0,3}(?:ai|assistant|unfiltered)\b"
        r"|\b(?:enter|enable|switch to|activate) (?:developer|god|dan|jailbreak) mode\b",
    ),
    _Rule(
        "It asks for the instructions of an assistant",
        r"\b(?:reveal|repeat|print|show|output|leak|display|disclose|tell|write out|copy|recite)\s+(?:\w+\s+){0,3}?"
        r"(?:your|the|this)\s+(?:\w+\s+){0,2}?(?:system prompt|system message|initial instructions|hidden instructions"
        r"|developer message|initial prompt)\b",
    ),
    _Rule(
        "It imitates the marks of a conversation with a model",
        r"<\|[a-z_]{2,20}\|>|\[/?INST\]|<</?SYS>>|</s>|<\/?(?:system|assistant)>|<(?:start|end)_of_turn>"
        r"|(?m:^)\s*(?:system|developer)\s*:\s*(?:you\b|the rules\b|(?:new|updated?) (?:rules|instructions?)|ignore\b)"
        r"|(?m:^)\s*(?:#{2,}\s*)?(?:system|new) (?:prompt|instructions?) ?:"
        r"|\bdocuments? ends? here\b|\bend of (?:the )?(?:documents|context|sources)\b",
    ),
    _Rule(
        "It imitates a conversation with an assistant",
        r"(?m:^)\s*assistant\s*:(?s:.{0,600})(?m:^)\s*(?:user|human)\s*:"
        r"|(?m:^)\s*(?:user|human)\s*:(?s:.{0,600})(?m:^)\s*assistant\s*:",
    ),
    _Rule(
        "It says how answers have to be worded",
        r"\b(?:begin|start|end|finish|prefix|open|close|sign) (?:each|every|all|any|your) answers?\b"
        r"|\banswer\s+(?:\w+\s+){0,4}?(?:only|nothing but|solely|exclusively)\s+(?:with|by)\b"
        r"|\banswer with (?s:.{1,60}?)\b(?:and nothing else|and only that)\b"
        r"|\bsay \S{1,40} and stop\b|\bantworte (?:nur|ausschließlich|immer)\b|\bréponds? (?:uniquement|seulement)\b"
        r"|\bbefore (?:you )?(?:answer|answering)\b,? (?:first )?(?:say|write|print|output|repeat)\b",
    ),
    _Rule(
        "It has data sent to an address",
        rf"\b(?:add|include|insert|append|show|render|display|embed|put)\b[^.\n]{{0,60}}{_LINK}"
        r"|\b(?:send|post|forward|mail|upload|exfiltrate)\s+(?:\w+\s+){0,4}?(?:conversation so far|chat history"
        r"|system prompt|previous messages|user's (?:data|question|messages))\s+(?:\w+\s+){0,3}?to\b"
        r"|(?m:^|[.!?]\s+)\s*tell the (?:reader|asker|person who asks)\b[^.\n]{0,60}\b(?:password|credentials?|card)\b"
        r"|https?://\S{1,200}[?&]\w{1,30}=(?:\{\{?\w+\}?\}|<\w+>|\[\w+\]|(?:DATA|SECRET|HISTORY|CONVERSATION|ANSWER)\b)",
    ),
    _Rule("It hides text in an encoding", r"[A-Za-z0-9+/]{240,}={0,2}|(?:\\x[0-9a-fA-F]{2}){24,}|(?:&#\d{2,6};){24,}"),
)


def _compile(pattern: str) -> "re2._Regexp":
    return re2.compile(f"(?i){pattern}")


_COMPILED = [(rule.reason, _compile(rule.pattern)) for rule in _RULES]
# Text about attacks quotes them; an attack does not say what it is.
_ABOUT_ATTACKS = re2.compile(
    r"(?i)\b(?:attack|attacker|phishing|injection|malicious|fraud|scam|jailbreak|such as|for example|e\.g\.|report it)"
)
_QUOTED = re2.compile('["“”„«»`\'‘’][^"“”„«»`\n]{1,300}["“”«»`\'’]')  # noqa: RUF001 (quotation marks of all kinds)


def suspicion_of(*, heading: str, text: str) -> str:
    """The sentence that says why a passage has to wait, else "". At most 200 characters."""
    whole = unicodedata.normalize("NFKC", f"{heading}\n{text}")
    quoted = _quotations(whole)
    for reason, expression in _COMPILED:
        for found in expression.finditer(whole):
            if not _is_harmless(found.group(), found.span(), quoted):
                shown = " ".join(found.group().split())[:_SHOWN]
                return f"{reason}: “{shown}”."[:_REASON_MAX]
    return ""


def _quotations(text: str) -> list[tuple[int, int]]:
    return [found.span() for found in _QUOTED.finditer(text)] if _ABOUT_ATTACKS.search(text) else []


def _is_harmless(found: str, span: tuple[int, int], quoted: list[tuple[int, int]]) -> bool:
    if any(start <= span[0] and span[1] <= end for start, end in quoted):
        return True
    # A long run of letters is an encoding only if it has the variety of one.
    is_blob = len(found) >= 240 and " " not in found
    return is_blob and not ("\\" in found or "&" in found) and len(set(found)) < 30
