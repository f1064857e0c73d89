"""The dashboard and the REST API: what people see and press."""
