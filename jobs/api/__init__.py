"""The REST interface. Views translate; they hold no logic."""
