"""Everything that reads foreign text takes time in proportion to its length."""
