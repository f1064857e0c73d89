"""Talk: plays scenes among four people and writes down who said what."""

import random
import re
from dataclasses import dataclass, field

from personas.sample.grammar.bundle import Bundle, Bundles
from personas.sample.grammar.template import (
    Slots,
    Table,
    chosen,
    read_acts,
    read_lines,
    read_pools,
)
from personas.sample.grammar.voice import Voice, bubbles, draw_assistant, draw_friend, typed

ROLES = "abcd"
DEMO_GROUP = ["Sam", "Mia", "Leo", "Nora"]
DRILLS = [
    "planned",
    "placed",
    "summed",
    "whatday",
    "bring",
    "bring2",
    "recall",
    "recall_far",
    "which_of",
    "or",
    "or_all",
]
REFERRING = {
    "noun",
    "mabout",
    "jobbad",
    "petname",
    "gadget",
    "dish",
    "x",
    "actn",
    "actt",
    "item",
    "day",
    "topping",
    "symptom",
    "team",
}
BRINGING = {
    "joke_tell",
    "sport_a",
    "plan_suggest",
    "random_s",
    "propose",
    "weekend_a",
    "ask_a",
    "a_about",
}


@dataclass(frozen=True)
class Step:
    """One thing said: by a role, perhaps to a role, as one of some acts."""

    speaker: str
    listener: str
    acts: tuple[str, ...]


@dataclass(frozen=True)
class Beat:
    """Steps that happen together, with a chance."""

    chance: float
    steps: tuple[Step, ...]


@dataclass
class Scene:
    """A small plot for up to four roles."""

    name: str
    weight: float
    bundle: str
    hero: dict[str, float] = field(default_factory=dict)
    beats: list[Beat] = field(default_factory=list)


@dataclass(frozen=True)
class Line:
    """One chat message."""

    speaker: str
    text: str


def read_scenes(name: str) -> list[Scene]:
    """Read the plots of a scenes file."""
    scenes: list[Scene] = []
    for line in read_lines(name):
        words = line.split()
        if words[0] == "=":
            scenes.append(Scene(words[1], float(words[2]), words[3]))
        elif words[0] == "hero":
            scenes[-1].hero = {w.split(":")[0]: float(w.split(":")[1]) for w in words[1:]}
        else:
            scenes[-1].beats.append(read_beat(line))
    return scenes


def read_beat(line: str) -> Beat:
    """Read `.5 a>b act|act ; b>a act`."""
    chance = 1.0
    if line[0] == ".":
        head, line = line.split(" ", 1)
        chance = float(head)
    steps = []
    for part in line.split(" ; "):
        who, acts = part.split()
        steps.append(Step(who[0], who[2:], tuple(acts.split("|"))))
    return Beat(chance, tuple(steps))


@dataclass(frozen=True)
class Cast:
    """Who talks: the group, the assistant among them, each one's voice.

    A shy assistant leaves it to the others to open a topic, as far as a scene allows, and
    refers to nothing that was not said: a conversation in which it would is spoiled.
    """

    group: list[str]
    me: str
    voices: dict[str, Voice]
    shy: bool = False


