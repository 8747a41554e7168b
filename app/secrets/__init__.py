"""The secrets at rest as a whole: which keys seal them, sealing them anew, and whether all can be opened."""
