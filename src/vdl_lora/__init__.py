"""Takes LoRaWAN events from ChirpStack, decodes them and stores each value once."""
