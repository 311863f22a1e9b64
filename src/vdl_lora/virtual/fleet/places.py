"""The places of the fleet: which sensor stands where, what it sees there and what is wrong with it. Data only.

The communes, their rivers and schools are real; the sensors are made up, and so is all that they say.
"""

# ruff: noqa: E501, RUF001 - a row is a line; French has this dash and this apostrophe

from .heating import ColdStore, HeatingCircuit
from .place import Application, Battery, Place, Troubles
from .rooms import CANTEEN, CLUBS, COUNCIL, LIBRARY, OFFICE, SCHOOL, Room
from .waste import Container
from .water import HOMES, Meter, River
from .weather import Outdoors

GRAND_CHAMBORD = "Communauté de communes du Grand Chambord"
MONT = "Commune de Mont-près-Chambord"
SYNDICATE = "Val de Loire Numérique"

SCHOOLS = Application(GRAND_CHAMBORD, "Écoles", "confort")
BUILDINGS = Application(GRAND_CHAMBORD, "Bâtiments", "confort")
WATER = Application(GRAND_CHAMBORD, "Eau", "eau")
WASTE = Application(GRAND_CHAMBORD, "Déchets", "déchets")
MONT_SCHOOLS = Application(MONT, "Écoles", "confort")
MONT_BUILDINGS = Application(MONT, "Bâtiments", "énergie")
RIVERS = Application(SYNDICATE, "Rivières", "risque")

CHILD = 12.0
OPEN_AIR = 3.0
IN_A_PIT = 20.0


def _class(people: int, volume: float) -> Room:
    return Room(SCHOOL, people, volume, breath=CHILD, night=18.0)


def _school_week(litres: float) -> tuple[float, ...]:
    return tuple(litres * share for share in (1.0, 1.1, 0.15, 1.0, 0.95, 0.0, 0.0))


_row = Place

