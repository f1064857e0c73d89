"""The built-in lexicon: what in a text speaks for which category, in seven languages.

Written for this project, not copied from a list: short, and about people speaking to people. A sign is a
regular expression over folded text (no case, no accents, no apostrophes) with a score from 0 to 1. Scores
below the thresholds mark what is only coarse: a curse among friends is no harassment, the same word aimed
at somebody is. This file contains words that hurt, because it has to know them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from safety.moderation.classifier import Category


@dataclass(frozen=True, slots=True)
class Sign:
    """One expression and what it says; it is found as whole words. Repetitions in it are bounded."""

    category: Category
    score: float
    pattern: str


def _any(table: str) -> str:
    """Join alternatives, one between each two semicolons or line ends; a blank for spaces and marks."""
    phrases = (phrase.strip() for phrase in re.split(r"[;\n]", table))
    return "(?:" + "|".join(re.sub(" +", r"\\W{1,3}", phrase) for phrase in phrases if phrase) + ")"


_INSULT = _any(r"""
    idiots?; morons?; imbeciles?; dumbass; asshole; arsehole; bastard; bitch; cunt; losers?; scum; pig; whore; slut
    dickhead; prick; twat; wanker; piece of shit; waste of space; trash; stupid; dumb; pathetic; worthless; disgusting
    ugly; trottel; arschloch; dumm; wichser; hurensohn; hure; schlampe; missgeburt; abschaum; versager; fotze
    idiota; imbecil; estupid[oa]; gilipollas; put[ao]; cabron; pendej[oa]; inutil; basura; mierda
    conn?ard; connasse; salope; pute; abruti; debile; batard; ordure; stronz[oa]; coglione; troia; puttana; cretino
    deficiente; burro; vadia; lixo; otario; babaca; klootzak; kutwijf; sukkel; eikel; hoer; mongool
""")
_YOU_ARE = _any(r"""
    you are; youre; u are; ur; u r; du bist; ihr seid; eres; sos; tu es; t es; tes; vous etes; tu sei; sei; siete
    voce e; tu es; jij bent; je bent; ben je
""")
_VERY = _any(r"""
    an?; the; so; such; really; just; fucking; bloody; total; complete; absolute; most; very; big; little; \w{2,12}ly
    ein; eine; echt; une?; una; uno; tan; muy; tellement; vraiment; molto; um; uma; muito; een; zo
""")
_HARM = _any(r"""
    kill; murder; stab; shoot; strangle; beat the (?:shit|crap|hell) out of; hurt; hunt; punch; poison; burn
    behead; cut
""")
_SOMEBODY = _any(r"""
    you; u; ya; him; her; them; everyone there; those people; your (?:family|mother|mum|mom|kids?|dog)
""")
_GROUP = _any(r"""
    jews; muslims; christians; blacks; whites; black people; white people; asians; arabs; mexicans; indians; africans
    gays; lesbians; trans people; immigrants; migrants; refugees; foreigners; disabled people; women; roma; gypsies
    juden; moslems?; muslime; schwarze; auslander; fluchtlinge; schwule; behinderte; frauen; turken
    judios; musulmanes; negros; gitanos; inmigrantes; moros; mujeres; juifs; musulmans; noirs; arabes; immigres
    etrangers; femmes; ebrei; musulmani; negri; immigrati; zingari; donne; judeus; muculmanos; imigrantes; mulheres
    joden; moslims; buitenlanders; zwarten; vrouwen
""")
_ARE = _any(r"""
    are; should be; sind; son; sont; sono; sao; zijn
""")
_ALL = _any(r"""
    all; just; nothing but; like; basically; alle; nur; wie; todos; todas; como; tous; toutes; des; comme
    tutti; allemaal