class Talk:
    """Writes conversations of a cast, scene by scene."""

    def __init__(self, seed: int, kept_back: bool = False) -> None:
        self.rng = random.Random(seed)
        self.kept_back = kept_back
        self.pools = read_pools("words.txt")
        self.plain = read_acts("plain.txt")
        self.dry = read_acts("dry.txt")
        self.scenes = read_scenes("scenes.txt")
        self.bundles = Bundles(self.rng)
        self.lines: list[Line] = []
        self.words: dict[str, str] = {}
        self.spoiled = False

    def draw_cast(self) -> Cast:
        """Draw a group, often the four of the sample chat, and their voices."""
        group = list(DEMO_GROUP) if self.rng.random() < 0.4 else self.draw_names()
        me = self.rng.choice(group)
        voices = {name: draw_friend(self.rng) for name in group}
        voices[me] = draw_assistant(self.rng)
        return Cast(group, me, voices)

    def draw_names(self) -> list[str]:
        """Draw a group of three or four names."""
        return self.rng.sample(self.pools["name"], 4)

    def converse(self, cast: Cast, scenes: int, drill: bool = False) -> list[Line]:
        """Play some scenes and return the lines; the assistant never speaks first."""
        while True:
            self.lines = []
            self.spoiled = False
            for scene in self.draw_scenes(scenes, drill):
                self.play(scene, cast)
            while self.lines and self.lines[0].speaker == cast.me:
                self.lines.pop(0)
            if any(line.speaker == cast.me for line in self.lines) and not self.spoiled:
                return self.lines

    def draw_scenes(self, count: int, drill: bool) -> list[Scene]:
        """Draw some scenes by their weights; drills are the scenes that repeat a value."""
        scenes = [s for s in self.scenes if s.name in DRILLS] if drill else self.scenes
        return self.rng.choices(scenes, [s.weight for s in scenes], k=count)

    def play(self, scene: Scene, cast: Cast) -> None:
        """Play one scene: cast the roles, keep its words, speak its beats."""
        chances = {r: w for r, w in scene.hero.items() if not (cast.shy and r == "a" and w < 1)}
        hero = self.rng.choices(list(chances), list(chances.values()))[0]
        others = self.rng.sample([n for n in cast.group if n != cast.me], len(cast.group) - 1)
        names = dict(zip([r for r in ROLES if r != hero], others, strict=False)) | {hero: cast.me}
        slots = Slots(self.rng, self.pools)
        bundle = self.bundles.draw(scene.bundle, slots)
        for word, value in bundle.words.items():
            slots[word] = value
        for role, name in names.items():
            slots[f"role_{role}"] = name
        self.words = slots.values
        for beat in scene.beats:
            if self.rng.random() < beat.chance:
                for step in beat.steps:
                    self.speak(step, names, slots, bundle, cast)

    def speak(self, step: Step, names: dict[str, str], slots: Slots, bundle: Bundle, cast: Cast) -> None:
        """Say one step in its speaker's voice."""
        speaker = names[step.speaker]
        voice = cast.voices[speaker]
        before = [line.speaker for line in self.lines if line.speaker != speaker]
        rest = [n for n in cast.group if n != speaker]
        listener = names[step.listener] if step.listener else (before or rest)[-1]
        slots["me"], slots["to"] = speaker, listener
        slots["third"] = self.rng.choice([n for n in rest if n != listener])
        act = self.rng.choice(step.acts)
        template = self.template(act, bundle, voice, speaker == cast.me)
        known = set(slots.values)
        text = slots.expand(template)
        if cast.shy and speaker == cast.me and act not in BRINGING:
            self.spoiled |= bool((slots.values.keys() - known) & REFERRING)
        if step.listener:
            text = self.addressed(text, listener, cast, speaker)
        for bubble in bubbles(text, voice, self.rng):
            self.lines.append(Line(speaker, typed(bubble, voice, self.rng)))
        if voice.dry < 1 and voice.burst and self.rng.random() < 0.04:
            self.lines.append(Line(speaker, typed(slots.draw("aside"), voice, self.rng)))

    def template(self, act: str, bundle: Bundle, voice: Voice, own: bool) -> str:
        """Draw a template of an act in a voice.

        Lines kept back are for the assistant of a held-out talk, who then says nothing else:
        a conversation in which an act has none is spoiled.
        """
        dry: Table = self.dry | bundle.dry
        if act in dry and self.rng.random() < voice.dry:
            found = chosen(dry[act], own and self.kept_back)
            if found:
                return self.rng.choice(found)
        if own and self.kept_back:
            self.spoiled = True
        return self.rng.choice((self.plain | bundle.plain)[act])

    def addressed(self, text: str, listener: str, cast: Cast, speaker: str) -> str:
        """Name the listener, most often when that is the assistant."""
        chance = 0.04 if speaker == cast.me else 0.38 if listener == cast.me else 0.12
        if self.rng.random() >= chance or listener in text or text[0] in "📷👍~":
            return text
        kind = self.rng.random()
        if kind < 0.5:
            return f"{listener}, {text}"
        if kind < 0.6:
            return f"{self.rng.choice(['hey', 'so', 'and', 'yo', 'hi'])} {listener} {text}"
        if kind < 0.7:
            return f"@{listener} {text}"
        return re.sub(r"([?!]?)$", rf" {listener}\1", text, count=1)