# fmt: off
PLACES = (
    # Schools: a class going out, a meal, a cold store
    _row("École de Bracieux – salle 1", "Bracieux", "école", SCHOOLS, "elsys/ers-co2", 1, _class(24, 180)),
    _row("École de Bracieux – salle 2", "Bracieux", "école", SCHOOLS, "milesight/am307", 1, _class(21, 180)),
    _row("École de Saint-Laurent-Nouan – salle 3", "Saint-Laurent-Nouan", "école", SCHOOLS, "milesight/am307", 2, _class(25, 195)),
    _row("École de Huisseau-sur-Cosson – salle 2", "Huisseau-sur-Cosson", "école", SCHOOLS, "elsys/ers-co2", 2, _class(26, 175), troubles=Troubles(codec_fails=5)),
    _row("École de Saint-Claude-de-Diray – salle 1", "Saint-Claude-de-Diray", "école", SCHOOLS, "elsys/ers-co2", 3, _class(23, 170), troubles=Troubles(repeats=6)),
    _row("École de La Ferté-Saint-Cyr – salle de repos", "La Ferté-Saint-Cyr", "école", SCHOOLS, "milesight/em300-th", 1, _class(14, 120)),
    _row("Cantine de Bracieux – salle de repas", "Bracieux", "cantine", SCHOOLS, "elsys/ers-sound", 4, Room(CANTEEN, 70, 420, breath=CHILD)),
    _row("École de Mont-près-Chambord – CP", "Mont-près-Chambord", "école", MONT_SCHOOLS, "elsys/ers-co2", 5, _class(27, 165)),
    _row("École de Mont-près-Chambord – CM1", "Mont-près-Chambord", "école", MONT_SCHOOLS, "milesight/am307", 3, _class(22, 185)),
    _row("Cantine de Mont-près-Chambord – froid", "Mont-près-Chambord", "cantine", MONT_SCHOOLS, "adeunis/temp", 1, ColdStore(), battery=Battery(0.71)),

    # Buildings: heating set back at night and at the week-end, a heating circuit, a shed outside
    _row("Siège du Grand Chambord – salle de réunion", "Bracieux", "siège", BUILDINGS, "milesight/am307", 4, Room(OFFICE, 7, 140)),
    _row("Mairie de Chambord – accueil", "Chambord", "mairie", BUILDINGS, "milesight/em300-th", 2, Room(OFFICE, 2, 90)),
    _row("Mairie de Bauzy – salle du conseil", "Bauzy", "mairie", BUILDINGS, "milesight/em300-th", 3, Room(COUNCIL, 14, 150, night=15.0), walls=18.0),
    _row("Mairie de Thoury – secrétariat", "Thoury", "mairie", BUILDINGS, "elsys/ers", 6, Room(OFFICE, 2, 70)),
    _row("Mairie de Neuvy – bureau", "Neuvy", "mairie", BUILDINGS, "watteco/th", 1, Room(OFFICE, 1, 60)),
    _row("Salle des fêtes de Montlivault", "Montlivault", "salle des fêtes", BUILDINGS, "elsys/ers", 7, Room(CLUBS, 45, 900, night=12.0)),
    _row("Gymnase de Saint-Laurent-Nouan", "Saint-Laurent-Nouan", "gymnase", BUILDINGS, "elsys/ers", 8, Room(CLUBS, 30, 6000, comfort=16.0, night=11.0)),
    _row("Bibliothèque de Saint-Dyé-sur-Loire", "Saint-Dyé-sur-Loire", "bibliothèque", BUILDINGS, "milesight/em300-th", 4, Room(LIBRARY, 8, 160), troubles=Troubles(restarts=20)),
    _row("Salle des fêtes de Fontaines-en-Sologne", "Fontaines-en-Sologne", "salle des fêtes", BUILDINGS, "milesight/em300-th", 5, Room(CLUBS, 30, 700, night=11.0), battery=Battery(0.06, lasts_h=80)),
    _row("Mairie de Maslives – archives", "Maslives", "mairie", BUILDINGS, "milesight/em300-th", 6, Room(OFFICE, 1, 50, comfort=17.0), troubles=Troubles(cut_short=4)),
    _row("Mairie de Crouy-sur-Cosson – accueil", "Crouy-sur-Cosson", "mairie", BUILDINGS, "milesight/em300-th", 7, Room(OFFICE, 2, 80), chosen=False),
    _row("Atelier de Tour-en-Sologne – abri extérieur", "Tour-en-Sologne", "atelier", BUILDINGS, "milesight/em300-th", 8, Outdoors(), walls=OPEN_AIR),
    _row("Atelier de Tour-en-Sologne – bureau", "Tour-en-Sologne", "atelier", BUILDINGS, "elsys/ers", 9, Room(OFFICE, 2, 60), disabled=True),
    _row("Chaufferie de Mont-près-Chambord – départ et retour", "Mont-près-Chambord", "chaufferie", MONT_BUILDINGS, "adeunis/temp", 2, HeatingCircuit()),
    _row("Chaufferie de Mont-près-Chambord – local", "Mont-près-Chambord", "chaufferie", MONT_BUILDINGS, "watteco/th", 2, HeatingCircuit()),

    # Water: a meter with a leak, meters that rest at night, a village that never does
    _row("École de Bracieux – compteur d’eau", "Bracieux", "école", WATER, "axioma/qalcosonic-w1", 1, Meter(1_284.6, _school_week(1900)), walls=IN_A_PIT),
    _row("Gymnase de Saint-Laurent-Nouan – compteur d’eau", "Saint-Laurent-Nouan", "gymnase", WATER, "axioma/qalcosonic-w1", 2, Meter(3_051.2, (2100, 2400, 3100, 2300, 2600, 3900, 1500), leak=85.0), walls=IN_A_PIT),
    _row("Mairie de Huisseau-sur-Cosson – compteur d’eau", "Huisseau-sur-Cosson", "mairie", WATER, "axioma/qalcosonic-w1", 3, Meter(402.9, (220, 180, 160, 210, 240, 0, 0)), walls=IN_A_PIT + 6),
    _row("Neuvy – compteur de secteur", "Neuvy", "réseau", WATER, "axioma/qalcosonic-w1", 4, Meter(88_210.0, (38e3, 36e3, 39e3, 36e3, 37e3, 44e3, 43e3), HOMES), walls=OPEN_AIR),
    _row("Stade de Montlivault – arrosage", "Montlivault", "stade", WATER, "watteco/pulse-sens-o", 3, Meter(5_120.0, (6e3, 0, 6e3, 0, 6e3, 9e3, 0), fitted_at=4_870.0), walls=OPEN_AIR),

    # Rivers: a flood that goes down the Cosson and the Beuvron, and later fills the Loire
    _row("Cosson à La Ferté-Saint-Cyr", "La Ferté-Saint-Cyr", "rivière", RIVERS, "milesight/em500-udl", 1, River(0.55, 1.9, 3.8, begins_h=-9), walls=OPEN_AIR),
    _row("Cosson à Chambord", "Chambord", "rivière", RIVERS, "dragino/ldds75", 1, River(0.65, 2.2, 4.2, begins_h=-5), walls=OPEN_AIR),
    _row("Beuvron à Bracieux", "Bracieux", "rivière", RIVERS, "milesight/em500-udl", 2, River(0.7, 2.4, 4.5, begins_h=-3), walls=OPEN_AIR),
    _row("Loire à Saint-Dyé-sur-Loire", "Saint-Dyé-sur-Loire", "rivière", RIVERS, "dragino/ldds75", 2, River(1.1, 2.6, 6.8, begins_h=6, rises_h=40, falls_h=70), walls=OPEN_AIR),

    # Waste: containers that fill until they are emptied
    _row("Colonne à verre de Maslives", "Maslives", "point d’apport", WASTE, "milesight/em310-udl", 1, Container(1.9, every_d=14, emptied_on=3), walls=OPEN_AIR),
    _row("Colonne à verre de Saint-Claude-de-Diray", "Saint-Claude-de-Diray", "point d’apport", WASTE, "milesight/em310-udl", 2, Container(1.9, fills_to=0.97), walls=OPEN_AIR),
    _row("Colonne à papier de Saint-Dyé-sur-Loire", "Saint-Dyé-sur-Loire", "point d’apport", WASTE, "milesight/em310-udl", 3, Container(1.7, every_d=2, emptied_on=0), walls=OPEN_AIR),
)
# fmt: on