""")
_CONTEMPT = _any(r"""
    vermin; rats; animals; subhumans?; parasites; cockroaches; a plague; a disease; filth; filthy; inferior
    scum; trash
    criminals; ungeziefer; untermenschen; abschaum; tiere; parasiten; dreck; minderwertig; basura; ratas
    animales; escoria
    inferiores; parasitos; vermine; rats; animaux; inferieurs; dechets; feccia; animali; inferiori; parassiti; lixo
    animais; ongedierte; uitschot; minderwaardig
""")
_SEX = _any(r"""
    sex; sexy; sexual\w*; nudes?; naked; porno?; horny; erotic; fuck(?:s|ed|ing)?; blowjobs?; undress(?:ed)?
    genitals?
    penis; vagina; sexo; desnud[oa]s?; nackte?; sesso; nud[oaie]; nue?s?; sexe; pelad[oa]s?; naakt; seks
""")
_MINOR = _any(r"""
    child; children; kids?; minors?; underage; preteens?; toddlers?; schoolgirls?; schoolboys?
    little (?:girl|boy)s?; loli
    (?:[1-9]|1[0-7])\W?(?:yo|y\Wo|years?\Wold|yr old|jahre? alt|anos|ans|anni|jaar(?: oud)?)
    kinder; minderjahrig\w*; nin[oa]s?; menores; enfants?; mineure?s?; bambin[oaie]; minorenn[ei]; criancas?
    kindje; kinderen
""")

_NEAR = r"(?:\W+\w+){0,5}?\W+"
_HARASSMENT, _HATE, _SEXUAL, _MINORS = (
    Category.HARASSMENT,
    Category.HATE,
    Category.SEXUAL,
    Category.SEXUAL_MINORS,
)
_VIOLENCE, _SELF_HARM, _ILLICIT = Category.VIOLENCE, Category.SELF_HARM, Category.ILLICIT

_CALLS_TO_DIE = _any(r"""
    (?:kill|hang|shoot|drown|cut) (?:yourself|urself|yourselves); kys; neck yourself
    (?:go|please|just) die(?: in a (?:fire|hole))?(?=\W*$); you should (?:die|be dead|end it); end your (?:own )?life
    bring dich um; hang dich auf; geh sterben; matate; suicidate; muerete; tue[ -]toi; suicide[ -]toi
    va crever; va mourir
    ammazzati; ucciditi; impiccati; se mata; mata te; vai morrer; maak jezelf dood; pleeg zelfmoord; ga dood
