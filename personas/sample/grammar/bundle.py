"""Bundles: the words of one scene that belong together, such as a plan's things and place."""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from personas.sample.grammar.template import Slots, Table, read_rows

PAIR_POOLS = [
    "food",
    "food",
    "sweet",
    "drink",
    "drink",
    "city",
    "pet",
    "noun",
    "nouns",
    "team",
    "skill",
    "day",
    "time",
    "place",
    "film_kind",
    "season",
    "colour",
    "transport_kind",
    "pizza_kind",
    "clock",
    "twin",
    "twin",
    "twin",
    "twin",
    "thing",
]

TABLES = (
    "activities",
    "facts",
    "twofacts",
    "jokes",
    "favourites",
    "life",
    "asks",
    "small_talk",
)


@dataclass(frozen=True)
class Bundle:
    """Words a scene keeps, and templates that only this scene has."""

    words: Mapping[str, str] = field(default_factory=dict)
    plain: Table = field(default_factory=dict)
    dry: Table = field(default_factory=dict)


class Bundles:
    """Draws bundles by name from the tables of this folder."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.tables = {name: read_rows(f"{name}.txt") for name in TABLES}
        self.draws: dict[str, Callable[[Slots], Bundle]] = {
            "-": lambda slots: Bundle(),
            "activity": self.activity,
            "fact": self.fact,
            "fact2": self.two_facts,
            "pair": self.pair,
            "pizza": self.pizza,
            "film": lambda slots: Bundle({"title": slots.draw("title").title().replace("'S", "'s")}),
            "sport": lambda slots: Bundle(),
            "joke": self.joke,
            "maths": self.maths,
            "favourite": self.favourite,
            "life": lambda slots: self.situation("life"),
            "ask": lambda slots: self.situation("ask"),
            "small_talk": lambda slots: self.small_talk(),
        }

    def draw(self, name: str, slots: Slots) -> Bundle:
        """Draw the bundle a scene asks for."""
        return self.draws[name](slots)

    def activity(self, slots: Slots) -> Bundle:
        """Draw something to do, with what to bring, when and where."""
        verb, short, noun, items, places = self.rng.choice(self.tables["activities"])
        food = slots.draw("food")
        things = [i.strip() for i in items.split(";")]
        place = slots.expand(self.rng.choice(places.split(";")).strip())
        first, second = self.rng.sample(things, 2) if len(things) > 1 else (things[0], "snacks")
        words = {"act": verb, "actn": short, "actt": noun, "place": place}
        words = {k: slots.expand(v.replace("<food>", food)) for k, v in words.items()}
        return Bundle(words | {"item": first, "item2": second, "dish": food})

    def fact(self, slots: Slots) -> Bundle:
        """Draw a fact whose value someone asks for later."""
        said, asked, pool = self.rng.choice(self.tables["facts"])
        value = self.secret() if pool == "secret" else slots.draw(pool)
        return Bundle({"v": value}, {"fact": [said], "fact_q": [asked]})

    def two_facts(self, slots: Slots) -> Bundle:
        """Draw two facts of a kind; someone asks for one of them."""
        said, asked, pool, subjects = self.rng.choice(self.tables["twofacts"])
        one, two = self.rng.sample([s.strip() for s in subjects.split(";")], 2)
        first = slots.draw(pool)
        second = slots.draw(pool, {first})
        facts = [said.replace("$s", one).replace("$v", first)]
        others = [said.replace("$s", two).replace("$v", second)]
        target, value = self.rng.choice([(one, first), (two, second)])
        asks = [asked.replace("$s", target)]
        return Bundle({"v": value}, {"fact": facts, "other_fact": others, "fact_q": asks})

    def secret(self) -> str:
        """Make up a code or a password."""
        digits = str(self.rng.randint(10, 9999))
        return digits if self.rng.random() < 0.5 else self.rng.choice(WORDLETS) + digits

    def pair(self, slots: Slots) -> Bundle:
        """Draw two things of a kind to choose between."""
        pool = self.rng.choice(PAIR_POOLS)
        if pool == "twin":
            first, second = slots.draw("twin").split("/")
        else:
            first = slots.draw(pool)
            second = slots.draw(pool, {first})
        pick, other = self.rng.sample([first, second], 2)
        return Bundle({"x": first, "x2": second, "pick": pick, "unpick": other})

    def pizza(self, slots: Slots) -> Bundle:
        """Draw a pizza with a topping worth a remark."""
        topping = slots.draw("topping")
        return Bundle({"topping": topping, "pizza": f"one with {topping}"})

    def joke(self, slots: Slots) -> Bundle:
        """Draw a joke in two halves."""
        setup, punch = self.rng.choice(self.tables["jokes"])
        return Bundle(
            {},
            {
                "joke_setup": [setup],
                "joke_punch": [punch],
                "joke_full": [f"{setup} // {punch}"],
                "joke_tell": [f"{setup} // {punch}"],
            },
            {"joke_tell": [f"{setup} // {punch}", f"{setup} // {punch} // im sorry"]},
        )

    def maths(self, slots: Slots) -> Bundle:
        """Draw a sum."""
        first, second = self.rng.randint(2, 99), self.rng.randint(2, 20)
        sign = self.rng.choice(["+", "-", "*", "x", "/", "plus", "minus", "times", "divided by"])
        return Bundle({"sum": f"{first} {sign} {second}"})

    def favourite(self, slots: Slots) -> Bundle:
        """Draw a kind of thing and one thing of it."""
        kind, pool = self.rng.choice(self.tables["favourites"])
        return Bundle({"favk": kind, "fav": slots.draw(pool)})

    def small_talk(self) -> Bundle:
        """Draw a row of what is said to Sam, and his replies."""
        said, replies = self.rng.choice(self.tables["small_talk"])
        return Bundle({}, {"small_said": said.split(" ; ")}, {"small_reply": replies.split(" ; ")})

    def situation(self, name: str) -> Bundle:
        """Draw a row of what is said, plain replies and dry replies."""
        said, plain, dry = self.rng.choice(self.tables["life" if name == "life" else "asks"])
        lead, reply = ("life_s", "life_r") if name == "life" else ("ask_q", "ask_a")
        plains, drys = plain.split(" ; "), dry.split(" ; ")
        return Bundle({}, {lead: said.split(" ; "), reply: plains}, {reply: drys})


WORDLETS = [
    "blue",
    "tiger",
    "rocket",
    "sun",
    "pizza",
    "happy",
    "house",
    "kiwi",
    "monkey",
    "cloud",
    "banana",
    "coffee",
    "home",
    "summer",
]
