"""Models that learn from a stream of recordings, in constant memory."""

from musaic_core.lowrank.online.learner import OnlineOptions
from musaic_core.lowrank.online.models import OnlineNCP, OnlineNMF, OnlineNTD

__all__ = ["OnlineNCP", "OnlineNMF", "OnlineNTD", "OnlineOptions"]
