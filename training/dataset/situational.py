"""Situational facts: what holds for one moment only, such as "tomorrow at 8" or "on my way".

A model that learns them says where it is and when it comes without knowing either. By patterns, in English, German,
Spanish, French, Italian, Portuguese and Dutch.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from enum import StrEnum
from typing import Final

import polars as pl

from chat.exports.export import Export
from training.dataset.filters import Cut, Filtered, Taken, kept_where


class Situational(StrEnum):
    """What is done about situational facts."""

    KEEP = "keep"
    MASK = "mask"
    """Each gives way to a mark of its kind, in everybody's messages."""
    DROP = "drop"
    """The owner's messages with one are taken out; others' keep theirs, for the owner answered them."""


_MONTHS: Final = (
    r"(?:jan(?:uary|uar|vier|eiro|uari)?|gennaio|enero|feb(?:ruary|ruar|ruari|rero|braio)?|février|fevereiro|mar(?:ch|zo|s|ço)?"
    r"|märz|maart|apr(?:il|ile)?|abril|avril|may|mai|mayo|maggio|maio|mei|june?|juni|junio|juin|giugno|junho|july?|juli|julio"
    r"|juillet|luglio|julho|aug(?:ust|ustus)?|agosto|août|sep(?:t|tember|tembre|tiembre)?|settembre|setembro|oct(?:ober|obre|ubre)?"
    r"|okt(?:ober)?|ottobre|outubro|nov(?:ember|embre|iembre|embro)?|dec(?:ember)?|dez(?:ember|embro)?|diciembre|décembre|dicembre)"
)
_DAYS: Final = (
    r"(?:mon|tues|wednes|thurs|fri|satur|sun)days?|montags?|dienstags?|mittwochs?|donnerstags?|freitags?|samstags?|sonntags?"
    r"|lunes|martes|miércoles|jueves|viernes|sábado|domingo|lundi|mardi|mercredi|jeudi|vendredi|samedi|dimanche|lunedì|martedì"
    r"|mercoledì|giovedì|venerdì|sabato|domenica|(?:segunda|terça|quarta|quinta|sexta)(?:-feira)?"
    r"|maandag|dinsdag|woensdag|donderdag|vrijdag|zaterdag|zondag"
)
_RELATIVE: Final = (
    r"tomorrow|tonight|yesterday|today|this (?:morning|afternoon|evening)|next (?:week|month|weekend)"
    r"|heute(?: abend)?|morgen(?: früh)?|übermorgen|gestern|nächste woche"
    r"|mañana|ayer|hoy|esta (?:noche|tarde)|demain|hier soir|aujourd'hui|ce soir"
    r"|domani|ieri|oggi|stasera|amanhã|ontem|hoje|vanavond|gisteren|vandaag"
)
PATTERNS: Final = {
    "[date]": re.compile(
        r"(?<![\w.])(?:\d{4}-\d{2}-\d{2}|\d{1,2}[./]\d{1,2}[./](?:\d{4}|\d{2})|\d{1,2}\.\d{1,2}\."
        rf"|\d{{1,2}}(?:st|nd|rd|th|\.)?\s(?:of\s|de\s)?{_MONTHS}|{_MONTHS}\s\d{{1,2}}(?:st|nd|rd|th)?)(?!\w)",
        re.IGNORECASE,
    ),
    "[time]": re.compile(
        r"(?<![\w.:])(?:(?:at|um|gegen|ab|a las?|à|alle|às|om)\s\d{1,2}(?:[:.h]\d{2})?(?:\s?(?:[ap]\.?m\.?|uhr|h|uur))?"
        r"|\d{1,2}[:h]\d{2}(?:\s?(?:[ap]m|uhr|h|uur))?|\d{1,2}\s?(?:[ap]m|uhr|o'clock|uur)"
        r"|in\s(?:a|an|einer|\d{1,3})\s(?:min(?:ute)?s?|minuten?|hours?|stunden?|h|minuti|minutos|ore|horas|uur))(?![\w:])",
        re.IGNORECASE,
    ),
    "[day]": re.compile(rf"(?<!\w)(?:{_RELATIVE}|{_DAYS})(?!\w)", re.IGNORECASE),
    "[whereabouts]": re.compile(
        r"(?<!\w)(?:on my way|omw|be (?:there|right there|right back)(?: soon)?|brb|i'?m (?:at|on) the \w+"
        r"|just (?:left|arrived)|running late|bin (?:gleich|schon|noch|fast|unterwegs|auf dem weg)(?: da| unterwegs)?"
        r"|komme gleich|auf dem weg|(?:ya )?voy(?: en camino| para allá)|en camino|estoy llegando|j'arrive|en route"
        r"|sto arrivando|arrivo|a caminho|tô chegando|onderweg|ben er zo)(?!\w)",
        re.IGNORECASE,
    ),
}
"""What each kind of fact gives way to, and how it is known."""


def masked(text: str) -> str:
    """Give a text with marks in the place of situational facts."""
    for mark, pattern in PATTERNS.items():
        text = pattern.sub(mark, text)
    return text


def without_situations(exports: Sequence[Export], way: Situational) -> Filtered:
    """Mask situational facts or take them out; what was changed or taken is counted by chat."""
    if way is Situational.KEEP:
        return Filtered(tuple(exports))
    if way is Situational.DROP:
        masks = []
        for export in exports:
            texts = export.rows.get_column("text")
            tells = pl.Series([any(pattern.search(text) for pattern in PATTERNS.values()) for text in texts])
            masks.append(~(pl.col("author").is_in(sorted(export.owner)) & tells.cast(pl.Boolean())))
        return kept_where(exports, Taken.SITUATIONAL, masks)
    made, cuts = [], []
    for export in exports:
        before = export.rows.get_column("text")
        after = pl.Series("text", [masked(text) for text in before], dtype=pl.String())
        if changed := int((before != after).sum()):
            cuts.append(Cut(export.chat.key, Taken.MASKED, changed))
        made.append(replace(export, rows=export.rows.with_columns(after)))
    return Filtered(tuple(made), tuple(cuts))
