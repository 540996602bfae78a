"""Development tools, such as a local gateway, Lambda environment and Postgres. Never deployed to AWS."""
