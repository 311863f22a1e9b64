"""What the pages call things in French: quantities, what is not good about a value, why an event is in quarantine.

Names of the code stay as they are everywhere else; this is the one place where they are put into French.
"""

# ruff: noqa: RUF001 - the apostrophe of French is this one

from collections.abc import Mapping

from vdl_lora.quantities import QUANTITIES

# fmt: off
QUANTITY_LABELS: Mapping[str, str] = {
    "air.temperature": "Température de l’air",
    "air.humidity": "Humidité relative",
    "air.co2": "CO₂",
    "air.tvoc": "Composés organiques volatils",
    "air.tvoc_mass": "Composés organiques volatils, en masse",
    "air.iaq_rating": "Indice de composés organiques volatils",
    "air.pm1": "Particules PM1",
    "air.pm2_5": "Particules PM2,5",
    "air.pm10": "Particules PM10",
    "air.radon": "Radon",
    "air.pressure": "Pression atmosphérique",
    "air.pressure_diff": "Pression différentielle",
    "air.illuminance": "Éclairement",
    "air.light_level": "Niveau de lumière",
    "air.sound_level": "Niveau sonore",
    "air.sound_peak": "Niveau sonore de crête",
    "air.motion_count_delta": "Mouvements depuis le relevé précédent",
    "water_meter.volume": "Index d’eau",
    "water_meter.volume_reverse": "Index d’eau en retour",
    "water_meter.flow": "Débit au compteur",
    "water_meter.water_temperature": "Température de l’eau au compteur",
    "water_meter.leak_alarm": "Alarme de fuite",
    "water_meter.backflow_alarm": "Alarme de retour d’eau",
    "water_meter.burst_alarm": "Alarme de rupture",
    "water_meter.freeze_alarm": "Alarme de gel",
    "water_meter.dry_alarm": "Compteur sans eau",
    "water_meter.alarm_code": "Code d’alarme du compteur",
    "water.level": "Hauteur d’eau",
    "water.pressure": "Pression de l’eau",
    "water.temperature": "Température de l’eau",
    "water.flow": "Débit",
    "water.conductivity": "Conductivité de l’eau",
    "water.ph": "pH",
    "water.turbidity": "Turbidité",
    "water.leak": "Fuite d’eau détectée",
    "water.depth": "Profondeur d’eau au-dessus du capteur",
    "probe.distance": "Distance mesurée",
    "probe.temperature": "Température de la sonde",
    "probe.humidity": "Humidité de la sonde",
    "probe.pulses_total": "Impulsions, total",
    "probe.pulses_delta": "Impulsions depuis le relevé précédent",
    "probe.voltage": "Entrée en tension",
    "probe.current": "Entrée en courant",
    "probe.contact": "Contact sec fermé",
    "probe.digital": "Entrée numérique à l’état haut",
    "probe.connected": "Sonde raccordée",
    "probe.threshold_alarm": "Seuil de la sonde franchi",
    "probe.interrupt": "Envoi dû à l’entrée d’interruption",
    "soil.moisture": "Humidité du sol",
    "soil.temperature": "Température du sol",
    "soil.conductivity": "Conductivité du sol",
    "soil.water_potential": "Tension de l’eau du sol",
    "weather.rain_delta": "Pluie depuis le relevé précédent",
    "weather.rain_rate": "Intensité de la pluie",
    "weather.rain_total": "Pluie, cumul",
    "weather.wind_speed": "Vent moyen",
    "weather.wind_gust": "Rafale",
    "weather.wind_direction": "Direction du vent",
    "weather.irradiance": "Rayonnement solaire",
    "weather.par": "Rayonnement photosynthétique",
    "weather.uv_index": "Indice UV",
    "weather.leaf_wetness": "Humectation du feuillage",
    "waste.fill_level": "Remplissage",
    "waste.tilt": "Inclinaison du bac",
    "electricity.energy_import": "Énergie soutirée",
    "electricity.energy_export": "Énergie injectée",
    "electricity.power_active": "Puissance active",
    "electricity.power_apparent": "Puissance apparente",
    "electricity.power_reactive": "Puissance réactive",
    "electricity.voltage": "Tension",
    "electricity.current": "Intensité",
    "electricity.power_factor": "Facteur de puissance",
    "electricity.frequency": "Fréquence du réseau",
    "electricity.power_subscribed": "Puissance souscrite",
    "heat.energy": "Énergie thermique",
    "heating.set_point": "Consigne de chauffage",
    "gas.volume": "Index de gaz",
    "lighting.on": "Éclairage",
    "lighting.dimming": "Niveau d’éclairage",
    "parking.occupied": "Place de stationnement",
    "presence.occupied": "Présence",
    "presence.people_in_delta": "Entrées depuis le relevé précédent",
    "presence.people_out_delta": "Sorties depuis le relevé précédent",
    "presence.people_in_total": "Entrées, total",
    "presence.people_out_total": "Sorties, total",
    "contact.open": "Ouverture",
    "contact.open_total": "Ouvertures, total",
    "position.latitude": "Latitude",
    "position.longitude": "Longitude",
    "device.battery_voltage": "Tension de la pile",
    "device.battery_level": "Niveau de la pile",
    "device.battery_low": "Pile faible",
    "device.internal_temperature": "Température interne",
    "device.tamper": "Alarme d’effraction",
    "device.error": "Panne signalée par le capteur",
    "device.acceleration": "Accélération",
    "device.movement_count_delta": "Déplacements depuis le relevé précédent",
    "device.tilted": "Appareil incliné",
}
# fmt: on

