"""How people look: skin, face, hair, clothes, and what they wear and hold."""
