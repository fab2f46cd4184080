"""How many planted changes `galspec diff` finds between two releases, and how many it invents."""
