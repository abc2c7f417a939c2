"""How a reply comes about: asked of a provider, ended, gone on with after a crash."""
