"""A fleet of virtual sensors in the 16 communes of the Grand Chambord, for the demo, tests and benchmarks.

Each sensor is a row of places.py: a model, a place, what goes on there, what is wrong with it. It encodes its frames
with the decoder's own declaration. What it measures is a function of place, time and seed; the radio loses some.

Time is told honestly:

- Events carry the clock's time, never a later one, whatever the speed. A frame is emitted 0.2 s after it was sent, as
  ChirpStack does, which waits for further gateways.
- Only the sensors' days go faster: at speed 60 an hour of school passes in a minute, and a sensor that sends every
  10 minutes is heard every 10 s. The fleet's days begin at the clock's own hour, and run ahead of it from then on.
- Before the beginning both times are one, so that on a plot the last day looks like a day. Of that day each sensor
  gives as many uplinks as ChirpStack's history holds, less 4, so that none is pushed out before it is read: 6 with
  `history=10`, 46 with `history=50`, one in half an hour. That they came then is told by their `nsTime`, their anchor;
  ChirpStack's LogItem ids are those of now. Events of other kinds have no other anchor, so all the past is uplinks.
- A frame counter counts what was sent: a gap is a frame that no gateway heard.

What the fleet does not know: holidays, rain on a roof, downlinks, ADR over time, duty cycle.
"""

from .fleet import DEMO_SPEED, Fleet
from .place import Application, Battery, Place, Troubles
from .places import PLACES
from .plain import plain

__all__ = ["DEMO_SPEED", "PLACES", "Application", "Battery", "Fleet", "Place", "Troubles", "plain"]
