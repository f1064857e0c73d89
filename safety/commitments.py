"""Commitments: the phrases by which people bind themselves, in seven languages.

English, German, Spanish, French, Portuguese, Italian and Dutch, mixed in one table, for people mix them.
"""

# ruff: noqa: E501 - a phrase is one row of a table

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from safety.answers import begins_with, says_yes
from safety.phrases import Phrases


class Kind(StrEnum):
    """What a commitment is about."""

    PROMISE = "promise"
    TIME = "time"
    PLACE = "place"
    MONEY = "money"
    ASSENT = "assent"


_WILL: Final = (
    r"(?:i'll|i will|i shall|ima|imma|im'a|i'm gonna|i'm going to|i am going to|we'll|we will|we're gonna|i can|i could"
    r"|i'd be happy to|i'd love to|happy to|i promise to|let me|lemme|we can|i'ma|gonna) "
    r"(?:(?:definitely|totally|also|just|gladly|probably|for sure|still|then|really|always|certainly|100 %|so|all|both|try to|try and) ){0,2}"
)
_WILL_WHAT: Final = (
    r"(?:be (?:there|here|at|home|back|ready|late|around|in|on|over|outside|early|with you|waiting|the driver)|bring\S*|buy|pay|come(?! across| off| to think)"
    r"|join|make (?:it(?! a)|sure|dinner|lunch|food|the|some|you)|do (?:it|that|this|the|so|your|my part|better)|send|call|text|pick(?! my)|drive|book|order|cook"
    r"|help|ask|tell (?:him|her|them|mum|mom|dad|the)|check(?! my)|fix|handle|take (?:care|you|it|the|them)|meet|see you|show up|swing by"
    r"|stop by|drop (?:by|it|you|them)|let you know|look (?:into|after|at it|it up)|get (?:it|that|the|some|you|us|them|there|one|tickets|back to)"
    r"|transfer|wire|venmo|paypal|cover|owe|lend|give|write|finish|clean|host|organi[sz]e|arrange|reserve|grab|carry|arrive|leave (?:at|now|in|the|work)"
    r"|return|share|reply|confirm|sign|print|feed|water|babysit|watch (?:your|the|them)|wait for|stay (?:with|till|until|there)|go with|pack|move it|set it up|sort it|invite|treat"
    r"|head (?:over|out|there)|come over|walk (?:you|the)|save you|keep (?:it|you|the)|message|email|ring|phone|facetime|hop on|be right)"
)
_HOUR: Final = r"(?:[01]?\d|2[0-4])(?:[:.][0-5]\d)?"
_DAY: Final = (
    r"(?:tomorrow|tmrw|tmr|tonight|monday|tuesday|wednesday|thursday|friday|saturday|sunday|the weekend|weekend|next week|next month"
    r"|this (?:afternoon|evening|weekend|morning|week))"
)
_TAG: Final = (
    r"(?:morgen|ubermorgen|heute abend|montag|dienstag|mittwoch|donnerstag|freitag|samstag|sonntag|wochenende"
    r"|manana|esta noche|esta tarde|lunes|martes|miercoles|jueves|viernes|sabado|domingo"
    r"|demain|ce soir|lundi|mardi|mercredi|jeudi|vendredi|samedi|dimanche|amanha|hoje a noite|hoje a tarde|segunda|terca|quarta|quinta|sexta"
    r"|domani|stasera|lunedi|martedi|mercoledi|giovedi|venerdi|sabato|domenica|vanavond|maandag|dinsdag|woensdag|donderdag|vrijdag|zaterdag|zondag)"
)
_NOT: Final = (
    r"(?! (?:\S+ )?(?:nicht|nie|kein|keine|keinen|nix|drauf|klar|niet|geen|nooit|pas|non|nao)(?!\S))"
)

