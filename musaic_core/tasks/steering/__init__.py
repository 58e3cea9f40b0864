"""A recording, and what a user asks to be louder, softer or gone."""
