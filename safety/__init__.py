"""May this turn be answered, may this text leave: verdicts, rules, the kill word."""
