"""The running service: connectors, inbox, worker, outbox, dashboard, settings, command line."""