_PROMISE: Final = (
    # English
    rf"{_WILL}{_WILL_WHAT}",
    r"i(?:'m| am)(?: definitely| totally| so| already| 100 %| still)? (?:in$|in for|down$|down for|coming|on my way|there$|omw|up for (?:it|that)|game$|buying|paying|bringing|driving|joining|free (?:at|on|tomorrow|tonight|then)|heading (?:over|there|out)|leaving (?:now|at|in|soon)|outside|otw)",
    r"(?:be there|be right there|be over|be home|be back|be ready)(?: in| at| by| soon| later| then| tomorrow| tonight|$)",
    r"(?:omw|otw|on my way|on the way|coming (?:now|over|with|too)|count me in|sign me up|you can count on me|can count on me|leave it (?:to|with) me|i'm on it|^on it$|consider it done)",
    r"(?:i |we )?(?:promise|swear i'll|pinky promise|give you my word|guarantee it|got you covered|vow)(?! (?:land|rings?))",
    r"(?:it's a (?:deal|date|plan|promise)|that's a (?:deal|date|plan|promise)|you've got a deal|deal$|done deal)",
    r"see (?:you|u|ya|y'all|yall) (?:there|then|at|on|in|tomorrow|tmrw|tmr|tonight|monday|tuesday|wednesday|thursday|friday|saturday|sunday|next|this|soon at)",
    r"^(?:\S+ )?(?<!they )(?<!she )(?<!he )(?<!that )(?<!you )(?<!it )will (?:do|be there|come|bring|call|send|pay|text|fix|ask|check|buy)(?! (?:he|she|they|it|that))$",
    r"^will (?:do|be there|bring|call|send|pay|text|fix|buy) (?:it|that|you|asap|tomorrow|tonight|later|at|the|some|then|by|soon)",
    r"(?:yes|yeah|yep|sure|ok|okay|fine) i (?:will|can|do|could|am|did promise)$",
    r"i (?:will|can) (?:definitely |totally )?$",
    r"(?:i got (?:this|you)|i've got you) (?:covered|then)?$",
    r"(?:let's|lets|shall we|we should|we could|should we) (?:meet|do (?:it|that|dinner|lunch|brunch|coffee|drinks|\S+day)|go (?:at|on|to|together|tomorrow|tonight)|grab|say|make it|book|get (?:dinner|lunch|coffee|drinks|food)|leave at|call)",
    r"(?:you have|you've got|take) my word",
    r"i (?:agree to|accept (?:the|your|that)|commit|swear (?:to|that i'll))",
    # German
    rf"(?:ich|wir) (?:komm|komme|kommen|bring|bringe|bringen|zahl|zahle|bezahl|bezahle|hol|hole|holen|besorg|besorge|kauf|kaufe|schick|schicke|uberweis|uberweise|helf|helfe|ruf|rufe|fahr|fahre|ubernehm|ubernehme|lad|lade|leih|leihe|reservier|reserviere|buch|buche|kummer|kummere|versprech|verspreche|schwore|koche|koch|backe|back)(?! (?:mir vor|darauf|aus\b)){_NOT}",
    r"(?:komm|komme|bring|bringe|hol|hole|zahl|zahle|bin) (?:ich |dann |gleich |morgen |gerne? |auch |schon |um \d\S* ){0,4}(?:mit|vorbei|dabei|dich ab|da$|da um|gleich da|unterwegs|rum|ruber|mit dir)",
    rf"(?:ich )?(?:mach|mache|erledig|erledige|regel|regle) (?:ich|das|es)(?: \S+)?(?: morgen| gleich| noch| dann| fur dich| heute| schon)?{_NOT}$",
    r"ich werd\S* (?:\S+ ){0,4}(?:da sein|kommen|bringen|mitbringen|zahlen|bezahlen|machen|helfen|anrufen|schicken|kaufen|holen|abholen)",
    r"ich kann (?:\S+ ){0,4}(?:kommen|bringen|mitbringen|zahlen|machen|helfen|abholen|fahren|besorgen|vorbeikommen|holen)$",
    rf"ich bin (?:dann |gleich |um \d\S* |morgen |auch |schon |sicher |naturlich |auf jeden fall ){0, 4}(?:da|dabei|unterwegs|zuhause|daheim|am start){_NOT}",
    r"(?:versprochen|abgemacht|geht klar|ich bin dabei|bin dabei|bin am start|zahl auf mich|verlass dich|wir sehen uns|ich meld mich|ich melde mich|melde mich|wird gemacht|wird erledigt|ehrenwort)",
    rf"bis (?:um |zum |nachher um |dann um )?(?:\d\S*|{_TAG}|gleich$|spater um)",
    r"(?:treffen wir uns|wir treffen uns|lass uns (?:treffen|um|am|morgen))",
    # Spanish
    r"(?:yo )?(?:voy (?:para|alla|contigo|con vosotros|a (?:ir|llevar|pagar|comprar|llamarte|recogerte|estar|ayudarte|hacerlo|pasar))|ya voy|si voy|claro que voy|voy$|ire|llego (?:a|en)|estare|estoy (?:en camino|llegando|ahi|alli)|llevare|traere|traigo|pagare|pago yo|yo pago|compro yo|yo (?:lo )?(?:compro|llevo|hago|conduzco|cocino)|lo hago (?:manana|yo|luego|hoy)|lo hare|te (?:ayudo|ayudare|llamo|llamare|recojo|paso a buscar|aviso|lo mando|lo envio|escribo luego)|paso por ti)",
    r"(?:cuenta conmigo|cuenten conmigo|contad conmigo|me apunto|prometo|te lo prometo|lo prometo|prometido|nos vemos (?:a|en|manana|alli|ahi|el|esta)|alli estare|ahi estare|trato hecho|quedamos (?:a|en|el)|de camino|salgo ya|hasta (?:manana|el \S+))",
    # French
    r"(?:je (?:serai|viens(?! de)|viendrai|passe(?:rai)? (?:te|chez|a|demain|ce)|payerai|paierai|ramene|ramenerai|apporte|apporterai|m'en (?:occupe|charge)|t'appelle|t'appellerai|te (?:promets|jure que|rembourse|rappelle|recupere|previens|l'envoie|ramene|paye|paie)|vais (?:venir|payer|le faire|t'aider|acheter|ramener|apporter|passer)|le fais (?:demain|ce)|le ferai|peux (?:venir|t'aider|ramener|apporter|passer)|prends la voiture)|j'arrive(?! pas| plus)|j'y (?:serai|vais)|j'apporte|j'achete|j'amene|j'acheterai|j'irai|j'emmene)",
    r"(?:promis|je suis partant|je suis partante|je suis en route|en route|compte sur moi|comptez sur moi|on se (?:voit|retrouve|rejoint|capte) (?:a|demain|la|ce|chez|au|vers|lundi|samedi)|rendez vous (?:a|la|demain|au)|rdv (?:a|la|demain|au)|marche conclu|a demain|a (?:ce soir|lundi|mardi|mercredi|jeudi|vendredi|samedi|dimanche)$)",
    # Portuguese
    r"(?:eu )?(?:vou (?:sim|levar|pagar|chegar|estar|comprar|fazer isso|buscar|ai|passar|te|com voces?|contigo|ajudar)|eu vou$|eu (?:pago|levo|trago|compro|faco|chego|busco|ajudo|dirijo)|estarei|levarei|pagarei|to indo|tou a ir|estou indo|estou a caminho|to a caminho|a caminho|te (?:ligo|busco|ajudo|pego|aviso|mando)|faco (?:isso )?amanha)",
    r"(?:pode contar comigo|conta comigo|contem comigo|prometo|combinado|deixa comigo|te vejo (?:as|amanha|la)|a gente se ve (?:as|amanha|la)|nos vemos (?:as|amanha|la)|ate amanha|ate (?:sabado|domingo|segunda|sexta)$|to dentro|tou dentro|fechado entao)",
    # Italian
    r"(?:io )?(?:vengo(?! da)|verro|arrivo(?! mai)|ci (?:saro|vengo|penso io|vediamo (?:alle|domani|li|la|a|stasera|sabato))|porto io|io porto|porto (?:il|la|i|le|da bere|qualcosa)|pago io|offro io|lo faccio (?:domani|io|dopo)|lo faro|compro io|ti (?:chiamo|passo a prendere|aiuto|mando|porto|scrivo dopo|aspetto)|passo (?:da te|a prenderti|alle)|ti verro)",
    r"(?:promesso|prometto|te lo prometto|conta su di me|contate su di me|sto arrivando|affare fatto|ci sto$|sono dei vostri|a domani|a stasera|a (?:lunedi|sabato|domenica)$|per strada)",
    # Dutch
    r"(?:ik )?(?:kom (?:om|eraan|er aan|morgen|vanavond|zo|straks|langs|ook|wel|mee)|neem (?:\S+ )?mee)",
    rf"ik (?:kom|ben er|ben erbij|breng|neem|betaal|doe (?:het|dat|mee)|regel|haal|koop|bel|app je|help|zal (?:er|het|je|bellen|komen)|ga mee|trakteer|rij|stuur|zorg|beloof|pik)(?! (?:net|uit|van|op adem)){_NOT}",
    r"(?:beloofd|afgesproken|reken op mij|ben onderweg|tot (?:morgen|straks|zo|vanavond|maandag|dinsdag|woensdag|donderdag|vrijdag|zaterdag|zondag|om)|doe ik (?:morgen|straks|meteen|wel)|komt (?:goed|voor elkaar)|zie (?:je|jullie) (?:om|daar|morgen|straks|vanavond|zaterdag)|spreken we af|zullen we (?:om|afspreken))",
)
_TIME: Final = (
    rf"(?:at|by|around|until|till|til|from|before|after|say|maybe|like|@|about|make it|is|it's|its) (?:about |around |like )?{_HOUR}(?: ?(?:am|pm|ish|o'clock|sharp|tonight|tomorrow|then|works|is fine))",
    rf"(?:at|by|around|until|till|til|@|make it) (?:about |around |like )?{_HOUR}(?! (?:%|€|\$|people|percent|of|degrees|years|euros?|bucks|times|kg|km|points|mph|different))",
    rf"{_HOUR} ?(?:am|pm|ish|o'clock|sharp|a m|p m)",
    r"(?:[01]?\d|2[0-4]):[0-5]\d",
    r"(?:at|by|around|until|till) (?:noon|midnight|lunch|lunchtime|dawn|sunset|six|seven|eight|nine|ten|eleven|twelve|one$|two$|three$|four$|five$)",
    r"(?:half|quarter) (?:past|to) \S+",
    r"in (?:like |about |around )?(?:\d+|a|an|five|ten|fifteen|twenty|thirty|half an|a few|a couple of|two) (?:min|mins|minutes?|hours?|hrs?|h|secs?|days?|weeks?)(?! (?:history|time))",
    rf"(?:{_DAY}|{_TAG}) (?:works|then|is (?:fine|good|great|ok|perfect)|it is|at|sounds good|is on|around|morning|afternoon|evening|night|passt|geht|um|abend|vormittag|nachmittag|fruh|a las|por la|ca marche|ca me va|matin|apres midi|soir|a \d\S*|as|de manha|a noite|a tarde|da|va bene|mi va|alle|mattina|sera|om|ochtend|avond|middag|kan)",
    rf"(?:on|next|this|by|until|till|til|how about|what about|maybe|am|nachsten|ab|el|este|la|ce|na|no|op|volgende) (?:{_DAY}|{_TAG})(?:$| (?:then|works|at|um|om|at|a|as|alle))",
    rf"^(?:(?:yes|yeah|yep|ok|okay|sure|fine|so|and|cool|good|ja|si|oui|sim|vale) )?(?:{_DAY}|{_TAG})$",
    # German, Spanish, French, Portuguese, Italian, Dutch
    rf"(?:um|gegen|ab|bis|so) (?:halb |viertel nach |viertel vor )?(?:{_HOUR}|sechs|sieben|acht|neun|zehn|elf|zwolf|eins|zwei|drei|vier|funf)(?:$| (?:uhr|da|dann|passt|geht|bei|am|morgen|in|vor|oder))",
    rf"(?:{_HOUR}|sechs|sieben|acht|neun|zehn|elf|zwolf|eins|zwei|drei|vier|funf) uhr",
    r"(?:halb|viertel (?:nach|vor)) (?:eins|zwei|drei|vier|funf|sechs|sieben|acht|neun|zehn|elf|zwolf|\d\d?)",
    r"in (?:\d+|einer|ner|zwei|funf|zehn|funfzehn|zwanzig|einer halben) (?:min|minuten|stunde|stunden|std)",
    rf"(?:a las?|sobre las?|hacia las?) (?:{_HOUR}|una|dos|tres|cuatro|cinco|seis|siete|ocho|nueve|diez|once|doce)(?: y media| y cuarto| de la| en punto)?",
    r"en (?:\d+|cinco|diez|quince|veinte|un par de|media) (?:min|minutos|horas?)",
    rf"(?:a|vers|des|pour) {_HOUR} ?h(?:eures?)?(?: \d\d)?|{_HOUR} h(?:eures?)?(?: \d\d)?(?:$| (?:chez|pile|devant|demain|ca|ce))|vers {_HOUR}|a midi|a minuit",
    r"dans (?:\d+|cinq|dix|quinze|vingt|une) (?:min|minutes?|heures?|h)",
    rf"(?:as|pelas|la pelas|por volta das) (?:{_HOUR}|sete|oito|nove|dez|onze|doze|seis|cinco|quatro|tres|duas)(?: h| horas| e meia)?|ao meio dia|{_HOUR} h(?:oras)?$",
    r"em (?:\d+|cinco|dez|quinze|vinte|meia) (?:min|minutos|horas?)",
    rf"(?:alle|verso le|per le|dalle) (?:{_HOUR}|una|due|tre|quattro|cinque|sei|sette|otto|nove|dieci|undici|dodici)(?: e mezza| e un quarto)?|a mezzogiorno|a mezzanotte",
    r"(?:tra|fra) (?:\d+|cinque|dieci|un quarto d'ora|venti|un'ora|mezz'ora|due) ?(?:min|minuti|ore|ora)?",
    rf"(?:om|rond|tegen) (?:half |kwart voor |kwart over )?(?:{_HOUR}|zes|zeven|acht|negen|tien|elf|twaalf|een uur|twee|drie|vier|vijf)",
    rf"{_HOUR} uur|half (?:zes|zeven|acht|negen|tien|vijf|vier|drie)|over (?:\d+|vijf|tien|een) (?:min|minuten|uur)",
)
_PLACE: Final = (
    r"(?:at|to|from|in front of|outside) (?:my|your|our|his|her|mia's) (?:place|house|flat|apartment|home|office|door|work|parents|garden|school)",
    r"(?:at|to) (?:mine|yours)(?:$| (?:at|then|tonight|tomorrow|for|around|is|works))",
    r"(?:my|your|our) place(?:$| (?:at|then|tonight|tomorrow|for|works|is fine|or))",
    r"(?:meet|meeting|see) (?:me|us|you|up|there|then)? ?(?:there|here|at|in front|by the|outside|near)",
    r"(?:come|swing|drop|stop) (?:over|by)(?:$| (?:to|at|then|tonight|tomorrow|later|whenever|any|for|if|after))",
    r"(?:bei mir|bei dir|zu mir|zu dir|bei uns)(?: zuhause| daheim| vorbei| um| dann| morgen|$)",
    r"(?:vor dem|vorm|am|beim) (?:bahnhof|kino|eingang|hauptbahnhof|rathaus|park|see|treffpunkt)",
    r"(?:en|a) (?:mi|tu|nuestra) casa|(?:en|delante de|frente a) la (?:estacion|entrada|plaza|puerta)|en el (?:bar|parque|cine|centro|metro)",
    r"chez (?:moi|toi|nous)|(?:devant|a) (?:la|le) (?:gare|cine|entree|parc|metro)|au (?:bar|parc|cine|metro|cafe)$",
    r"(?:na|em) (?:minha |tua |sua )?casa(?:$| (?:as|amanha))|aqui em casa|(?:na|no) (?:estacao|metro|cinema|parque|bar|praca)$",
    r"(?:da me|da te|a casa (?:mia|tua|nostra))(?:$| \S+)|(?:alla|in|davanti alla) (?:stazione|piazza)|al (?:bar|cinema|parco)$",
    r"bij (?:mij|jou|ons)(?: thuis|$| om| langs)|(?:op|bij|voor) het (?:station|plein|park)|bij de (?:ingang|bioscoop|bar)",
)
_SUM: Final = r"\d+(?:[.,]\d+)?"
_MONEY: Final = (
    rf"[$€£] ?{_SUM}|{_SUM} (?:[$€£]|bucks?|dollars?|euros?|quid|pounds?|usd|eur|gbp|reais|pesos|pavo|pavos|balles|francs?|franken|chf|kronor|cents?|k$|grand)",
    r"(?:ten|twenty|fifty|hundred|thousand|five|zehn|zwanzig|funfzig|hundert|diez|veinte|cincuenta|cien|dix|vingt|cinquante|cent|dez|vinte|cem|dieci|venti|cinquanta|cento|tien|twintig|vijftig|honderd) (?:bucks|dollars|euros?|quid|pounds|reais|pesos|balles)",
    r"(?:venmo|paypal|revolut|bizum|twint|cashapp|cash app|pix|zelle|tikkie) (?:you|u|me|it|him|her|them|te|je|ti|dir|mir)",
    r"(?:i'll|i will|i can|we'll|let's|lets|we can|we could) (?:pay|split|cover|chip in|spot you|lend you|go halves|go dutch)",
    r"(?:i owe(?! you one)|i'd pay|i paid for|i'm paying|i'm buying|paying you back|pay you back|pay it back|split (?:the bill|it)|my treat|i'm treating|drinks are on me|dinner's on me|dinner is on me|it's on me|this one's on me|all on me|on me$|first round)",
    r"(?:geht auf mich|ich (?:zahl|zahle|bezahl|bezahle|uberweis|uberweise|schulde|leih dir|leihe dir)|ich geb\S* (?:einen |dir )?(?:aus|geld|zuruck)|zahl ich|bezahl ich|uberweis ich)",
    r"(?:te debo|yo invito|invito yo|pago yo|yo pago|te lo pago|te presto|te devuelvo|corre de mi cuenta|pagamos a medias)",
    r"(?:je (?:paye|paie|t'invite|te dois|te rembourse|te prete)|c'est (?:pour moi|moi qui (?:paye|paie|invite|regale))|c'est ma tournee|on partage)",
    r"(?:eu pago|te devo|por minha conta|te empresto|te pago|pago eu|rachamos|a gente racha|faco o pix|mando o pix)",
    r"(?:pago io|offro io|ti devo|ti presto|ti restituisco|facciamo alla romana|ti faccio il bonifico)",
    r"(?:ik (?:betaal|trakteer|leen je|ben je \S+ schuldig|maak het over)|op mijn kosten|ik geef een rondje|stuur (?:je |een )?tikkie)",
)

