"""A local page on which one's own recording is analysed, listened to and corrected."""
