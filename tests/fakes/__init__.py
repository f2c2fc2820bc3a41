"""Stand-ins that keep the contracts."""