KINDS: Final[Mapping[Kind, Phrases]] = MappingProxyType(
    {
        Kind.PROMISE: Phrases(_PROMISE),
        Kind.TIME: Phrases(_TIME),
        Kind.PLACE: Phrases(_PLACE),
        Kind.MONEY: Phrases(_MONEY),
    }
)
PAST: Final = Phrases(
    (
        r"was(?! thinking)|wasn't|were|weren't|did|didn't|had|got|went|used to|back then|ago|yesterday|last (?:night|week|month|year|time|\S+day)|paid|cost|came|slept|woke|ate|ended|started|happened|won|lost|bought|spent|would have|always|never|usually|every",
        r"war|waren|hatte|hatten|gestern|damals|letzte\S*|gekostet|kostete|gesehen|immer|jeden|vorhin|aufgestanden",
        r"era|fue|estaba|ayer|costo|costaba|tenia|siempre|anoche|pasado|pagado",
        r"etait|hier|avait|coutait|couta|toujours|a coute|dernier|derniere|paye",
        r"foi|ontem|custou|estava|tinha|sempre|passada",
        r"ieri|stava|costava|costato|sempre|scorsa|scorso|pagato",
        r"gisteren|kostte|gekost|vorig\S*|altijd|stond",
    )
)
"""What tells of something that was, or is always so."""

