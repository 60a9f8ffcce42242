"""Where people are filmed: cameras, surroundings, light."""
