"""How a STELLAR is learnt: objective, views, data, the run, and how good a checkpoint is."""