ASKS_FOR_ONE: Final = Phrases(
    (
        r"(?:can|could|will|would|can't|couldn't|won't|wouldn't|wont|cant) (?:you|u|ya|anyone|anybody|somebody|someone|one of you)",
        r"(?:are|r|aren't) (?:you|u|we) (?:still |also |all )?(?:coming|in$|in for|free|joining|bringing|up for|down|going|gonna|around|meeting|on for|able|available|there (?:at|on|tomorrow|tonight))",
        r"(?:you|u) (?:coming|in$|free|joining|down|up for|around|wanna|want to|bringing)",
        r"(?:do|does) (?:you|u|anyone|anybody|somebody|someone) (?:want|wanna|have|mind|feel like|promise|fancy|need)",
        r"(?:wanna|want to|shall we|let's|how about|who wants|who can|who could|who is|who's|up for|lend me|borrow|help me|promise|come with|please|pls|deal|agreed|mind (?:picking|getting|bringing|if)|does (?:\S+ ){1,3}work)",
        r"(?:kannst|konntest|willst|wurdest|magst|machst|kommst|bringst|holst|hilfst|gehst|fahrst|leihst) (?:du|ihr)|kommt ihr|hast du (?:lust|zeit)|habt ihr|wollen wir|sollen wir|bist du (?:dabei|da|frei)|wer (?:kann|hat|kommt|bringt)|bitte|versprich|passt (?:dir|euch|es)",
        r"(?:puedes|podrias|podes|quieres|queres|vienes|venis|te apuntas|me ayudas|me prestas|quedamos|vamos|quien (?:puede|viene|trae)|por favor|te va bien|tienes tiempo|me prometes)",
        r"(?:peux tu|tu peux|pourrais tu|tu pourrais|tu viens|viens tu|tu veux|ca te dit|tu m'aides|tu me pretes|vous venez|qui (?:peut|vient|ramene)|s'il te plait|stp|ca te va|t'es (?:libre|dispo|chaud)|tu promets|on se voit)",
        r"(?:voce pode|vc pode|pode|consegue|podes|quer|queres|vem|vens|topa|bora|me ajuda|me empresta|quem (?:pode|vem|traz)|por favor|ta livre|promete)",
        r"(?:puoi|potresti|vieni|vuoi|ci stai|mi aiuti|mi presti|andiamo|riesci|venite|chi (?:puo|viene|porta)|per favore|ti va|sei libero|sei libera|prometti|ci vediamo)",
        r"(?:kan|kun|kunt|wil|kom|zou|ga) (?:je|jij|jullie|u)|heb je (?:zin|tijd)|zullen we|wie (?:kan|komt|neemt)|alsjeblieft|ben je (?:vrij|er|erbij)|beloof je|mag ik",
    )
)
"""What asks for a commitment, so that a bare yes is one."""

_ALSO_YES: Final = Phrases(
    (
        r"(?:ok|okay|okey|k|kk|fine|alright|all right|aight|deal|done|agreed|cool|perfect|works|works for me|sounds (?:good|great|like a plan)|i'm in|in(?! (?:my (?:mind|head|dreams|sleep)|bed|spirit|another life)$)|i'm down|down|will do|on it|no problem|np|gladly|why not|i guess|i will|i can|i am|i do|gern|gerne|passt|geht klar|abgemacht|mach ich|kann ich|bin dabei|gut|in ordnung|einverstanden"
        r"|vale|dale|venga|hecho|de acuerdo|perfecto|bueno|d'accord|dac|ca marche|ca roule|volontiers|entendu|pourquoi pas|beleza|blz|ta|ta bom|pode ser|fechado|bora|combinado|va bene|d'accordo|volentieri|perfetto|ci sto|goed|prima|is goed|doe ik|graag|oke|akkoord)"
        r"(?! (?:but no|boomer|no|not))",
    )
)


def agrees(said: Iterable[str]) -> bool:
    """Whether one of the sentences is a yes, or as good as one."""
    said = tuple(said)
    return says_yes(said) or any(begins_with(_ALSO_YES, sentence) for sentence in said)
