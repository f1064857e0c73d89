"""The pages and the REST API with which people watch and steer the stand-in."""
