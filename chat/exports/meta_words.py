"""What Messenger and Instagram write into a chat in people's names, in the language of their screens.

Most of it begins with the sender's full name, in every language, and ends with a full stop. That tells more
languages than any table; the table is for the rest, and for what kind it is.
"""

from __future__ import annotations

import re
from typing import Final

from chat.exports.export import Untyped

# Without a name: reactions, and what ends a call. English is certain; the others are translations known of.
_ALONE: Final = (
    (
        Untyped.TAPBACK,
        r"Reacted \S+ to your message|Liked a message|Hat mit \S+ auf deine Nachricht reagiert"
        r"|Gefällt eine Nachricht|Reaccionó con \S+ a tu mensaje|Le gustó un mensaje"
        r"|A réagi \S+ à votre message|A aimé un message|Reagiu com \S+ à sua mensagem|Curtiu uma mensagem"
        r"|Ha aggiunto la reazione \S+ al tuo messaggio|Ha messo \"?Mi piace\"? a un messaggio",
    ),
    (
        Untyped.CALL,
        r"(?:The )?(?:[Vv]ideo|[Aa]udio|[Vv]oice) (?:chat|call) (?:has )?ended\.?"
        r"|You missed (?:a|an) (?:audio|video|voice) (?:call|chat)(?: (?:from|with) .+)?\.?"
        r"|You missed a call from .+\.|You (?:started|joined) (?:a|an|the) (?:audio|video|voice) (?:call|chat)\.?",
    ),
    (Untyped.POLL, r"This poll is no longer available\.|You (?:created a poll|voted for) .+ in the poll.*"),
    (
        Untyped.NOTICE,
        r"You (?:named the group|changed the (?:theme|group photo)|set the (?:quick reaction|nickname)) .*\."
        r"|You added .+ to the group\.|You removed .+ from the group\.|You (?:left|created) the group\."
        r"|You can now message and call each other.*|Say hi to your new .+ friend, .+\.",
    ),
    (
        Untyped.FORWARD,
        r"You sent an attachment\.|Du hast einen Anhang gesendet\.|Enviaste un archivo adjunto\."
        r"|Vous avez envoyé une pièce jointe\.|Você enviou um anexo\.|Hai inviato un allegato\."
        r"|Je hebt een bijlage verzonden\.",
    ),
)
# After the sender's name.
_NAMED: Final = (
    (
        Untyped.FORWARD,
        r"sent (?:an attachment|a link|a post|a reel|a story|a location)\.|shared a (?:link|post|reel|story)\."
        r"|hat einen Anhang gesendet\.|envió un archivo adjunto\.|a envoyé une pièce jointe\.|enviou um anexo\."
        r"|ha inviato un allegato\.|heeft een bijlage verzonden\.",
    ),
    (
        Untyped.CALL,
        r"(?:started|joined|ended|left|declined|missed) (?:a|an|the|your) ?(?:(?:audio|video|voice) )?(?:call|chat)\.?"
        r"|called you\.|missed your call\.",
    ),
    (
        Untyped.POLL,
        r"(?:created a poll|voted for|removed (?:a |their )?vote|changed (?:their |his |her )?vote).*",
    ),
    (
        Untyped.NOTICE,
        r"(?:named the group|left the group|added|removed|changed the|set the|pinned a) .*\.|unsent a message\.?",
    ),
)


def app_written(content: str, sender: str) -> Untyped | None:
    """Tell what the app wrote in somebody's name; None is a text that was typed."""
    text = content.strip()
    for kind, phrases in _ALONE:
        if re.fullmatch(phrases, text, re.DOTALL):
            return kind
    named, _, rest = text.partition(f"{sender} ")
    if named or not rest or not sender:
        return None
    for kind, phrases in _NAMED:
        if re.fullmatch(phrases, rest, re.DOTALL):
            return kind
    # Nobody begins with their own full name, but a nickname may be any word.
    sentence = rest.endswith(".") and not rest.endswith("..") and "\n" not in rest
    return Untyped.NOTICE if " " in sender and sentence else None
