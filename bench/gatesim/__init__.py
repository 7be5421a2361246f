"""What `gatebench.py` simulates: worlds (candidate - baseline, item by item), gates, and the targets they must meet."""
