"""The demo: three scripted friends and the sample persona, by the real path."""
