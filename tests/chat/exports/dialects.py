"""WhatsApp's writing side, as far as the tests need it: messages out, in the dialects phones use."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

LRM, RLM, NBSP, NNBSP, BOM = "\u200e", "\u200f", "\u00a0", "\u202f", "\ufeff"


@dataclass(frozen=True)
class Dialect:
    """`stamp` writes the moment with what stands around it; `seconds` and `end` are the phone's."""

    name: str
    stamp: Callable[[datetime], str]
    seconds: bool
    end: str = "\n"

    def write(self, messages: Iterable[tuple[datetime, str, str]]) -> str:
        return "".join(
            f"{self.stamp(at)}{name}: {text}".replace("\n", self.end) + self.end
            for at, name, text in messages
        )


def _half(at: datetime) -> tuple[int, str]:
    return at.hour % 12 or 12, "AM" if at.hour < 12 else "PM"


def _us_iphone(at: datetime) -> str:
    hour, half = _half(at)
    return f"[{at.month}/{at.day}/{at:%y}, {hour}:{at:%M:%S}{NNBSP}{half}] "


def _us_android(at: datetime) -> str:
    hour, half = _half(at)
    return f"{at.month}/{at.day}/{at:%y}, {hour}:{at:%M}{NNBSP}{half} - "


def _spanish(at: datetime) -> str:
    hour, half = _half(at)
    return f"{at.day}/{at.month}/{at.year}, {hour}:{at:%M} {half[0].lower()}.{NBSP}m. - "


def _arabic(at: datetime) -> str:
    digits = str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩")
    return f"[{at.day}{RLM}/{at.month}{RLM}/{at.year}، {at:%H:%M:%S}] ".translate(digits)


def _arabic_halves(at: datetime) -> str:
    hour, half = _half(at)
    text = (
        f"[{at.day}{RLM}/{at.month}{RLM}/{at.year}{RLM}، {hour}:{at:%M:%S} {'ص' if half == 'AM' else 'م'}] "
    )
    return text.translate(str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩"))


def _arabic_western(at: datetime) -> str:
    return f"[{at.day}{RLM}/{at.month}{RLM}/{at.year}{RLM}\u060c {at:%H:%M:%S}] "


def _us_android_plain(at: datetime) -> str:
    hour, half = _half(at)
    return f"{at.month}/{at.day}/{at:%y}, {hour}:{at:%M} {half} - "


def _indian_android(at: datetime) -> str:
    hour, half = _half(at)
    return f"{at:%d/%m/%y}, {hour}:{at:%M}{NBSP}{half.lower()} - "


def _spanish_iphone(at: datetime) -> str:
    hour, half = _half(at)
    return f"[{at.day}/{at.month}/{at:%y}, {hour}:{at:%M:%S}{NNBSP}{half[0].lower()}.{NBSP}m.] "


def _german_halves(at: datetime) -> str:
    hour, _ = _half(at)
    half = ("nachts", "morgens", "vorm.", "mittags", "nachm.", "abends")[at.hour // 4]
    if (half in {"mittags", "nachm.", "abends"}) != (at.hour >= 12):
        half = "vorm." if at.hour < 12 else "nachm."
    return f"{at:%d.%m.%y}, {hour}:{at:%M} {half} - "


def _chinese(at: datetime) -> str:
    hour, half = _half(at)
    return f"[{at.year}/{at.month}/{at.day} {'上午' if half == 'AM' else '下午'}{hour}:{at:%M:%S}] "


DIALECTS = (
    Dialect("uk android", lambda at: f"{at:%d/%m/%Y, %H:%M} - ", seconds=False),
    Dialect("us android", _us_android, seconds=False),
    Dialect("dutch android", lambda at: f"{at:%d-%m-%Y %H:%M} - ", seconds=False),
    Dialect("brazilian android", lambda at: f"{at:%d/%m/%Y %H:%M} - ", seconds=False),
    Dialect("german android", lambda at: f"{at:%d.%m.%y, %H:%M} - ", seconds=False),
    Dialect(
        "finnish android", lambda at: f"{at.day}.{at.month}.{at.year} klo {at.hour}.{at:%M} - ", seconds=False
    ),
    Dialect("croatian android", lambda at: f"{at.day}. {at.month}. {at.year}. {at:%H:%M} - ", seconds=False),
    Dialect("iso android", lambda at: f"{at:%Y-%m-%d, %H:%M} - ", seconds=False),
    Dialect("spanish android", _spanish, seconds=False),
    Dialect("uk iphone", lambda at: f"[{at:%d/%m/%Y, %H:%M:%S}] ", seconds=True, end="\r\n"),
    Dialect("us iphone", _us_iphone, seconds=True, end="\r\n"),
    Dialect("french iphone", lambda at: f"[{at:%d/%m/%Y %H:%M:%S}] ", seconds=True, end="\r\n"),
    Dialect("indonesian iphone", lambda at: f"[{at:%d/%m/%y} {at:%H.%M.%S}] ", seconds=True, end="\r\n"),
    Dialect("vietnamese iphone", lambda at: f"[{at:%H:%M:%S, %d/%m/%Y}] ", seconds=True, end="\r\n"),
    Dialect(
        "thai iphone",
        lambda at: f"[{at.day}/{at.month}/{at.year + 543} {at:%H:%M:%S}] ",
        seconds=True,
        end="\r\n",
    ),
    Dialect("arabic iphone", _arabic, seconds=True, end="\r\n"),
    Dialect("arabic iphone with halves", _arabic_halves, seconds=True, end="\r\n"),
    Dialect("german android with halves", _german_halves, seconds=False),
    Dialect("chinese iphone", _chinese, seconds=True, end="\r\n"),
    Dialect(
        "buddhist iphone",
        lambda at: f"[{at.month}/{at.day}/{at.year + 543} BE {at:%H:%M:%S}] ",
        seconds=True,
        end="\r\n",
    ),
    Dialect(
        "japanese iphone",
        lambda at: f"[{at.month}/{at.day}/R{at.year - 2018}, {at:%H:%M:%S}] ",
        seconds=True,
        end="\r\n",
    ),
    Dialect(
        "iphone with marks before lines",
        lambda at: f"{LRM}[{at:%d/%m/%Y, %H:%M:%S}] ",
        seconds=True,
        end="\r\n",
    ),
    Dialect("argentine android", lambda at: f"{at.day}/{at.month}/{at:%y} {at:%H:%M} - ", seconds=False),
    Dialect("arabic iphone with western digits", _arabic_western, seconds=True, end="\r\n"),
    Dialect("us android with plain spaces", _us_android_plain, seconds=False),
    Dialect("indian android", _indian_android, seconds=False),
    Dialect("spanish iphone", _spanish_iphone, seconds=True, end="\r\n"),
    Dialect("german iphone", lambda at: f"[{at:%d.%m.%y, %H:%M:%S}] ", seconds=True, end="\r\n"),
)
