"""Builds and wires: settings become components, and components a service."""