""")

SIGNS: Final = (
    # Aimed at somebody.
    Sign(_HARASSMENT, 0.85, rf"{_YOU_ARE}\s+(?:{_VERY}\s+){{0,4}}{_INSULT}"),
    Sign(
        _HARASSMENT,
        0.85,
        rf"(?:you|u|du|pinche|espece de|sale|vuile|(?:che )?pezzo di)\s+(?:\w+\s+)?{_INSULT}(?=\W*$)",
    ),
    Sign(_HARASSMENT, 0.85, rf"(?:you|u)\s+(?:{_VERY}\s+|stupid\s+|ugly\s+|dumb\s+){{1,3}}{_INSULT}"),
    Sign(
        _HARASSMENT,
        0.85,
        _any(r"""
            fuck (?:you|u|off); screw you; go fuck yourself; eat shit; go to hell; you (?:make|made) me sick
            (?:nobody|no one|noone) (?:likes|loves|wants) (?:you|u); everyone hates (?:you|u)
            i (?:really |fucking )?(?:hate|despise) (?:you|u)(?=\W*$)
            the world (?:is|would be) better (?:off )?without you
            fick dich; verpiss dich; halt die fresse; niemand mag dich; ich hasse dich
            vete a la mierda; que te jodan; chinga tu madre; hijo de puta; nadie te quiere; te odio
            va te faire foutre; nique ta mere; ta gueule; fils de pute; personne ne t ?aime; je te deteste
            vaffanculo; figlio di puttana; nessuno ti vuole; ti odio; vai se foder; filho da puta
            ninguem te ama; te odeio
            rot op; kankerlijer; niemand mag jou; ik haat je
        """),
    ),
    Sign(_HARASSMENT, 0.5, _INSULT),
    Sign(_HARASSMENT, 0.4, r"(?:fuck\w*|shit\w*|scheisse?|merda|merde|cazzo|caralho|kut)"),
    # Slurs: nobody says them by the way.
    Sign(
        _HATE,
        0.95,
        _any(r"""
            nigg(?:er|a)s?; kikes?; spics?; chinks?; gooks?; wetbacks?; faggots?; trann(?:y|ies); ragheads?
            towelheads?
            kanaken?; neger; schwuchteln?; judensau; maric(?:on|ones); sudacas?; negros de mierda; bougnoules?
            youpins?
            tapettes?; froci[oa]?; negr[oi] di merda; viados?; flikkers?; nikkers?
        """),
    ),
    Sign(_HATE, 0.9, rf"{_GROUP}\s+{_ARE}\s+(?:{_ALL}\s+){{0,3}}{_CONTEMPT}"),
    Sign(
        _HATE,
        0.9,
        _any(r"""
            i (?:really )?hate(?: all)?(?: the)?; kill all(?: the)?; gas (?:all )?the; deport all; ich hasse(?: alle)?
            tod (?:den|allen); odio a (?:todos )?l[oa]s; mort aux; je deteste les; morte agli; odio (?:tutti )?gli
            morte aos; odeio(?: os)?; dood aan(?: alle)?
        """)
        + rf"\s+{_GROUP}",
    ),
    # Sexual.
    Sign(
        _SEXUAL,
        0.9,
        _any(r"""
            (?:send|show) (?:me )?(?:your )?(?:nudes?|tits|boobs|dick|pussy); suck (?:my|your|his) (?:dick|cock)
            (?:wanna|want to|gonna|going to|let me) (?:fuck|bang|lick|ride|suck) (?:you|u|me|her|him)
            fuck (?:me|you) (?:hard|harder|tonight|now|all night); sex with (?:you|me|her|him)
            jerk(?:ing)? off; masturbat\w+; cum(?:ming)? (?:in|on|inside) \w+; so (?:horny|wet) (?:for you|right now)
            blow ?jobs?; (?:my|your) (?:hard )?(?:cock|pussy|dick) (?:in|inside|is so); eat (?:your|my|her) pussy
            ich will dich ficken; schick nacktbilder; blas mir einen; quiero (?:cogerte|follarte); manda nudes
            chupame la \w+; je veux te baiser; envoie des nudes; suce ma \w+; voglio scoparti; succhiami\w*
            quero te comer; chupa meu \w+; ik wil je neuken; stuur naaktfotos?
        """),
    ),
    Sign(_SEXUAL, 0.6, r"(?:porn\w*|horny|nudes?|tits|pussy|orgasm\w*|boner)"),
    Sign(_MINORS, 0.95, rf"{_SEX}{_NEAR}{_MINOR}"),
    Sign(_MINORS, 0.95, rf"{_MINOR}{_NEAR}{_SEX}"),
    Sign(_MINORS, 0.95, r"(?:kinderporno\w*|pornografia\s+infantil|pedopornogra\w+)"),
    # Threats. "I'll shoot you a text" and "I'll kill you at chess" are none.
    Sign(
        _VIOLENCE,
        0.9,
        r"(?:(?:i|we)(?:ll|m|\s+will|\s+am)?|gonna|going\s+to|ima|imma|want\s+to|wanna)"
        r"(?:\s+(?:gonna|going\s+to|just|really|so|fucking|want\s+to|wanna|come|and|hunt\s+you\s+down)){0,4}"
        rf"\s+{_HARM}\s+{_SOMEBODY}(?!\s+(?:an?|at|some|off|loose|to)\b)",
    ),
    Sign(
        _VIOLENCE,
        0.9,
        _any(r"""
            you(?:re| are)? (?:going to be |gonna be |as good as |a )?dead(?: man| meat)
            i know where you (?:live|sleep)
            shoot up (?:the|a|his|her|my|our) \w+; (?:bring|bringing|plant|planting) a (?:gun|bomb|knife)
            beat (?:you|him|her|them) up; (?:slit|cut) (?:your|his|her|their) throat; watch (?:you|him|her|them) bleed
            bash (?:your|his|her) (?:head|skull|face) in; they (?:all )?deserve to (?:die|be shot|be killed)
            ich (?:bring|mach|stech|schlag|schiess)e? dich (?:um|kalt|ab|tot|zusammen|nieder); ich weiss wo du wohnst
            te voy a matar; voy a matarte; te mato; se donde vives; je vais te (?:tuer|buter); je sais ou tu habites
            ti (?:ammazzo|uccido); so dove abiti; vou te matar; sei onde voce mora; ik maak je dood; ik vermoord je
            ik weet waar je woont
        """),
    ),
    Sign(_VIOLENCE, 0.5, r"(?:murder\w*|stabbed|massacre|behead\w*|bloodbath)"),
    # Calls to it are harassment as well.
    Sign(_SELF_HARM, 0.95, _CALLS_TO_DIE),
    Sign(_HARASSMENT, 0.95, _CALLS_TO_DIE),
    Sign(
        _SELF_HARM,
        0.85,
        _any(r"""
            (?:kill|killing|hurt|hurting|cut|cutting|hang|hanging) myself; end(?:ing)? (?:my life|it all)
            (?:want|wanna|wanted|ready|going) (?:to )?die(?! for\b| of\b| laughing); tak(?:e|ing) my own life
            commit(?:ting)? suicide; suicidal; (?:dont|do not) want to (?:live|be alive)(?: anymore)?
            self ?-?harm(?:ing)?
            mich umbringen; nicht mehr leben; selbstmord; mich ritzen; matarme; suicidarme; no quiero vivir
            me tuer; me suicider; envie de mourir; uccidermi; suicidarmi; voglio morire; me matar; quero morrer
            mezelf doden; zelfmoord; wil dood
        """),
    ),
    Sign(_SELF_HARM, 0.5, r"suicide(?!\s+squad)"),
    # Crimes.
    Sign(
        _ILLICIT,
        0.9,
        r"(?:how\s+(?:to|do\s+(?:i|you))|recipe\s+(?:for|to)|steps\s+to|you\s+can|lets|(?:teach|help)\s+you(?:\s+to)?)"
        r"\s+(?:make|build|cook|synthesi[sz]e|assemble|print)\s+(?:an?\s+|some\s+)?(?:\w+\s+)?"
        r"(?:bombs?|explosives?|grenades?|molotovs?|meth|nerve\s+gas|ricin|ghost\s+guns?|napalm)",
    ),
    Sign(
        _ILLICIT,
        0.85,
        r"(?:sell(?:s|ing)?|buy(?:ing)?|deal(?:ing)?|smuggl(?:e|ing)|score|hook\s+you\s+up\s+with)"
        r"\s+(?:you\s+|me\s+|us\s+)?(?:some\s+|an?\s+\w+\s+of\s+)?"
        r"(?:cocaine|heroin|meth|fentanyl|ecstasy|mdma|xanax|ketamine|weed|coke(?!\s+(?:zero|light|and)))",
    ),
    Sign(
        _ILLICIT,
        0.85,
        _any(r"""
            stolen (?:credit )?cards?; launder(?:ing)? (?:the |some )?money; fake (?:passports?|ids?|prescriptions?)
            hotwire a car; hack(?:ing)? (?:into )?(?:his|her|their|someones?|your) \w+
            rob(?:bing)? (?:a|the) (?:bank|store|shop)
            break(?:ing)? into (?:his|her|their|a|the) (?:house|flat|home|apartment|car)
        """),
    ),
)
