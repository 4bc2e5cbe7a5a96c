"""Device descriptions, one TOML each; read through ``tvmedge.resources``."""
