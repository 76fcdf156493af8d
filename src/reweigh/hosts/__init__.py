"""reweigh inside other people's training: thin adapters, one a host, each imported only where it is asked for."""
