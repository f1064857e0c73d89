"""The patterns of our own recognisers of personal data: name, expression, and how sure a match is, from 0 to 1.

Every repetition is bounded, so that no text takes long.
"""

from __future__ import annotations

import re
from typing import Final

# Of the suffixes, those that are no words: "call me.it's late" has no link in it.
_SUFFIXES: Final = (
    r"(?:com|net|org|edu|gov|info|biz|io|app|dev|ly|gg|xyz|shop|store|tv|ai|eu|uk|de|ch|fr|pt|nl|br|mx|ca|au|jp|pl|se|dk"
    r"|fi|ru|cz|ie)"
)
_HOST: Final = r"(?<![\w.@-])(?:[a-z0-9][a-z0-9-]{0,62}\.){1,5}"
LINKS: Final = {
    "with a scheme": (r"(?<![\w])[a-z][a-z0-9+.-]{1,15}://[^\s<>]{1,500}", 0.9),
    "www": (r"(?<![\w.])www\.[^\s<>]{3,200}", 0.9),
    "with a path": (rf"{_HOST}[a-z]{{2,24}}(?::\d{{2,5}})?/[^\s<>]{{0,300}}", 0.8),
    "a domain": (rf"{_HOST}{_SUFFIXES}(?![\w@-])", 0.6),
}
WALLETS: Final = {"Ethereum": (r"(?<!\w)0x[0-9a-f]{40}(?!\w)", 0.9)}

_CODE_WORD: Final = (
    r"(?:code|codes|otp|pin|passcode|pass ?phrase|password|passwd|pw|pwd|passwort|kennwort|contrase\w{1,3}"
    r"|clave|c[oó]digo|senha|mot de passe|mdp|codice|parola d'ordine|wachtwoord|toegangscode|pincode|2fa|tan"
    r"|zugangscode|t[uü]rcode|digicode|key ?code|combination|combo)"
)
CODE_WORDS: Final = re.compile(rf"(?<!\w){_CODE_WORD}(?!\w)", re.IGNORECASE)
_IS: Final = r"(?:\s{0,3}(?:is|was|are|ist|war|lautet|es|est|e|è|é|was)?\s{0,3}[:=]?\s{0,3})"
_VALUE: Final = r"(?=\S{0,40}[\d!$%&#*+])[^\s,;]{4,40}"
_DOOR: Final = (
    r"(?:door|gate|garage|buzzer|intercom|alarm|lockbox|entry|building|keypad|safe|t[uü]r|tor|porte|portail|puerta|porta"
    r"|portone|deur)"
)
CODES: Final = {
    "a number after its name": (rf"(?<!\w){_CODE_WORD}{_IS}#?(?:[a-z]-)?\d[\d \-]{{2,9}}\d#?(?!\w)", 0.8),
    "a number before its name": (
        rf"(?<![\w.])\d{{4,8}}\s{{1,3}}(?:is|ist|es|est|é|è)\s{{1,3}}(?:\w{{1,12}}\s{{1,2}}){{0,3}}{_CODE_WORD}(?!\w)",
        0.8,
    ),
    "a secret after its name": (rf"(?<!\w){_CODE_WORD}{_IS}['\"]?{_VALUE}", 0.7),
    "the code of a door": (rf"(?<!\w){_DOOR}\s{{0,3}}(?:code)?{_IS}#?\d[\d*#]{{2,7}}#?(?!\w)", 0.7),
}
ASKED_CODES: Final = {
    "a number": (r"(?<![\w.,:])#?\d{3,8}#?(?![\w:]|[.,]\d)", 0.6),
    "letters and digits": (r"(?<!\w)(?=[a-z]{0,30}\d)(?=\d{0,30}[a-z])[a-z0-9]{5,30}(?!\w)", 0.6),
}

_NAME: Final = r"[A-ZÄÖÜÉÈÀÇÑ][\w'.-]{1,25}"
_NUMBER: Final = r"\d{1,4}\s?[a-zA-Z]?"
ADDRESSES: Final = {
    "English": (
        r"(?<!\w)\d{1,5}[a-zA-Z]?,?\s{1,2}(?:[\w'.-]{2,20}\s{1,2}){1,3}"
        r"(?i:street|road|avenue|lane|boulevard|crescent|terrace)(?!\w)",
        0.8,
    ),
    "English, short": (
        rf"(?<!\w)\d{{1,5}}[a-zA-Z]?,?\s{{1,2}}(?:{_NAME}\s{{1,2}}){{1,3}}"
        r"(?:[Ss]t|[Rr]d|[Aa]ve|[Ll]n|[Dd]r|[Bb]lvd|Drive|Court|Square|Place|Close|Way)(?!\w)",
        0.8,
    ),
    "German, Dutch": (
        r"(?<!\w)[A-Za-zÄÖÜäöüß.-]{2,30}(?i:straße|strasse|str\.|weg|platz|allee|gasse|ufer|damm|straat|laan|plein"
        rf"|gracht|kade|dijk|singel)\s{{1,2}}{_NUMBER}(?!\w)",
        0.8,
    ),
    "German, two words": (
        rf"(?<!\w){_NAME}\s(?:Straße|Str\.|Strasse|Allee|Weg|Platz)\s{{1,2}}{_NUMBER}(?!\w)",
        0.8,
    ),
    "Spanish, Portuguese, Italian": (
        r"(?<!\w)(?i:calle|c/|avenida|avda\.?|av\.|plaza|paseo|carrer|rua|travessa|pra[cç]a|alameda|via|viale|piazza|corso"
        rf"|vicolo)\s{{1,2}}(?:[\w'.-]{{2,20}}\s{{1,2}}){{0,3}}[\w'.-]{{2,20}},?\s{{1,2}}(?:n[.º°]?\s?)?{_NUMBER}(?!\w)",
        0.7,
    ),
    "French": (
        r"(?<!\w)\d{1,4}(?:\s?(?:bis|ter))?,?\s{1,2}(?i:rue|avenue|boulevard|bd|all[ée]e|chemin|impasse|quai|place)"
        r"\s{1,2}\w{2,20}",
        0.8,
    ),
    "a postal code and a town": (rf"(?<![\w.])(?:D-|A-|CH-)?\d{{5}}\s{_NAME}(?!\w)", 0.6),
    "a British postal code": (r"(?<!\w)[A-Z]{1,2}\d[A-Z\d]?\s\d[A-Z]{2}(?!\w)", 0.7),
    "an American postal code": (r"(?<!\w)[A-Z]{2}\s\d{5}(?:-\d{4})?(?!\w)", 0.7),
    "a Dutch postal code": (r"(?<!\w)\d{4}\s?[A-Z]{2}\s[A-Z]\w{2,20}", 0.7),
}
