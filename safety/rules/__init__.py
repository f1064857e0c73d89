"""The rules, one file each; `safety.chain` lists them in the order in which they are asked."""
