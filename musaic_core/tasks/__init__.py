"""What models are given, and what is made of what they find."""
