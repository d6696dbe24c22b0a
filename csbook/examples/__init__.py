"""Small strategies to be read, run and changed. Nothing else of csbook uses them."""