NO_YES = ("non", "oui")
STATE_WORDS: Mapping[str, tuple[str, str]] = {
    "contact.open": ("fermé", "ouvert"),
    "lighting.on": ("éteint", "allumé"),
    "parking.occupied": ("libre", "occupée"),
    "presence.occupied": ("personne", "quelqu’un"),
}
"""What false and true are called, where it is not `non` and `oui`."""

UNITS: Mapping[str, str] = {"count": "", "-": "", "pH": ""}
"""Units that are not written, or written otherwise."""

FLAGS: Mapping[str, str] = {
    "out_of_bounds": "hors des bornes attendues",
    "out_of_range": "trop grand pour être stocké",
    "not_a_number": "pas un nombre",
    "clock_replaced": "heure corrigée",
    "bad_clock": "horloge du capteur fausse",
    "no_sensor": "sonde absente",
    "too_near": "obstacle trop proche",
    "too_far": "hors de portée, trop loin",
    "out_of_reach": "hors de portée",
    "not_measured": "mesure impossible",
    "unknown_state": "état inconnu",
}
"""The states of `quality`; one that is not named here is shown as it is."""

CODES: Mapping[str, str] = {
    "bad_message": "événement illisible",
    "damaged": "événement endommagé dans le journal",
    "no_decoder": "aucun décodeur choisi",
    "payload": "contenu non conforme à la notice",
    "engine": "décodage interrompu",
    "decode": "décodage impossible",
    "decoder_failed": "erreur du décodeur",
    "not_served": "collectivité non suivie",
    "points_refused": "refusé par le stockage",
    "quarantined": "mis en quarantaine",
}
"""Why an event is in quarantine; a code that is not named here is shown as it is."""

KINDS: Mapping[str, tuple[str, str]] = {
    "up": ("uplink", "uplinks"),
    "join": ("join", "joins"),
    "status": ("état", "états"),
    "ack": ("acquittement", "acquittements"),
    "txack": ("envoi vers un capteur", "envois vers des capteurs"),
    "log": ("journal", "journaux"),
    "location": ("position", "positions"),
}
"""The kinds of ChirpStack's events, one and several."""


def pace(speed: float) -> str:
    """Say how much faster than the clock the days of virtual sensors pass; nothing where they do not."""
    times = f"{speed:g}".replace(".", ",")
    return f"Les journées des capteurs passent {times} fois plus vite que la vôtre." if speed > 1 else ""


def words(note: str = "") -> dict[str, object]:
    """Give everything that the page's script needs to speak; `note` stands beside the notice at its head."""
    return {
        "note": note,
        "quantities": {
            name: {
                "label": QUANTITY_LABELS.get(name, quantity.label),
                "unit": UNITS.get(quantity.unit, quantity.unit),
                "kind": quantity.kind,
                "type": quantity.type,
                "states": STATE_WORDS.get(name, NO_YES),
            }
            for name, quantity in QUANTITIES.items()
        },
        "flags": FLAGS,
        "codes": CODES,
        "kinds": KINDS,
    }
