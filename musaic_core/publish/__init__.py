"""Results files made into a static site: ``python -m musaic_core.publish``."""
