"""What stands in for AWS on a laptop: a gateway, a Lambda environment and a Postgres. Never deployed."""
