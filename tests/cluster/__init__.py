"""A package, so that what its tests share ends with the last of them: pytest's scope is called so."""
