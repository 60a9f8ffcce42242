"""Bodies of people and animals: shapes, skeletons, skin that follows them."""
