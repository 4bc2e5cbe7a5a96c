"""Small named steps that rules are composed of."""
