"""The store on a real Redis."""
