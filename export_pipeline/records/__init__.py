"""The nouns that the stages pass on."""
