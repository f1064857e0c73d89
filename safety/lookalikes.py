"""Lookalikes: folded characters that a person may read as a letter from a to z.

From the Unicode security mechanisms' confusables.txt (UTS 39; Unicode License v3), less what folding
unites anyway, with common leetspeak and the letters of other alphabets that merely resemble a Latin one.
Lookalikes of several letters stand with each.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType

_NAMED = re.compile(
    r"(?:[A-Z-]+ )*(?:LATIN|SANS-SERIF) (?:(?!WITH )[A-Z-]+ )*([A-Z])(?: WITH (?!.*LETTER).*)?"
)

LOOKALIKES: Mapping[str, str] = MappingProxyType(
    {
        "a": "4@ɐɑɒʌαλаᎪᗅᴀ∆⍶⍺△ꓮ𐊠𖽀",
        "b": "8ƀƃƅɓʙβбвьѣҍᏏᏴᑲᑳᖯᗷꓐꞵ𐊂𐊡𐌁",
        "c": "¢©ȼσсҫᏟᴄ₡ⲥꓚ𐊢𐌂𐐽𐔜𑣩𑣲🅮🝌",
        "d": "ðđƌɖɗԁᎠᏧᑯᗞᗪᴅ₫ꓒꓓ",
        "e": "3ǝɇɘəɛɜɝɞʚεξезэєҽҿᎬᴇ€℮∃∑⋿ⴹꓰꬲ𐊆𑣆𑣎",
        "f": "ƒϝքᖴᵮẝꓝꞙꬵ𐊇𐊥𐔥𑣂𝈓",
        "g": "9ƍǥɠɡԍցᏀᏳᶃꓖ",
        "h": "ħɦʜηнћңһӈӊհᎻᏂᏲᕼⱨⲏꓧꚕ𐋏",
        "i": "!1l|¡ǃɨɩɪιіӏᎥᴉᵻᵼ⍳⍸ꙇ𑣃",
        "j": "ɉʝϳјᎫᒍᴊꓙ",
        "k": "ƙκкқҟᏦᛕᴋ₭ⱪⲕꓗꝁ𐔘",
        "l": "!1i|¡£łƚǀɨɩɫɭʟιіӏ۱Ꮮᒪᛁᣳ∣⏽│ⲓⳑⵏꓡꓲ𐊊𐌉𐌠𐑃𐔦𑣃𑣒𖼖𖼨𝈪",
        "m": "μϻмӎᎷᗰᛖᴍⲙꓟꭑ𐊰𐌑",
        "n": "ŋƞɲɳɴηνипոռᵰ∩ⲛꓠ𐆎𐔓",
        "o": "0øɵθοσоѳөօ۵०০੦૦ଠ୦௦\u0c02౦\u0c82೦\u0d02ഠ൦\u0d82๐໐ဝ၀ჿዐᎤᎾᏫᴏᴑ⊖⊝⍬○●ⲟⴱⵁⵔ〇ꓳꝋꬽꬾ𐊒𐊫𐐬𐓪𐔖𑓐𑣈𑣕𑣗𑣠𝈚🜔",
        "p": "þƥπρрᏢᑭᣖᴘᵽ℗⍴ⲣꓑ𐊕",
        "q": "ʠԛգզⵕ",
        "r": "®ɍɼɽʀгяғᎡᎱᏒᖇᣴᴦᵲⲅꓣꭇꭈ𐓜𖼵𝈖",
        "s": "$5§ƽʂѕտᏕᏚᣵᵴꓢꜱ𐊖𐑈𑣁𖼺",
        "t": "+7ŧƫƭʈτтҭᎢᵵ†₮⊤⍡⟙ⱦⲧꓔ𐊗𐊱𐌕𑣜𖼊🝨",
        "u": "ʉʋμυцսሀᏌᑌᴜᵾ∪⋃ꓴꞟꭎꭒ𐓶𑣘𖽂",
        "v": "νѵ۷Ꮩᐯᴠ∨⋁ⴸꓦꛟ𐆗𐔝𑜆𑣀𖼈𝈍🜈",
        "w": "ɯωшщѡѽԝաᎳᏔᴡ₩ꓪꝡ𑓅𑜊𑜎𑜏𑣦𑣯",
        "x": "×χхҳᕁᕽ᙭᙮ᚷ╳⤫⤬⨯⨰ⲭⵝꓫꭓ𐆖𐊐𐊴𐌗𐌢𐔧𑣬",
        "y": "¥ƴɏɣʏγυучүұყᎩᎽᶌỿⲩꓬꭚ𐊲𑣄𑣜𖽃",
        "z": "2ƶȥʐζᏃᙆᴢᵶꓜ𐋵𑣄𑣉𑣥",
    }
)


@lru_cache(maxsize=8192)
def letters_like(character: str) -> str:
    """The letters from a to z that a folded character may stand for, its own self aside; often none."""
    letters = _LETTERS.get(character, "")
    # Letters with strokes, hooks and tails, and turned ones, are too many to list: their names tell.
    named = _NAMED.fullmatch(unicodedata.name(character, ""))
    if named and (letter := named[1].lower()) not in letters + character:
        letters += letter
    return letters


def _enclosed() -> dict[str, str]:
    """Letters in black circles and squares, and the flags' letters, which no normal form takes apart."""
    return {chr(first + at): chr(ord("a") + at) for first in (0x1F150, 0x1F170, 0x1F1E6) for at in range(26)}


def _inverted() -> Mapping[str, str]:
    letters = _enclosed()
    for letter, characters in LOOKALIKES.items():
        for character in characters:
            letters[character] = letters.get(character, "") + letter
    return MappingProxyType(letters)


_LETTERS = _inverted()
