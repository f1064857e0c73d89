"""Names to draw pseudonyms from, and words that are no names or not always.

The names are common ones of several countries, put together at random: nobody in particular is meant.
"""

from __future__ import annotations

from typing import Final


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


GIVEN: Final = _words(
    """
    Ada Adil Agnes Aiko Alba Aldo Amara Amir Anke Anouk Arlo Asger Astrid Aurel Aya Bastian Bea Benno Birgit
    Bodil Bruno Calla Cato Celeste Cem Cleo Corin Cosima Dalia Damir Darius Delia Dilan Dorte Edda Efe Eleni
    Elio Elske Emre Enzo Esme Fabian Farah Fenna Fergus Fiona Flavia Franka Freya Gaia Gavin Gesa Gideon Gina
    Greta Gunnar Hala Hamza Hanno Hedda Helmi Ida Idris Ilka Imani Ines Ingo Inka Iris Isak Ivo Jadwiga Jamila
    Janek Jarl Jasna Jelle Jorun Juno Kai Kaja Kamal Katja Kian Kimi Kira Lale Lara Lasse Leif Leyla Liam
    Linnea Livia Lorenz Luca Lumi Maelle Magnus Malin Marek Marit Mats Mehdi Merle Mika Milo Mina Mirko Nadia
    Naomi Nela Nico Nilo Nina Noor Odin Olga Orla Oskar Ottilie Paco Paola Pelle Petra Pia Quentin Rafa Ragna
    Rania Remy Renske Rhea Romy Ronja Rufus Runa Sadie Samir Sanne Selma Senna Signe Silas Sinja Stella Sven
    Svea Tadeo Talia Tamsin Tarek Thea Tilda Timo Tove Ulla Una Valerie Vera Vidar Vito Wanda Wim Xenia Yara
    Yaron Ylva Yuki Yusuf Zara Zeno Zita Zoran
    """
)
FAMILY: Final = _words(
    """
    Abel Adler Alvarez Amsel Anders Arndt Bakker Barlow Becker Bianchi Birk Borg Brandt Brunner Calder
    Carvalho Castel Conti Dahl Dekker Delgado Demir Dorn Duarte Eklund Ellis Engel Falk Farkas Ferrari
    Fontaine Forster Fuchs Gallo Garnier Gerber Haas Hagen Halvorsen Hartley Hendriks Holm Huber Ibsen Jansen
    Kaya Keller Kemper Kowal Kranz Laurent Lehner Lindgren Lombardi Lorca Lund Maier Marchetti Martel Meijer
    Moreau Moser Navarro Nieto Nordin Novak Olsen Ortega Paulsen Pereira Petrov Quist Ramos Reuter Ricci Rossi
    Sandoval Santoro Schenk Serrano Silva Sommer Stahl Sterling Strand Tanaka Thorne Torres Urban Valente Vega
    Verne Vogt Voss Wagner Weller Winter Wolff Yilmaz Zander Ziegler
    """
)
ORDINARY: Final = frozenset(
    _words(
        """
    amber april art august autumn bill bishop brook brown buck bush chance chase chip christian clay cliff
    cook daisy dale dawn day dean dick dolly drew earnest ernst eve faith fleet ford frank franco frieden gene
    glen glory gold grace grant gray green gut guy hank harmony hart heath holly hope hunter ivy jack jay jean
    jimmy joy june king knight lane lance lee lily long love major mark mars marsh mason may mercy miles misty
    moss myrtle neo noble norm olive opal page paris pat patience peach pearl penny pepper piper poppy price
    prince queen rain randy ray reed rich rip rob robin rocky rose rosa ruby rusty sage sally sandy sky sol
    stark sonny spencer star sterling storm stone sue summer sunny terry tony trip truth victor violet wade
    walker ward waters wells west will winter wood woods young lieb klein gross schwarz weiss braun stein berg
    bach koch jung sanft hell sommer herbst mal sei son
    """
    )
)
"""Names that are words, too: they are taken for names only where they are written with a capital."""
ROLES: Final = frozenset(
    _words(
        """
    mum mom mummy mama mami mutti mutter mamma maman dad daddy papa papi vati vater pap papà padre madre mother father
    grandma grandpa granny nana oma opa nonna nonno abuela abuelo aunt auntie uncle tante onkel bro sis brother sister
    dr prof mr mrs ms herr frau sir de da di del della der den des du el la le les van von zu zum the of and und from
    work arbeit home office gym group gruppe team chef boss neighbour nachbar handy mobile phone new neu old alt me ich
    """
    )
)
"""Parts of what people call their contacts that name nobody."""
STREETS: Final = frozenset(
    _words(
        """
    street road avenue lane boulevard crescent terrace ave blvd drive court square place close way straße
    strasse str allee weg platz gasse calle avenida avda plaza paseo carrer rua travessa praça praca alameda
    via viale piazza corso vicolo rue chemin impasse quai allée bis ter
    """
    )
)
"""Words of an address that every address may have."""
