"""Where everything is: the 16 communes of the Grand Chambord, and which of them have a gateway. Data only."""

from typing import NamedTuple


class Position(NamedTuple):
    """Degrees (WGS84), to about a kilometre."""

    latitude: float
    longitude: float


COMMUNES = {
    "Bauzy": Position(47.54, 1.61),
    "Bracieux": Position(47.55, 1.54),
    "Chambord": Position(47.61, 1.52),
    "Crouy-sur-Cosson": Position(47.65, 1.61),
    "Fontaines-en-Sologne": Position(47.51, 1.55),
    "Huisseau-sur-Cosson": Position(47.59, 1.45),
    "La Ferté-Saint-Cyr": Position(47.66, 1.67),
    "Maslives": Position(47.63, 1.48),
    "Mont-près-Chambord": Position(47.56, 1.46),
    "Montlivault": Position(47.64, 1.44),
    "Neuvy": Position(47.56, 1.60),
    "Saint-Claude-de-Diray": Position(47.62, 1.42),
    "Saint-Dyé-sur-Loire": Position(47.66, 1.49),
    "Saint-Laurent-Nouan": Position(47.72, 1.61),
    "Thoury": Position(47.63, 1.60),
    "Tour-en-Sologne": Position(47.54, 1.50),
}
"""The communes (INSEE, composition since 2019) and the middles of their villages."""

GATEWAYS = {
    "0016c001f1500001": "Bracieux",
    "0016c001f1500002": "Mont-près-Chambord",
    "0016c001f1500003": "Saint-Dyé-sur-Loire",
    "0016c001f1500004": "Saint-Laurent-Nouan",
    "0016c001f1500005": "Thoury",
}
"""The gateways, made up, each in the middle of a commune; what is far from all of them is heard badly."""
